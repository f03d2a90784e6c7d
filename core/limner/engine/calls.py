"""Calling a step's code: timed, and watched, so that a call that never returns is noticed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from limner.engine.loading import LoadedStep
from limner.engine.submission import Submission
from limner.engine.watchdog import Alarm, Clock, Watchdog


class Calls:
    """The calls of one worker, of which there is one at a time, and a context manager around each.

    A call is stuck when it has not returned after the longest deadline of those it serves; a call that serves someone without
    a deadline never is. `on_stuck` is called with them on the watchdog's thread; `on_return` on the worker's, when a stuck call
    returns after all. `seconds` is the time of the last call that has returned.

    A denoising loop makes dozens of calls that end long before they are due. They share one alarm, set for the earliest due
    time and set again when it rings too soon, so that a call costs no more than to say when it is due. Little else is done
    around one: the network has just left nothing of this code in the processor's caches.
    """

    def __init__(
        self, watchdog: Watchdog, clock: Clock, on_stuck: Callable[[Sequence[Submission]], None], on_return: Callable[[], None]
    ) -> None:
        self.clock, self.seconds = clock, 0.0
        self._watchdog = watchdog
        self._on_stuck, self._on_return = on_stuck, on_return
        self._lock = threading.Lock()  # held while a call is found stuck, so that it cannot return meanwhile
        self._loaded: LoadedStep | None = None
        self._serving: Sequence[Submission] = ()
        self._began, self._due = 0.0, math.inf
        self._in_flight = self._is_stuck = False
        self._alarm: Alarm | None = None
        self._alarm_at = math.inf

    def to(self, loaded: LoadedStep, submissions: Sequence[Submission]) -> Calls:
        """To be entered around one call to a step, for these submissions."""
        self._loaded, self._serving = loaded, submissions
        return self

    def __enter__(self) -> Calls:
        assert self._loaded is not None
        self._loaded.serving = self._serving
        began = self.clock()
        for submission in self._serving:
            submission.take_up(began)
        with self._lock:
            self._began, self._due = began, _due(self._serving, began)
            self._in_flight = True
            if self._due < self._alarm_at:
                self._watch()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._loaded is not None
        self.seconds = self.clock() - self._began
        self._loaded.serving = ()
        with self._lock:
            self._in_flight = False
            was_stuck, self._is_stuck = self._is_stuck, False
        self._serving = ()
        if was_stuck:
            self._on_return()

    @contextmanager
    def ending_late(self) -> Iterator[None]:
        """Within a call: each that it serves ends at its own deadline, call or no call.

        Those who are due when the call is stuck, and not before, are left to `on_stuck`, so that they hear of it.
        """
        alarms = [
            self._watchdog.at(served.due, served.end_late)
            for served in self._serving
            if served.due is not None and served.due < self._due
        ]
        try:
            yield
        finally:
            for alarm in alarms:
                alarm.off()

    def _watch(self) -> None:
        if self._alarm is not None:
            self._alarm.off()
        self._alarm_at = self._due
        self._alarm = self._watchdog.at(self._due, self._look)

    def _look(self) -> None:
        """The shared alarm has rung: the call in flight is stuck, or is not due yet."""
        with self._lock:
            self._alarm_at = math.inf
            if not self._in_flight or self._is_stuck:
                return
            if self.clock() < self._due:
                self._watch()
                return
            self._is_stuck = True
            self._on_stuck(self._serving)


def _due(submissions: Sequence[Submission], began: float) -> float:
    """When a call that serves these is stuck: after the longest of their deadlines, never where one has none."""
    longest = 0.0
    for submission in submissions:
        if submission.deadline is None:
            return math.inf
        longest = max(longest, submission.deadline)
    return began + longest
