"""What everything around the networks costs: hooks, engine, policy, record, files. Asked for: at most 2 % of a warm CPU image.

A request's wall time, less the time that its steps with networks took by themselves, as the record has it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from limner.app import App
from limner.audit.reading import request as record_of
from limner.project import create_project

PROMPT = "a red circle above a blue square"
WITH_NETWORKS = ("unclip.", "clip.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        create_project(Path(folder))
        with App.open(Path(folder)) as app:
            run(app, seed=0)
            shares = [run(app, seed) for seed in range(1, runs + 1)]
    around = statistics.median(wall - inside for wall, inside in shares)
    share = statistics.median((wall - inside) / wall for wall, inside in shares)
    wall = statistics.median(wall for wall, _ in shares)
    print(f"a warm image: {wall:.3f} s; around the networks {around * 1000:.1f} ms, {share:.2%} (median of {runs} requests)")


def run(app: App, seed: int) -> tuple[float, float]:
    """Wall seconds of one request, and the seconds inside its steps with networks."""
    asked = app.request(PROMPT, seed=seed)
    start = time.perf_counter()
    result = app.run(asked)
    wall = time.perf_counter() - start
    assert result.images[0].outcome == "released", result.images[0]
    [steps] = [event.body["steps"] for event in record_of(app.database, app.keys, asked.id).events if "steps" in event.body]
    return wall, sum(step["seconds"] for step in steps if step["type"].startswith(WITH_NETWORKS))


if __name__ == "__main__":
    main()
