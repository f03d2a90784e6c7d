"""Calling a step's code: in inference mode, timed, and watched, so that a call that never returns is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from limner.engine.loading import LoadedStep
from limner.engine.submission import Submission
from limner.engine.watchdog import Alarm, Clock, Watchdog


@dataclass(slots=True, eq=False)
class Call:
    """One call, in flight or just over. `seconds` is its time, known once it is over."""

    submissions: Sequence[Submission]
    seconds: float = 0.0


class Calls:
    """The calls of one worker, of which there is one at a time.

    A call is stuck when it has not returned after the longest deadline of those it serves; a call that serves someone without
    a deadline never is. `on_stuck` is called on the watchdog's thread; `on_return` on the worker's, when a stuck call returns
    after all.
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

    @contextmanager
    def call(self, loaded: LoadedStep, submissions: Sequence[Submission], *, ends_late: bool = False) -> Iterator[Call]:
        """Around one call for these submissions. With `ends_late` each also ends at its own deadline, call or no call."""
        import torch

        call, began = Call(submissions), self.clock()
        for submission in submissions:
            submission.take_up(began)
        loaded.serving = {submission.generation.id: submission for submission in submissions}
        alarms = self._enter(call, began, ends_late)
        try:
            with torch.inference_mode():
                yield call
        finally:
            self._leave(alarms)
            loaded.serving = {}
            call.seconds = self.clock() - began

    def _enter(self, call: Call, began: float, ends_late: bool) -> list[Alarm]:
        """Set the alarms; that for being stuck first, so that whoever hears of a late end can ask for the reason."""
        with self._lock:
            self._call = call
        alarms = []
        limits = [submission.deadline for submission in call.submissions if submission.deadline is not None]
        if len(limits) == len(call.submissions):
            alarms.append(self._watchdog.at(began + max(limits), partial(self._find_stuck, call)))
        if ends_late:
            alarms += [self._watchdog.at(s.due, s.end_late) for s in call.submissions if s.due is not None]
        return alarms

    def _leave(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            alarm.off()
        with self._lock:
            self._call = None
            was_stuck, self._is_stuck = self._is_stuck, False
        if was_stuck:
            self._on_return()

    def _find_stuck(self, call: Call) -> None:
        with self._lock:
            if self._call is call:
                self._is_stuck = True
                self._on_stuck(call)
