"""What was handed to the writer, until it is durable and after: a future that costs little more than a lock.

`concurrent.futures.Future` waits on a condition, which takes longer to make and to wake than an event takes to be written.
"""

from __future__ import annotations

from threading import Lock

from limner.audit.log import Append, Indexes
from limner.errors import LimnerError


class Appended:
    """An append on its way into the log. Any number of threads may wait for it."""

    def __init__(self, append: Append) -> None:
        self.append = append
        self._result: Indexes | LimnerError | None = None
        self._lock = Lock()  # held until there is a result
        self._lock.acquire()

    def settle(self, result: Indexes | LimnerError) -> None:
        """Tell those who wait. For the writer, once."""
        self._result = result
        self._lock.release()

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
            if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
                raise TimeoutError("the events are not durable yet")
            self._lock.release()  # for the next who waits
        assert self._result is not None
        return self._result
