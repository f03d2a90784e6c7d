"""What the record adds to a warm image of the shipped model. Asked for: at most 1 %.

The time that a request's own thread spends in its record: handing events over, and waiting for two of the commits.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from limner.app import App
from limner.project import create_project
from limner.recording import Record

PROMPT = "a red circle above a blue square"
IN_THE_RECORD = ("accept", "step", "decision", "outcome")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    spent: dict[str, float] = {}
    for name in IN_THE_RECORD:
        setattr(Record, name, _timed(name, getattr(Record, name), spent))
    with tempfile.TemporaryDirectory() as folder:
        create_project(Path(folder))
        with App.open(Path(folder)) as app:
            measured = [_run(app, seed, spent) for seed in range(runs + 1)][1:]
    shares = [sum(parts.values()) / wall for wall, parts in measured]
    parts = {name: statistics.median(parts.get(name, 0.0) for _, parts in measured) * 1000 for name in IN_THE_RECORD}
    told = ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in parts.items())
    wall = statistics.median(wall for wall, _ in measured)
    print(f"a warm image: {wall:.3f} s; in the record {statistics.median(shares):.2%}: {told} (medians of {runs} requests)")


def _timed(name: str, method: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*args: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*args, **named)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

    return timed


def _run(app: App, seed: int, spent: dict[str, float]) -> tuple[float, dict[str, float]]:
    spent.clear()
    asked = app.request(PROMPT, seed=seed)
    start = time.perf_counter()
    result = app.run(asked)
    wall = time.perf_counter() - start
    assert result.images[0].outcome == "released", result.images[0]
    return wall, dict(spent)


if __name__ == "__main__":
    main()
