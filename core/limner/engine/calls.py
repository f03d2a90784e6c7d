"""Calling a step's code: in inference mode, timed, and watched, so that a call that never returns is noticed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from limner.engine.loading import LoadedStep
from limner.engine.submission import Submission
from limner.engine.watchdog import Alarm, Clock, Watchdog


@dataclass(slots=True, eq=False)
class Call:
    """One call, in flight or just over. `seconds` is its time, known once it is over; `due` when it counts as stuck."""

    submissions: Sequence[Submission]
    due: float
    seconds: float = 0.0


class Calls:
    """The calls of one worker, of which there is one at a time.

    A call is stuck when it has not returned after the longest deadline of those it serves; a call that serves someone without
    a deadline never is. `on_stuck` is called on the watchdog's thread; `on_return` on the worker's, when a stuck call returns
    after all.

    A denoising loop makes dozens of calls that end long before they are due. They share one alarm, set for the earliest due
    time and set again when it rings too soon, so that a call costs no more than to say when it is due.
    """

    def __init__(
        self, watchdog: Watchdog, clock: Clock, on_stuck: Callable[[Call], None], on_return: Callable[[], None]
    ) -> None:
        self.clock = clock
        self._watchdog = watchdog
        self._on_stuck, self._on_return = on_stuck, on_return
        self._lock = threading.Lock()  # held while a call is found stuck, so that it cannot return meanwhile
        self._call: Call | None = None
        self._is_stuck = False
        self._alarm: Alarm | None = None
        self._alarm_at = math.inf

    @contextmanager
    def call(self, loaded: LoadedStep, submissions: Sequence[Submission], *, ends_late: bool = False) -> Iterator[Call]:
        """Around one call for these submissions. With `ends_late` each also ends at its own deadline, call or no call."""
        import torch

        began = self.clock()
        call = Call(submissions, _due(submissions, began))
        for submission in submissions:
            submission.take_up(began)
        loaded.serving = {submission.generation.id: submission for submission in submissions}
        alarms = self._enter(call, ends_late)
        try:
            with torch.inference_mode():
                yield call
        finally:
            self._leave(alarms)
            loaded.serving = {}
            call.seconds = self.clock() - began

    def _enter(self, call: Call, ends_late: bool) -> list[Alarm]:
        """Have the call watched, for being stuck first, so that whoever hears of a late end can ask for the reason."""
        with self._lock:
            self._call = call
            self._watch(call)
        if not ends_late:
            return []
        return [self._watchdog.at(s.due, s.end_late) for s in call.submissions if s.due is not None]

    def _watch(self, call: Call) -> None:
        if call.due < self._alarm_at:
            if self._alarm is not None:
                self._alarm.off()
            self._alarm_at = call.due
            self._alarm = self._watchdog.at(call.due, self._look)

    def _leave(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            alarm.off()
        with self._lock:
            self._call = None
            was_stuck, self._is_stuck = self._is_stuck, False
        if was_stuck:
            self._on_return()

    def _look(self) -> None:
        """The shared alarm has rung: the call in flight is stuck, or is not due yet."""
        with self._lock:
            self._alarm_at = math.inf
            call = self._call
            if call is None or self._is_stuck:
                return
            if self.clock() < call.due:
                self._watch(call)
                return
            self._is_stuck = True
            self._on_stuck(call)


def _due(submissions: Sequence[Submission], began: float) -> float:
    """When a call that serves these is stuck: after the longest of their deadlines, never where one has none."""
    limits = [submission.deadline for submission in submissions if submission.deadline is not None]
    return began + max(limits) if len(limits) == len(submissions) else math.inf
