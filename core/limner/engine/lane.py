"""The work that waits for one kind of worker, and the workers that take it."""

from __future__ import annotations

import bisect
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from limner.engine.failure import place
from limner.engine.submission import Order, StepKey, Submission
from limner.errors import StepError
from limner.step import RunsOn

if TYPE_CHECKING:
    from limner.engine.workers import Worker

STUCK_AT_MOST = 32  # replaced workers that still hang; with more, whatever they wait for is gone, and threads run out

logger = logging.getLogger(__name__)
Room = Callable[[Submission], int]  # how many submissions of this one's step a worker would take together


class Lane:
    """A queue, the oldest request's work first, with its workers.

    A stuck worker of a lane that `replaces` gets a replacement. In one that does not (a device cannot be replaced), where no
    thread can be had for it, or when too many are stuck, the lane is out of order: what waits and what comes is refused, until
    the stuck call returns after all.
    """

    def __init__(self, kind: RunsOn, *, replaces: bool) -> None:
        self.kind = kind
        self._replaces = replaces
        self._changed = threading.Condition()
        self._waiting: list[Submission] = []
        self._workers: set[Worker] = set()
        self._stuck: dict[Worker, str] = {}
        self._idle = 0  # workers that wait here for work
        self._closed = False

    def hire(self, worker: Worker) -> None:
        """Add a worker and start it. Raises RuntimeError if no thread can be had, and then has not added it."""
        with self._changed:
            self._workers.add(worker)
        try:
            worker.start()
        except RuntimeError:
            with self._changed:
                self._workers.discard(worker)
            raise

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

    def take(self, worker: Worker, room: Room) -> list[Submission]:
        """Take the first that waits, with others that wait for the same step. Waits for it; none is for a worker to stop at."""
        with self._changed:
            while self._employs(worker):
                self._forget_those_over()
                if self._waiting:
                    return self._take_with(self._waiting[0].key, room(self._waiting[0]))
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
        return []

    def take_besides(
        self, worker: Worker, room: Room, *, skip: Collection[StepKey] = (), before: Order | None = None
    ) -> list[Submission]:
        """As `take`, for a worker with work under way: it waits for nothing, and takes nothing where another worker is free.

        Steps in `skip` are passed over, and where `before` is given, so is all that does not go before it.
        """
        with self._changed:
            if self._idle or not self._employs(worker):
                return []
            self._forget_those_over()
            wanted = (s for s in self._waiting if s.key not in skip and (before is None or s.order < before))
            first = next(wanted, None)
            return [] if first is None else self._take_with(first.key, room(first))

    def has_before(self, order: Order) -> bool:
        """Whether something waits that goes before this, and no worker is free to take it."""
        if not self._waiting:  # nearly always: no lock for that
            return False
        with self._changed:
            return bool(self._waiting) and self._waiting[0].order < order and not self._idle

    def take_more(self, key: StepKey, at_most: int) -> list[Submission]:
        """Take what waits for a step that is already running."""
        with self._changed:
            return self._take_with(key, at_most)

    def lose(self, worker: Worker, reason: str) -> None:
        """A worker is stuck: replace it, or refuse work."""
        replaced = self._replaces and self._replace(worker)
        with self._changed:
            self._stuck[worker] = reason
            if replaced:
                self._workers.discard(worker)
            refusal = self._out_of_order()
            refused, self._waiting = (self._waiting, []) if refusal else ([], self._waiting)
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

    def _replace(self, worker: Worker) -> bool:
        try:
            self.hire(worker.replacement())
        except RuntimeError:
            logger.exception("a stuck %s worker cannot be replaced", self.kind)
            return False
        return True

    def _employs(self, worker: Worker) -> bool:
        return not self._closed and worker in self._workers

    def _forget_those_over(self) -> None:
        self._waiting = [submission for submission in self._waiting if not submission.over]

    def _take_with(self, key: StepKey, at_most: int) -> list[Submission]:
        taken = [submission for submission in self._waiting if submission.key == key][: max(at_most, 0)]
        self._waiting = [submission for submission in self._waiting if submission not in taken]
        return taken

    def _out_of_order(self) -> str:
        unreplaced = next((reason for worker, reason in self._stuck.items() if worker in self._workers), "")
        return unreplaced or (next(iter(self._stuck.values())) if len(self._stuck) > STUCK_AT_MOST else "")


def _refuse(submissions: Sequence[Submission], reason: str) -> None:
    for submission in submissions:
        submission.fail(StepError(f"cannot run: {reason}", where=place(submission.ref), fix="restart the process"))
