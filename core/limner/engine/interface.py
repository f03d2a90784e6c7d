"""What the orchestrator asks of an engine. Calls and answers survive pickling, so an engine may live in other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from limner.bound import StepRef
from limner.generation import Generation, Image, Signal

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Previews:
    """What an iterative step is to show on its way: `count` previews at even distances, each given to `show`.

    `show` is called on engine threads, and must be quick.
    """

    count: int
    show: Callable[[Image], None]

    def is_due(self, done: int, steps: int) -> bool:
        """Whether a preview is due after so many of the steps; never after the last, which gives the image itself."""
        return done < steps and done in {round(number * steps / (self.count + 1)) for number in range(1, self.count + 1)}


@dataclass(frozen=True, slots=True, eq=False)
class StepRun:
    """A step's answer for one generation: the next generation, what was measured, and how it ran.

    `seconds` is the time in the step, loading and waiting excluded; `batch` is how many generations shared the (largest) call.
    """

    generation: Generation
    signals: tuple[Signal, ...]
    seconds: float
    device: str
    precision: str
    batch: int


class Engine(Protocol):
    """Runs steps. Thread-safe."""

    def submit(
        self,
        ref: StepRef,
        generation: Generation,
        deadline: float | None = None,
        on_progress: Progress | None = None,
        previews: Previews | None = None,
    ) -> Future[StepRun]:
        """Run one step for one generation.

        `deadline` is in seconds from when a worker takes the generation up. The future ends in a StepRun, or in StepError (the
        step raised, answered nonsense, or was late), ModelError (it could not load) or Cancelled.
        """

    def cancel(self, request_id: str) -> None:
        """Stop every generation of this request at its next chance; their futures end in Cancelled."""

    def capacity(self) -> Mapping[str, int]:
        """How many generations each kind of worker (`accelerator`, `cpu`, `io`) could take up now."""

    def close(self) -> None:
        """Stop taking work up and end what waits as Cancelled."""
