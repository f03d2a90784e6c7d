"""The engine of one process: worker threads for its accelerators, for the processor, and for what waits on others."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from limner.bound import StepRef
from limner.engine import devices as placing
from limner.engine.collection import uncollected
from limner.engine.devices import Placement
from limner.engine.failure import place
from limner.engine.interface import Previews, Progress, StepRun
from limner.engine.lane import Lane
from limner.engine.loading import UnboundModels
from limner.engine.requests import KnownRequest, KnownRequests
from limner.engine.submission import Order, Submission
from limner.engine.watchdog import Clock, Watchdog
from limner.engine.workers import Worker, Workplace
from limner.errors import Cancelled, StepError
from limner.generation import Generation
from limner.step import KeyRings, NoKeys, RunsOn, Step

KINDS: tuple[RunsOn, ...] = ("accelerator", "cpu", "io")
CPU_WORKERS = 2  # threads; steps that compute have torch's own threads under them
IO_WORKERS = 8  # threads; they mostly wait
CLOSING_TIME = 5.0  # seconds that running calls get to return when the engine closes


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the engine can do all its work (`bool(health)`), and if not, why."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


class LocalEngine:
    """Runs steps on threads of this process. Implements `limner.engine.interface.Engine`.

    On accelerators generations share calls. On the processor an accelerator step runs for one at a time, the oldest request
    first: sharing gains nothing there, and so sameness is exact.
    """

    def __init__(
        self,
        steps: Mapping[str, type[Step]],
        models: UnboundModels,
        *,
        devices: Sequence[str] = (),
        precision: str = "",
        keys: KeyRings | None = None,
        batching: bool | None = None,
        cpu_workers: int = CPU_WORKERS,
        io_workers: int = IO_WORKERS,
        clock: Clock = time.monotonic,
    ) -> None:
        """`devices` and `precision` are as in `LIMNER_DEVICES` and `LIMNER_PRECISION`; empty, they are found.

        `keys` are those that steps may use, None where none does.
        `batching` tells whether generations share calls of accelerator steps; None: everywhere but on the processor. Raises
        ConfigurationError for a device that this machine lacks.
        """
        with uncollected():  # it imports torch
            accelerators = placing.choose(devices, precision)
        self._steps, self._models, self._keys = steps, models, keys or NoKeys()
        self._clock, self._watchdog = clock, Watchdog(clock)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._requests = KnownRequests()
        self._closed = False
        self._lanes = {kind: Lane(kind, replaces=kind != "accelerator") for kind in KINDS}
        self._places = dict.fromkeys(KINDS, 0)  # generations, by kind of worker
        self._live = dict.fromkeys(KINDS, 0)
        for placement in accelerators:
            shares = placement.device.type != "cpu" if batching is None else batching
            self._hire("accelerator", placement, batches=shares, groups=shares)
        for _ in range(cpu_workers):
            self._hire("cpu", placing.host(), batches=True, groups=False)
        for _ in range(io_workers):
            self._hire("io", placing.host(), batches=True, groups=False)

    def submit(
        self,
        ref: StepRef,
        generation: Generation,
        deadline: float | None = None,
        on_progress: Progress | None = None,
        previews: Previews | None = None,
    ) -> Future[StepRun]:
        """Run one step for one generation; see `Engine.submit`."""
        cls = self._steps.get(ref.type)
        if cls is None:
            unknown: Future[StepRun] = Future()
            unknown.set_exception(StepError(f"this engine has no step {ref.type!r}", where=place(ref)))
            return unknown
        submission, refused = self._admit(cls.runs_on, ref, generation, deadline, on_progress)
        submission.previews = previews
        if refused:
            submission.fail(Cancelled(refused))
        else:
            self._lanes[cls.runs_on].put(submission)
        return submission.future

    def cancel(self, request_id: str) -> None:
        """Stop every generation of this request, and what is still submitted for it; see `Engine.cancel`."""
        with self._lock:
            request = self._requests.hear_of(request_id)
            request.cancelled = True
            live = list(request.live)
        for submission in live:
            submission.cancel()

    def capacity(self) -> Mapping[str, int]:
        """How many generations each kind of worker could take up now; see `Engine.capacity`."""
        with self._lock:
            free = {kind: max(0, self._places[kind] - self._live[kind]) for kind in self._lanes}
        return {kind: 0 if lane.out_of_order() else free[kind] for kind, lane in self._lanes.items()}

    def healthy(self) -> Health:
        """Whether all kinds of worker take work. A stuck accelerator seldom heals: let the process be restarted."""
        return Health(next((reason for lane in self._lanes.values() if (reason := lane.out_of_order())), ""))

    def close(self) -> None:
        """Take nothing more up, end what waits as Cancelled, and what runs at its next chance, or after `CLOSING_TIME`."""
        with self._lock:
            self._closed = True
            live = list(self._requests.live())
        workers = [worker for lane in self._lanes.values() for worker in lane.workers]
        for lane in self._lanes.values():
            lane.close()
        for submission in live:
            submission.cancel()
        until = time.monotonic() + CLOSING_TIME
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
        for submission in live:
            submission.fail(Cancelled("the engine was closed"))
        self._watchdog.close()

    def _hire(self, kind: RunsOn, placement: Placement, *, batches: bool, groups: bool) -> None:
        workplace = Workplace(placement, self._steps, self._models, self._keys, self._watchdog, self._clock, batches, groups)
        rooms = [workplace.room(cls) for cls in self._steps.values() if cls.runs_on == kind]
        self._places[kind] += max(rooms, default=1)
        self._lanes[kind].hire(Worker(self._lanes[kind], workplace))

    def _admit(
        self, kind: RunsOn, ref: StepRef, generation: Generation, deadline: float | None, on_progress: Progress | None
    ) -> tuple[Submission, str]:
        """The submission, in its place in the order; and why it is not to run, if so."""
        with self._lock:
            request = self._requests.hear_of(generation.request_id)
            order = Order(request.age, generation.index, next(self._numbers))
            submission = Submission(ref, generation, deadline, on_progress, order)
            request.live.add(submission)
            self._live[kind] += 1
            refused = "the engine was closed" if self._closed else "cancelled" if request.cancelled else ""
        submission.future.add_done_callback(lambda _: self._forget(kind, request, submission))
        return submission, refused

    def _forget(self, kind: RunsOn, request: KnownRequest, submission: Submission) -> None:
        with self._lock:
            request.live.discard(submission)
            self._live[kind] -= 1
