"""The work that waits for one kind of worker, and the workers that take it."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from limner.engine.failure import place
from limner.engine.submission import StepKey, Submission
from limner.errors import StepError
from limner.step import RunsOn

if TYPE_CHECKING:
    from limner.engine.workers import Worker

STUCK_AT_MOST = 32  # replaced workers that still hang; with more, whatever they wait for is gone, and threads run out

Room = Callable[[Submission], int]  # how many submissions of this one's step a worker would take together


class Lane:
    """A queue, the oldest request's work first, with its workers.

    A stuck worker of a lane that `replaces` gets a replacement. In one that does not (a device cannot be replaced), or when too
    many are stuck, the lane is out of order: what waits and what comes is refused, until the stuck call returns after all.
    """

    def __init__(self, kind: RunsOn, *, replaces: bool) -> None:
        self.kind = kind
        self._replaces = replaces
        self._tolerates = STUCK_AT_MOST if replaces else 0
        self._changed = threading.Condition()
        self._waiting: list[Submission] = []
        self._workers: set[Worker] = set()
        self._stuck: dict[Worker, str] = {}
        self._closed = False

    def hire(self, worker: Worker) -> None:
        """Add a worker and start it."""
        with self._changed:
            self._workers.add(worker)
        worker.start()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers that take work from here."""
        with self._changed:
            return tuple(self._workers)

    def employs(self, worker: Worker) -> bool:
        """Whether a worker should go on: the lane is open, and it was not replaced."""
        with self._changed:
            return self._employs(worker)

    def put(self, submission: Submission) -> None:
        """Let a worker take this up, in its turn."""
        with self._changed:
            refusal = self._out_of_order()
            if not refusal:
                bisect.insort(self._waiting, submission, key=lambda waiting: waiting.order)
                self._changed.notify()
        if refusal:
            _refuse([submission], refusal)

    def take(self, worker: Worker, room: Room, *, skip: Collection[StepKey] = (), wait: bool = False) -> list[Submission]:
        """Take the first that waits for a step not in `skip`, with others that wait for the same step.

        With `wait`, wait until there is one, and return none only to a worker that should stop.
        """
        with self._changed:
            while self._employs(worker):
                self._waiting = [submission for submission in self._waiting if not submission.over]
                first = next((submission for submission in self._waiting if submission.key not in skip), None)
                if first is not None:
                    return self._take_with(first.key, room(first))
                if not wait:
                    break
                self._changed.wait()
        return []

    def take_more(self, key: StepKey, at_most: int) -> list[Submission]:
        """Take what waits for a step that is already running."""
        with self._changed:
            return self._take_with(key, at_most)

    def lose(self, worker: Worker, reason: str) -> None:
        """A worker is stuck: replace it, or refuse work."""
        fresh = worker.replacement() if self._replaces else None
        with self._changed:
            self._stuck[worker] = reason
            if fresh is not None:
                self._workers.discard(worker)
            refusal = self._out_of_order()
            refused, self._waiting = (self._waiting, []) if refusal else ([], self._waiting)
        if fresh is not None:
            self.hire(fresh)
        _refuse(refused, refusal)

    def regain(self, worker: Worker) -> None:
        """A stuck worker's call has returned after all."""
        with self._changed:
            self._stuck.pop(worker, None)

    def out_of_order(self) -> str:
        """Why the lane refuses work; empty if it does not."""
        with self._changed:
            return self._out_of_order()

    def close(self) -> None:
        """Give out no more work and let the workers stop. What waits is left to whoever closes."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _employs(self, worker: Worker) -> bool:
        return not self._closed and worker in self._workers

    def _take_with(self, key: StepKey, at_most: int) -> list[Submission]:
        taken = [submission for submission in self._waiting if submission.key == key][: max(at_most, 0)]
        self._waiting = [submission for submission in self._waiting if submission not in taken]
        return taken

    def _out_of_order(self) -> str:
        return next(iter(self._stuck.values())) if len(self._stuck) > self._tolerates else ""


def _refuse(submissions: Sequence[Submission], reason: str) -> None:
    for submission in submissions:
        submission.fail(StepError(f"cannot run: {reason}", where=place(submission.ref), fix="restart the process"))
