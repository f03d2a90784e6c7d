"""One thread that rings alarms at their times, and sleeps in between."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

SWEEP_FROM = 256  # alarms; nearly all are put off long before their time

logger = logging.getLogger(__name__)
Clock = Callable[[], float]


class Alarm:
    """Something to be called at a time, unless it is put off before."""

    __slots__ = ("_ring",)

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring: Callable[[], None] | None = ring

    @property
    def is_off(self) -> bool:
        """Whether it has been put off."""
        return self._ring is None

    def off(self) -> None:
        """Do not ring. Lets go of what the alarm would have called, and so of the images that hang on it."""
        self._ring = None

    def ring(self) -> None:
        """Call, if it has not been put off."""
        ring = self._ring
        if ring is not None:
            ring()


class Watchdog:
    """Rings alarms on a daemon thread of its own. Times are those of `clock`, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._sweep_at = SWEEP_FROM
        self._closed = False
        threading.Thread(target=self._run, name="limner-watchdog", daemon=True).start()

    def at(self, time: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` at `time`, on the watchdog's thread."""
        alarm = Alarm(ring)
        with self._changed:
            self._sweep()
            heapq.heappush(self._alarms, (time, next(self._numbers), alarm))
            if self._alarms[0][2] is alarm:
                self._changed.notify()
        return alarm

    def close(self) -> None:
        """Ring no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _sweep(self) -> None:
        """Forget alarms that are off, each time their number may have doubled."""
        if len(self._alarms) >= self._sweep_at:
            self._alarms = [entry for entry in self._alarms if not entry[2].is_off]
            heapq.heapify(self._alarms)
            self._sweep_at = max(SWEEP_FROM, 2 * len(self._alarms))

    def _run(self) -> None:
        while (alarm := self._next()) is not None:
            try:
                alarm.ring()
            except Exception:
                logger.exception("an alarm raised")

    def _next(self) -> Alarm | None:
        """Wait for the next alarm; None once closed."""
        with self._changed:
            while not self._closed:
                wait = self._alarms[0][0] - self._clock() if self._alarms else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._alarms)[2]
                self._changed.wait(wait)
        return None
