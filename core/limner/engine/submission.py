"""One generation on its way through one step: its future, its deadline and its place in the order."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import NamedTuple

from limner.bound import StepRef
from limner.engine.failure import place
from limner.engine.interface import Previews, Progress, StepRun
from limner.errors import Cancelled, LimnerError, StepError
from limner.generation import Generation

logger = logging.getLogger(__name__)
_written = json.JSONEncoder(sort_keys=True, default=repr).encode


class StepKey(NamedTuple):
    """Equal for what one built step can serve. The pipeline's hash is in it because it covers the content of assets."""

    type: str
    id: str
    occurrence: int
    options: str
    pipeline_hash: str
    root: str

    @classmethod
    def of(cls, ref: StepRef) -> StepKey:
        """The key of a step reference."""
        options = _written(ref.options)
        return cls(ref.type, ref.id, ref.occurrence, options, ref.pipeline_hash, ref.root)


class Order(NamedTuple):
    """Who goes first: the oldest request; in it the first image, so that one is ready soon; of that the oldest submission."""

    request: int
    image: int
    submission: int


class Submission:
    """What `submit` was given. Whoever ends it first wins, so what comes late is dropped without harm."""

    def __init__(
        self, ref: StepRef, generation: Generation, deadline: float | None, on_progress: Progress | None, order: Order
    ) -> None:
        self.ref, self.generation, self.deadline, self.order = ref, generation, deadline, order
        self.key, self.id = StepKey.of(ref), generation.id
        self.cancelled = False
        self.over = False  # the future has ended, or is about to
        self.previews: Previews | None = None  # for an iterative step; None once one has failed
        self.due: float | None = None
        self.future: Future[StepRun] = Future()
        self.future.set_running_or_notify_cancel()  # so that `Future.cancel` is refused: `Engine.cancel` stops the work too
        self._on_progress = on_progress
        self._taken_up = False

    def take_up(self, now: float) -> None:
        """A worker's call is about to begin: from the first one the deadline runs."""
        if not self._taken_up:
            self._taken_up = True
            self.due = None if self.deadline is None else now + self.deadline

    def excuse(self, seconds: float) -> None:
        """Move the deadline, for time that its worker spent on loading another step."""
        if self.due is not None:
            self.due += seconds

    def cancel(self) -> None:
        """End it at once if no call has begun; else its worker ends it at its next chance."""
        self.cancelled = True
        if not self._taken_up:
            self.fail(Cancelled())

    def goes_on(self, now: float, so_far: Callable[[], str] = str) -> bool:
        """Whether there is still work to do. Ends it if it was cancelled or is past its deadline, telling how far it came."""
        if self.cancelled:
            self.fail(Cancelled())
        elif self.due is not None and now >= self.due:
            self.end_late(so_far())
        return not self.over

    def end_late(self, so_far: str = "") -> None:
        """End it as past its deadline."""
        what = f"did not end within its deadline of {self.deadline:g} s{so_far}"
        self.fail(StepError(what, where=place(self.ref), fix="give the step a longer `deadline`, or less to do"))

    def complete(self, run: StepRun) -> None:
        """End it with its answer, unless it was cancelled meanwhile."""
        if self.cancelled:
            self.fail(Cancelled())
        self.over = True
        with suppress(InvalidStateError):
            self.future.set_result(run)

    def fail(self, error: LimnerError) -> None:
        """End it with an error; with Cancelled, whatever else happened, if it was cancelled."""
        if self.cancelled and not isinstance(error, Cancelled):
            error = Cancelled()
        self.over = True
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def progress(self, i: int, n: int) -> None:
        """Tell who follows it. One that raises is not told again, and does no harm."""
        if self._on_progress is None or self.over:
            return
        try:
            self._on_progress(i, n)
        except Exception:
            self._on_progress = None
            logger.exception("a progress callback of %s raised; it is not called again", place(self.ref))
