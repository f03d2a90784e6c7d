"""Eight requests arriving 50 ms apart, beside the peer handling them one after another: mean latency and throughput.

Both have the same weights, steps, guidance and threads. Ours goes through the pipeline `text-to-image`, its policy, marks and
record; the peer only draws.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import peer
from shipped import DECODER_GUIDANCE, PRIOR_GUIDANCE

from limner.app import App
from limner.project import create_project

PROMPTS = [f"a {colour} {shape}" for colour in ("red", "blue", "green", "yellow") for shape in ("circle", "star")]
APART = 0.05  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    pipeline, turn = peer.load(), threading.Lock()

    def theirs(prompt: str, seed: int) -> None:
        with turn:
            peer.draw(pipeline, prompt, seed, prior_guidance=PRIOR_GUIDANCE, decoder_guidance=DECODER_GUIDANCE)

    with tempfile.TemporaryDirectory() as folder:
        create_project(Path(folder))
        with App.open(Path(folder)) as app:

            def ours(prompt: str, seed: int) -> None:
                app.run(app.request(prompt, seed=seed))

            ours(PROMPTS[0], 0)
            theirs(PROMPTS[0], 0)
            for number in range(rounds):
                sides = [("ours", ours), ("theirs", theirs)]
                for name, run in sides if number % 2 else reversed(sides):
                    taken[name].append(arrive(run))
    for name, measured in taken.items():
        latency, throughput = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"{name}: mean latency {latency:.2f} s, {throughput:.2f} images/s (median of {rounds} interleaved rounds)")


def arrive(run: Callable[[str, int], None]) -> tuple[float, float]:
    """Mean latency in seconds and images a second, for the eight requests."""
    latencies: list[float] = []
    start = time.perf_counter()

    def request(number: int) -> None:
        due = start + number * APART
        time.sleep(max(0.0, due - time.perf_counter()))
        run(PROMPTS[number], number)
        latencies.append(time.perf_counter() - due)

    threads = [threading.Thread(target=request, args=(number,)) for number in range(len(PROMPTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.mean(latencies), len(PROMPTS) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
