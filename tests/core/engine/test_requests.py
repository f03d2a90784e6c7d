"""What an engine remembers of requests."""

from __future__ import annotations

import pytest

from limner.engine.requests import KnownRequests


@pytest.fixture
def requests(monkeypatch):
    monkeypatch.setattr("limner.engine.requests.REMEMBERED", 3)
    return KnownRequests()


def test_a_request_keeps_its_age_and_its_cancellation(requests):
    old, young = requests.hear_of("old"), requests.hear_of("young")
    old.cancelled = True
    assert old.age < young.age
    assert requests.hear_of("old") is old


def test_the_least_lately_heard_of_are_forgotten(requests):
    first = requests.hear_of("a")
    for name in ("b", "a", "c", "d"):
        requests.hear_of(name)
    assert len(requests) == 3
    assert requests.hear_of("a") is first
    assert requests.hear_of("b").age > first.age + 1


def test_one_that_has_something_under_way_is_never_forgotten(requests):
    running = requests.hear_of("running")
    running.live.add("a submission")
    for i in range(20):
        requests.hear_of(f"r{i}")
    assert requests.hear_of("running") is running
    assert list(requests.live()) == ["a submission"]
    assert len(requests) <= 4
