"""Workers: threads that take work from a lane, load the steps it wants, and run them."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from limner.engine.advancing import RunningSet
from limner.engine.batches import run_batch
from limner.engine.calls import Calls
from limner.engine.devices import Placement
from limner.engine.failure import place
from limner.engine.lane import Lane
from limner.engine.loading import LoadedStep, LoadedSteps, UnboundModels
from limner.engine.submission import Submission
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

    With groups, its turn is one batch of a plain step, or one more running set; then one advance of each running set, which
    those that wait for its step join first.

    Without groups each generation is a running set of its own, and the turn is one call for the oldest request that has
    anything to do here. So a younger one begins where the older one is elsewhere, at a gate or a mark, and stands still from
    the next advance on when that comes back.
    """

    def __init__(self, lane: Lane, workplace: Workplace) -> None:
        self._lane, self._workplace = lane, workplace
        self._steps = LoadedSteps(workplace.types, workplace.models, workplace.placement, workplace.keys)
        self._calls = Calls(workplace.watchdog, workplace.clock, self._get_stuck, self._get_unstuck)
        self._running: list[RunningSet] = []
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
        import torch

        self._workplace.placement.make_current()
        with torch.inference_mode():  # once, for entering it takes as long as the rest of a call
            while self._lane.employs(self) or self._running:
                self._turn_or_fail()
        self._steps.unload()

    def _turn_or_fail(self) -> None:
        try:
            self._turn()
        except Exception as error:  # a fault of the engine's own: nobody may wait for ever because of it
            logger.exception("a worker failed")
            self._running.clear()
            self._end_held(StepError(f"the engine failed: {type(error).__name__}: {error}"))

    def _turn(self) -> None:
        self._held = [submission for submission in self._held if not submission.over]
        if not self._running:
            self._take_up(self._lane.take(self, self._room))
        elif self._workplace.groups:
            self._take_up(self._lane.take_besides(self, self._room, skip={running.key for running in self._running}))
            self._advance_all()
        else:
            self._serve_oldest()
        self._running = [running for running in self._running if running]

    def _advance_all(self) -> None:
        for running in self._running:
            joining = self._lane.take_more(running.key, running.room)
            self._held += joining
            running.join(joining)
            running.advance()

    def _serve_oldest(self) -> None:
        """Take up what has come since and goes before all that runs here. If nothing has, advance the oldest until it does.

        Each that is taken up is older than those before it, so the oldest is the last. The others stand still.
        """
        *others, oldest = self._running
        order = oldest.order
        if older := self._lane.take_besides(self, self._room, before=order):
            self._take_up(older)
            return
        with self._serving(oldest.submissions):
            oldest.advance()
            while oldest and not self._lane.has_before(order):
                for other in others:
                    other.let_go()
                oldest.advance()

    @contextmanager
    def _serving(self, served: Collection[Submission]) -> Iterator[None]:
        """Around calls for these. Without groups all others here stand still meanwhile, and their deadlines with them."""
        began = self._calls.clock()
        yield
        if not self._workplace.groups:
            self._excuse(self._calls.clock() - began, besides=served)

    def _excuse(self, seconds: float, besides: Collection[Submission] = ()) -> None:
        for submission in self._held:
            if submission not in besides:
                submission.excuse(seconds)

    def _room(self, submission: Submission) -> int:
        return self._workplace.room(self._workplace.types[submission.ref.type])

    def _take_up(self, batch: Sequence[Submission]) -> None:
        self._held += batch
        loaded = self._load(batch) if batch else None
        if loaded is None:
            return
        with self._serving(batch):
            if isinstance(loaded.step, IterativeStep):
                running = RunningSet(self._calls, loaded, loaded.step, batch[0].key, self._room(batch[0]))
                running.join(batch)
                self._running.append(running)
            else:
                run_batch(self._calls, loaded, batch)

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
            self._excuse(self._calls.clock() - began)

    def _get_stuck(self, serving: Sequence[Submission]) -> None:
        """On the watchdog's thread, while this worker's is in the call: give the lane away, and end all that is held."""
        where = place(serving[0].ref)
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
