"""Alarms ring at their times, unless they are put off."""

from __future__ import annotations

import threading
import time

import pytest

from limner.engine.watchdog import SWEEP_FROM, Watchdog

SOON = 20  # seconds; what never comes is a failure, not a hang


class Clock:
    """Time that passes only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watchdog(clock):
    watchdog = Watchdog(clock)
    yield watchdog
    watchdog.close()


def let_it_be(time: float, clock: Clock, watchdog: Watchdog) -> None:
    """The time comes, and the watchdog looks at its clock."""
    clock.now = time
    watchdog.at(0, nothing)


def nothing() -> None:
    """What rings unheard."""


def test_an_alarm_rings_once_its_time_has_come():
    watchdog = Watchdog(time.monotonic)
    rung = threading.Event()
    due = time.monotonic() + 0.01
    watchdog.at(due, rung.set)
    assert rung.wait(SOON)
    assert time.monotonic() >= due
    watchdog.close()


def test_alarms_ring_in_the_order_of_their_times_and_of_their_setting(clock, watchdog):
    rung: list[str] = []
    last = threading.Event()
    watchdog.at(30, last.set)
    watchdog.at(20, lambda: rung.append("second"))
    watchdog.at(20, lambda: rung.append("third"))
    watchdog.at(10, lambda: rung.append("first"))
    let_it_be(30, clock, watchdog)
    assert last.wait(SOON)
    assert rung == ["first", "second", "third"]


def test_an_alarm_that_is_put_off_does_not_ring(clock, watchdog):
    rung: list[str] = []
    last = threading.Event()
    watchdog.at(10, lambda: rung.append("off")).off()
    watchdog.at(10, last.set)
    let_it_be(10, clock, watchdog)
    assert last.wait(SOON)
    assert rung == []


def test_an_alarm_that_raises_does_not_silence_the_next(watchdog, caplog):
    last = threading.Event()
    watchdog.at(0, lambda: 1 / 0)
    watchdog.at(0, last.set)
    assert last.wait(SOON)
    assert "an alarm raised" in caplog.text


def test_alarms_that_are_off_are_forgotten_long_before_their_time(watchdog):
    kept = [watchdog.at(1e6, nothing) for _ in range(10)]
    for _ in range(20 * SWEEP_FROM):
        watchdog.at(1e6, nothing).off()
    assert len(watchdog._alarms) <= SWEEP_FROM
    assert sum(not alarm.is_off for _, _, alarm in watchdog._alarms) == len(kept)
