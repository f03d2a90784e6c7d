"""What each stage of a run leaves on paper beside its networks: how it was trained, for the card and for who checks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limner import ConfigurationError

FOLDER = "stages"


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage as it was run. `foundation` is the hash of the CLIP it stands on, `settings` its section of the recipe."""

    stage: str
    parameters: int
    steps: int
    batch: int
    minutes: float
    remark: str = ""
    loss: float | None = None
    device: str = ""
    processes: int = 1
    data: str = ""
    foundation: str = ""
    settings: Mapping[str, Any] | None = None  # JSON


def write_record(run: Path, record: StageRun) -> None:
    """Write the stage's record into its run's folder."""
    path = run / FOLDER / f"{record.stage}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")


def drop_record(run: Path, stage: str) -> None:
    """Remove the stage's record, before its networks are written: killed amid that, the stage counts as not done."""
    (run / FOLDER / f"{stage}.json").unlink(missing_ok=True)


def read_records(run: Path) -> dict[str, StageRun]:
    """The records of a run by stage, in the order they were written in. Raises ConfigurationError for one that is none."""
    return {record.stage: record for record in map(_read, sorted((run / FOLDER).glob("*.json"), key=_written))}


def _read(path: Path) -> StageRun:
    try:
        return StageRun(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"is not a stage's record: {error}", where=str(path), fix="train that stage again") from error


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns
