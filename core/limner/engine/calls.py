"""Calling a step's code: timed, and watched, so that a call that never returns is noticed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from limner.engine.loading import LoadedStep
from limner.engine.submission import Submission
from limner.engine.watchdog import Alarm, Clock, Watchdog


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

    def call(self, loaded: LoadedStep, submissions: Sequence[Submission], *, ends_late: bool = False) -> Call:
        """To be entered around one call for these submissions. With `ends_late` each also ends at its own deadline."""
        return Call(self, loaded, submissions, ends_late)

    def enter(self, call: Call) -> None:
        """Have the call watched, for being stuck first, so that whoever hears of a late end can ask for the reason."""
        with self._lock:
            self._call = call
            if call.due < self._alarm_at:
                self._watch(call)

    def end_late(self, submissions: Sequence[Submission]) -> list[Alarm]:
        """Have each of these end at its own deadline, call or no call, unless its alarm is put off before."""
        return [self._watchdog.at(s.due, s.end_late) for s in submissions if s.due is not None]

    def leave(self) -> None:
        """The call has returned."""
        with self._lock:
            self._call = None
            was_stuck, self._is_stuck = self._is_stuck, False
        if was_stuck:
            self._on_return()

    def _watch(self, call: Call) -> None:
        if self._alarm is not None:
            self._alarm.off()
        self._alarm_at = call.due
        self._alarm = self._watchdog.at(call.due, self._look)

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


class Call:
    """One call, in flight or just over: a context manager around it, entered once.

    `seconds` is its time, known once it is over; `due` when it counts as stuck. Little is done in it: a denoising loop enters
    one between any two answers of a network, which leave nothing of this in the processor's caches.
    """

    __slots__ = ("_alarms", "_began", "_calls", "_ends_late", "_loaded", "due", "seconds", "submissions")

    def __init__(self, calls: Calls, loaded: LoadedStep, submissions: Sequence[Submission], ends_late: bool) -> None:
        self._calls, self._loaded, self.submissions, self._ends_late = calls, loaded, submissions, ends_late
        self._alarms: Sequence[Alarm] = ()
        self.seconds = 0.0

    def __enter__(self) -> Call:
        submissions = self.submissions
        began = self._began = self._calls.clock()
        self.due = _due(submissions, began)
        for submission in submissions:
            submission.take_up(began)
        self._loaded.serving = submissions
        self._calls.enter(self)
        if self._ends_late:
            self._alarms = self._calls.end_late(submissions)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds = self._calls.clock() - self._began
        for alarm in self._alarms:
            alarm.off()
        self._calls.leave()
        self._loaded.serving = ()


def _due(submissions: Sequence[Submission], began: float) -> float:
    """When a call that serves these is stuck: after the longest of their deadlines, never where one has none."""
    longest = 0.0
    for submission in submissions:
        if submission.deadline is None:
            return math.inf
        longest = max(longest, submission.deadline)
    return began + longest
