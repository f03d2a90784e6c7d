from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from limner.audit.appended import Appended, settle
from limner.audit.event import Event
from limner.audit.log import Append
from limner.errors import AuditError

SECONDS = 30  # far more than waking takes


def _group(count: int) -> list[Appended]:
    return [Appended(Append((Event("note", "", {}),))) for _ in range(count)]


def _started(works: list[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def _all_end(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(SECONDS)
    return not any(thread.is_alive() for thread in threads)


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        threading.Event().wait(0.001)


def test_all_who_wait_are_woken_each_with_its_own_result() -> None:
    group, results = _group(20), dict[int, tuple[int, ...]]()
    threads = _started([lambda at=at: results.update({at: group[at].result()}) for at in range(20)])  # type: ignore[misc]
    assert not group[0].done()
    settle([(appended, (at,)) for at, appended in enumerate(group)])
    assert _all_end(threads)
    assert results == {at: (at,) for at in range(20)}
    assert group[0].done()


def test_those_that_nobody_waits_for_hold_up_no_others() -> None:
    group = _group(20)
    threads = _started([group[at].result for at in (3, 4, 15, 19)])
    settle([(appended, (0,)) for appended in group])
    assert _all_end(threads)
    assert group[0].result(0) == (0,)


def test_several_threads_may_wait_for_one() -> None:
    first, second = _group(2)
    threads = _started([first.result, first.exception, first.result, second.result])
    settle([(first, (1,)), (second, (2,))])
    assert _all_end(threads)


def test_who_gives_up_waiting_leaves_nobody_behind() -> None:
    group = _group(3)
    threads = _started([group[2].result])
    with pytest.raises(TimeoutError):
        group[0].result(0.01)
    with pytest.raises(TimeoutError):
        group[1].exception(0.01)
    settle([(appended, (7,)) for appended in group])
    assert _all_end(threads)
    assert group[0].result(0) == (7,)


def test_who_is_interrupted_when_woken_still_wakes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    group = _group(2)
    interrupted = threading.Event()

    class Interrupting:
        """The lock of a thread that Ctrl-C reaches just as it is woken."""

        def __init__(self, lock: threading.Lock) -> None:
            self._lock = lock

        def acquire(self, timeout: float) -> bool:
            self._lock.acquire(timeout=timeout)
            raise KeyboardInterrupt

        def release(self) -> None:
            self._lock.release()

    def wait() -> None:
        with pytest.raises(KeyboardInterrupt):
            group[0].result()
        interrupted.set()

    monkeypatch.setattr(group[0], "_lock", Interrupting(group[0]._lock))
    threads = _started([wait, group[1].result])
    _wait_until(lambda: group[0]._waited_for and group[1]._waited_for)
    settle([(appended, (0,)) for appended in group])
    assert _all_end(threads)
    assert interrupted.is_set()


def test_an_error_is_raised_or_told() -> None:
    [appended] = _group(1)
    settle([(appended, AuditError("the disk is full"))])
    with pytest.raises(AuditError, match="full"):
        appended.result(0)
    assert str(appended.exception(0)).startswith("the disk is full")
