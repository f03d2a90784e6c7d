"""Alarms ring at their times, unless they are put off."""

from __future__ import annotations

import threading
import time

import pytest

from limner.engine.watchdog import SWEEP_FROM, Watchdog

SOON = 20  # seconds; what never comes is a failure, not a hang


@pytest.fixture
def watchdog():
    watchdog = Watchdog(time.monotonic)
    yield watchdog
    watchdog.close()


def test_alarms_ring_in_the_order_of_their_times_and_of_their_setting(watchdog):
    rung: list[str] = []
    last = threading.Event()
    now = time.monotonic() + 0.02
    watchdog.at(now + 0.02, last.set)
    watchdog.at(now + 0.01, lambda: rung.append("second"))
    watchdog.at(now + 0.01, lambda: rung.append("third"))
    watchdog.at(now, lambda: rung.append("first"))
    assert last.wait(SOON)
    assert rung == ["first", "second", "third"]


def test_an_alarm_that_is_put_off_does_not_ring(watchdog):
    rung: list[str] = []
    last = threading.Event()
    now = time.monotonic() + 0.01
    watchdog.at(now, lambda: rung.append("off")).off()
    watchdog.at(now, last.set)
    assert last.wait(SOON)
    assert rung == []


def test_an_alarm_that_raises_does_not_silence_the_next(watchdog, caplog):
    last = threading.Event()
    watchdog.at(0, lambda: 1 / 0)
    watchdog.at(0, last.set)
    assert last.wait(SOON)
    assert "an alarm raised" in caplog.text


def test_alarms_that_are_off_are_forgotten_long_before_their_time(watchdog):
    far = time.monotonic() + 1e6
    kept = [watchdog.at(far, kept_alive) for _ in range(10)]
    for _ in range(20 * SWEEP_FROM):
        watchdog.at(far, kept_alive).off()
    assert len(watchdog._alarms) <= SWEEP_FROM
    assert sum(not alarm.is_off for _, _, alarm in watchdog._alarms) == len(kept)


def kept_alive() -> None:
    """What an alarm far in the future would call."""
