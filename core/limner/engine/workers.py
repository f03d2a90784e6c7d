"""Workers: threads that take work from a lane, load the steps it wants, and run them."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.engine.advancing import RunningSet
from limner.engine.batches import run_batch
from limner.engine.calls import Call, Calls
from limner.engine.devices import Placement
from limner.engine.failure import place
from limner.engine.lane import Lane
from limner.engine.loading import LoadedStep, LoadedSteps, UnboundModels
from limner.engine.submission import StepKey, Submission
from limner.engine.watchdog import Clock, Watchdog
from limner.errors import LimnerError, StepError
from limner.step import IterativeStep, KeyRings, Step

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker works with. `batches` lets plain steps have several generations in a call, `groups` iterative ones."""

    placement: Placement
    types: Mapping[str, type[Step]]
    models: UnboundModels
    keys: KeyRings
    watchdog: Watchdog
    clock: Clock
    batches: bool
    groups: bool

    def room(self, cls: type[Step]) -> int:
        """How many generations may share a call of a step."""
        return cls.max_batch if (self.groups if issubclass(cls, IterativeStep) else self.batches) else 1


class Worker:
    """A daemon thread with a device, and with steps of its own.

    Its turn: one batch of a plain step, or one more running set; then one advance of each running set, which those that wait
    for its step join first. Without groups, an iterative step is run to its end within the turn.
    """

    def __init__(self, lane: Lane, workplace: Workplace) -> None:
        self._lane, self._workplace = lane, workplace
        self._steps = LoadedSteps(workplace.types, workplace.models, workplace.placement, workplace.keys)
        self._calls = Calls(workplace.watchdog, workplace.clock, self._get_stuck, self._get_unstuck)
        self._running: dict[StepKey, RunningSet] = {}
        self._held: list[Submission] = []  # taken from the lane and not over
        name = f"limner-{lane.kind}-{workplace.placement.device}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def replacement(self) -> Worker:
        """A new worker for the same lane, not started. It loads its own steps, since the stuck thread still uses these."""
        return Worker(self._lane, self._workplace)

    def _run(self) -> None:
        self._workplace.placement.make_current()
        while self._lane.employs(self) or self._running:
            try:
                self._turn()
            except Exception as error:  # a fault of the engine's own: nobody may wait for ever because of it
                logger.exception("a worker failed")
                self._running.clear()
                self._end_held(StepError(f"the engine failed: {type(error).__name__}: {error}"))
        self._steps.unload()

    def _turn(self) -> None:
        self._held = [submission for submission in self._held if not submission.over]
        self._take_up(self._lane.take(self, self._room, skip=self._running.keys(), wait=not self._running))
        for key, running in list(self._running.items()):
            joining = self._lane.take_more(key, running.room)
            self._held += joining
            running.join(joining)
            running.advance()
            if not running:
                del self._running[key]

    def _room(self, submission: Submission) -> int:
        return self._workplace.room(self._workplace.types[submission.ref.type])

    def _take_up(self, batch: Sequence[Submission]) -> None:
        self._held += batch
        loaded = self._load(batch) if batch else None
        if loaded is None:
            return
        if not isinstance(loaded.step, IterativeStep):
            run_batch(self._calls, loaded, batch)
            return
        running = RunningSet(self._calls, loaded, loaded.step, self._room(batch[0]))
        running.join(batch)
        if self._workplace.groups:
            self._running[batch[0].key] = running
            return
        while running:
            running.advance()

    def _load(self, batch: Sequence[Submission]) -> LoadedStep | None:
        """The step these want. Deadlines that already run here stand still meanwhile; a failure ends the batch."""
        began = self._calls.clock()
        try:
            return self._steps.get(batch[0])
        except LimnerError as error:
            for submission in batch:
                submission.fail(copy.copy(error))
            return None
        finally:
            loading = self._calls.clock() - began
            for submission in self._held:
                submission.excuse(loading)

    def _get_stuck(self, call: Call) -> None:
        """On the watchdog's thread, while this worker's is in the call: give the lane away, and end all that is held."""
        where = place(call.submissions[0].ref)
        worker = f"the {self._lane.kind} worker on {self._workplace.placement.device}"
        reason = f"{worker} is stuck in {where}, which has not returned within its deadline"
        logger.error("%s", reason)
        self._lane.lose(self, reason)
        self._end_held(StepError(reason, where=where, fix="give the step a longer `deadline`, or find out why it hangs"))

    def _get_unstuck(self) -> None:
        self._lane.regain(self)

    def _end_held(self, error: LimnerError) -> None:
        for submission in self._held:
            submission.fail(copy.copy(error))
