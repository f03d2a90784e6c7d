"""What everything around the networks costs a warm CPU image. Asked for: at most 2 % for hooks, engine, policy, record, files.

That is a request's wall time, less the time that its steps that draw took by themselves, as the record has it, less the gate's
CLIP network (the rest of the gates counts), and less what the marks take that a machine reads: putting the invisible mark in,
reading it back from the final file, and signing the content credentials. These are told apart.

While a network runs, threads that nobody waits for write decisions and publish heads; they can hold it up for as long as they
compute, so their processor time is told as well.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from limner import Image, WatermarkReading
from limner.app import App
from limner.audit.reading import request as record_of
from limner.project import create_project

PROMPT = "a red circle above a blue square"
MODEL = "scenes"
DRAWING = "unclip."
MARKING = ("watermark.invisible", "c2pa")
BESIDE = ("limner-audit-writer", "limner-heads")  # threads
ASKED = 0.02


@dataclass(frozen=True)
class Spent:
    """Seconds of one request: all of them, those for networks, and for marks that a machine reads.

    `beside` is the processor time of the threads that write the record.
    """

    wall: float
    networks: float
    marks: float
    beside: float

    @property
    def around(self) -> float:
        """What is left for hooks, engine, policy, record and files."""
        return self.wall - self.networks - self.marks


class TimedApp(App):
    """An application that knows how long it has read marks, and its gates' network has looked at images."""

    reading = 0.0  # seconds
    looking = 0.0  # seconds

    def time_looking(self) -> None:
        """From now on."""
        encoder = self.models.bind(torch.device("cpu"), torch.float32).component(MODEL, "image_encoder")

        def begun(*_: Any) -> None:
            self.looking -= time.perf_counter()

        def ended(*_: Any) -> None:
            self.looking += time.perf_counter()

        encoder.register_forward_pre_hook(begun)
        encoder.register_forward_hook(ended)

    def read_marks(self, image: Image) -> tuple[WatermarkReading, ...]:
        start = time.perf_counter()
        try:
            return super().read_marks(image)
        finally:
            self.reading += time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        create_project(Path(folder))
        app = TimedApp.open(Path(folder))
        assert isinstance(app, TimedApp)
        with app:
            app.run(app.request(PROMPT, seed=0))  # loads the networks where they will run
            app.time_looking()
            report([run(app, seed) for seed in range(1, runs + 1)])


def run(app: TimedApp, seed: int) -> Spent:
    """One request, and where its time went."""
    asked, read_before, looked_before, beside = app.request(PROMPT, seed=seed), app.reading, app.looking, beside_seconds()
    start = time.perf_counter()
    result = app.run(asked)
    wall = time.perf_counter() - start
    beside = beside_seconds() - beside
    assert result.images[0].outcome == "released", result.images[0]
    [steps] = [event.body["steps"] for event in record_of(app.database, app.keys, asked.id).events if "steps" in event.body]
    drawing = sum(step["seconds"] for step in steps if step["type"].startswith(DRAWING))
    marking = sum(step["seconds"] for step in steps if step["type"] in MARKING)
    return Spent(wall, drawing + app.looking - looked_before, marking + app.reading - read_before, beside)


def beside_seconds() -> float:
    """Processor time that the threads which write the record have had so far."""
    clocks = [time.pthread_getcpuclockid(thread.ident or 0) for thread in threading.enumerate() if thread.name in BESIDE]
    return sum(map(time.clock_gettime, clocks))


def report(requests: Sequence[Spent]) -> None:
    """Medians, in milliseconds and as shares of the image."""
    print(f"a warm image: {statistics.median(spent.wall for spent in requests):.3f} s (median of {len(requests)} requests)")
    share = line("hooks, engine, policy, record and files", [(spent.around, spent.wall) for spent in requests])
    print(f"    asked: at most {ASKED:.0%}: {'met' if share <= ASKED else 'NOT met'}")
    line("the invisible mark, its reading back, content credentials", [(spent.marks, spent.wall) for spent in requests])
    line("processor time of the threads that write the record", [(spent.beside, spent.wall) for spent in requests])


def line(name: str, taken: Sequence[tuple[float, float]]) -> float:
    """Tell of one kind of work its seconds, of those of the whole; returns its share."""
    share = statistics.median(part / wall for part, wall in taken)
    print(f"{name}: {statistics.median(part for part, _ in taken) * 1000:.1f} ms, {share:.2%}")
    return share


if __name__ == "__main__":
    main()
