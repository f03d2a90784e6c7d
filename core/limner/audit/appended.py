"""What was handed to the writer, until it is durable and after: a future that costs little more than a lock.

`concurrent.futures.Future` waits on a condition, which takes longer to make and to wake than an event takes to be written. And
a group's threads are woken one by the other: woken all at once, they would spend twice that time on the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock

from limner.audit.log import Append, Indexes
from limner.errors import LimnerError


class Appended:
    """An append on its way into the log. Any number of threads may wait for it."""

    def __init__(self, append: Append) -> None:
        self.append = append
        self._result: Indexes | LimnerError | None = None
        self._others: deque[Appended] | None = None  # of its group, those that were not woken yet
        self._waited_for = False
        self._lock = Lock()  # held until it is woken
        self._lock.acquire()

    def done(self) -> bool:
        """Whether its events are durable, or will never be."""
        return self._result is not None

    def result(self, timeout: float | None = None) -> Indexes:
        """Wait until its events are durable: their indexes.

        Raises the LimnerError for which they were not recorded, and TimeoutError after `timeout` seconds.
        """
        settled = self._settled(timeout)
        if isinstance(settled, LimnerError):
            raise settled
        return settled

    def exception(self, timeout: float | None = None) -> LimnerError | None:
        """Wait likewise: why its events were not recorded, or None where they were. Raises TimeoutError."""
        settled = self._settled(timeout)
        return settled if isinstance(settled, LimnerError) else None

    def _settled(self, timeout: float | None) -> Indexes | LimnerError:
        if self._result is None:
            self._wait(-1 if timeout is None else timeout)
        if self._result is None:
            raise TimeoutError("the events are not durable yet")
        return self._result

    def _wait(self, timeout: float) -> None:
        try:
            self._waited_for = True
            if self._lock.acquire(timeout=timeout):
                self._lock.release()  # for the next who waits
        finally:  # whatever ended it: who woke us has left the others to us
            self._waited_for = False
            if self._others is not None:
                _wake(self._others)


def settle(results: Iterable[tuple[Appended, Indexes | LimnerError]]) -> None:
    """Give a group its results, each once, and wake those who wait."""
    group: deque[Appended] = deque()
    for appended, result in results:
        group.append(appended)
        appended._others, appended._result = group, result
    _wake(group)


def _wake(group: deque[Appended]) -> None:
    """Wake the first that somebody waits for, who wakes the next. Those that nobody waits for are passed over."""
    while group:
        try:
            appended = group.popleft()
        except IndexError:  # another thread was quicker
            return
        appended._lock.release()
        if appended._waited_for:
            return
