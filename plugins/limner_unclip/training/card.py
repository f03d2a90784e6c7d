"""The model card: how a model was made, what it can do by measurement, what it is for and where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner_unclip.training.export import write_hashes

ROWS = {
    "single": "one thing, right in colour and shape",
    "pair": "two things, each right",
    "relation": "two things, in the relation asked",
}


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage as it was run."""

    stage: str
    parameters: int
    steps: int
    batch: int
    minutes: float
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card tells. `evaluation` is the JSON of the evaluation command; `defaults` are the settings it was taken at."""

    name: str
    summary: str
    data: str
    hardware: str
    stages: Sequence[StageRun]
    evaluation: Mapping[str, Any]
    command: str
    defaults: Mapping[str, str]
    intended: Sequence[str]
    limits: Sequence[str]
    licence: str


def write_card(card: Card, folder: Path) -> None:
    """Write the card as the folder's README.md, and its hashes anew."""
    (folder / "README.md").write_text(card_text(card), "utf-8")
    write_hashes(folder)


def card_text(card: Card) -> str:
    """The card as Markdown."""
    sections = [
        f"# Model card: {card.name}\n\n{card.summary}",
        f"## Data\n\n{card.data}",
        f"## Training\n\n{card.hardware}\n\n{_table(_STAGE_HEAD, map(_stage_row, card.stages))}",
        f"## Evaluation\n\n`{card.command}`\n\n{_table(_RESULT_HEAD, _result_rows(card.evaluation))}",
        f"## Settings\n\n{_table(('setting', 'value'), card.defaults.items())}",
        f"## Intended use\n\n{_list(card.intended)}",
        f"## Limits\n\n{_list(card.limits)}",
        f"## Files\n\nLaid out as a Karlo directory. `sha256sum -c SHA256SUMS` checks every file.\n\nLicence: {card.licence}",
    ]
    return "\n\n".join(sections) + "\n"


_STAGE_HEAD = ("stage", "parameters", "steps", "batch", "minutes", "")
_RESULT_HEAD = ("suite", "task", "right", "share", "95 % interval (Wilson)")


def _stage_row(run: StageRun) -> tuple[str, ...]:
    return (run.stage, f"{run.parameters:,}", f"{run.steps:,}", str(run.batch), f"{run.minutes:.0f}", run.remark)


def _result_rows(evaluation: Mapping[str, Any]) -> Sequence[tuple[str, ...]]:
    return [
        (suite, ROWS[task], f"{rate['right']}/{rate['of']}", f"{rate['share']:.1%}", f"{rate['low']:.1%} to {rate['high']:.1%}")
        for suite, result in evaluation["suites"].items()
        for task, rate in result["tasks"].items()
    ]


def _table(head: Sequence[str], rows: Any) -> str:  # any iterable of rows of text
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
