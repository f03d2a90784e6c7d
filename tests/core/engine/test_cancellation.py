"""Cancelling and closing: each ends at its next chance, as Cancelled."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

import limner
from limner.errors import Cancelled

SOON = 20  # seconds; what never comes is a failure, not a hang
GO_ON, ENTERED, RELEASE = threading.Event(), threading.Event(), threading.Event()
CALLS: list[list[str]] = []
ADVANCES: list[list[str]] = []
UNLOADED: list[str] = []


@pytest.fixture(autouse=True)
def _afresh(start):
    """Nothing has happened yet; in the end, before the engine is closed, nobody hangs any more."""
    for event in (GO_ON, ENTERED, RELEASE):
        event.clear()
    for record in (CALLS, ADVANCES, UNLOADED):
        record.clear()
    yield
    GO_ON.set()
    RELEASE.set()


class Ticking(limner.Step):
    """Works through its batch, one generation after the other, and ticks; waits where the prompt says so."""

    type = "ticking"
    max_batch = 4

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        CALLS.append([generation.id for generation in generations])
        for generation in generations:
            if generation.prompt == "wait" and not GO_ON.is_set():
                ENTERED.set()
                assert GO_ON.wait(SOON)
            if generation.prompt == "first":
                ENTERED.set()
                assert RELEASE.wait(SOON)
            for i in range(2):
                self.tick(generation, i + 1, 2)
        return ["done" for _ in generations]

    def unload(self):
        UNLOADED.append(self.id)


class Deaf(Ticking):
    """Never ticks."""

    type = "deaf"

    def tick(self, generation, i, n):
        pass


class Denoise(limner.IterativeStep):
    type = "denoise"
    runs_on = "accelerator"
    max_batch = 4

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return self.run(generations)

    def begin(self, generation):
        return SimpleNamespace(steps=4, id=generation.id)

    def advance(self, states):
        ADVANCES.append([state.id for state in states])
        if len(ADVANCES) == 2:
            ENTERED.set()
            assert GO_ON.wait(SOON)
        return states

    def finish(self, state):
        return "done"


class LoadsLong(Deaf):
    type = "loads_long"

    def load(self, models, device, dtype):
        ENTERED.set()
        assert GO_ON.wait(SOON)


def cancelled(future):
    with pytest.raises(Cancelled):
        future.result(SOON)
    return True


def test_what_waits_ends_at_once(start, ref, generation):
    engine = start(Ticking)
    running = engine.submit(ref(Ticking), generation("a", prompt="wait"))
    assert ENTERED.wait(SOON)
    waiting = engine.submit(ref(Ticking), generation("b"))
    engine.cancel("b")
    assert waiting.done()
    assert cancelled(waiting)
    GO_ON.set()
    assert running.result(SOON).generation.prompt == "done"
    assert CALLS == [["a/0"]]


def test_a_plain_step_ends_at_its_next_tick(start, ref, generation):
    engine = start(Ticking)
    seen: list[int] = []
    running = engine.submit(ref(Ticking), generation("a", prompt="wait"), 1000, lambda i, n: seen.append(i))
    assert ENTERED.wait(SOON)
    engine.cancel("a")
    assert not running.done()  # the step still runs
    GO_ON.set()
    assert cancelled(running)
    assert seen == []


def test_one_of_a_batch_is_cancelled_and_the_others_share_another_call(start, ref, generation):
    engine = start(Ticking)
    blocker = engine.submit(ref(Ticking, id="other"), generation("z", prompt="first"))
    assert ENTERED.wait(SOON)
    ENTERED.clear()
    names = ("a", "b", "c")
    a, b, c = (engine.submit(ref(Ticking), generation(name, prompt="wait" if name == "a" else "")) for name in names)
    RELEASE.set()
    assert blocker.result(SOON)
    assert ENTERED.wait(SOON)
    engine.cancel("b")
    GO_ON.set()
    assert a.result(SOON).batch == c.result(SOON).batch == 2
    assert cancelled(b)
    assert CALLS == [["z/0"], ["a/0", "b/0", "c/0"], ["a/0", "c/0"]]


def test_the_answer_of_a_step_that_never_ticks_is_dropped(start, ref, generation):
    engine = start(Deaf)
    running = engine.submit(ref(Deaf), generation("a", prompt="wait"))
    assert ENTERED.wait(SOON)
    engine.cancel("a")
    GO_ON.set()
    assert cancelled(running)


@pytest.mark.parametrize("batching", [False, True])
def test_an_iterative_step_stops_at_the_next_advance(start, ref, generation, batching):
    engine = start(Denoise, batching=batching)
    running = engine.submit(ref(Denoise), generation("a"))
    assert ENTERED.wait(SOON)
    engine.cancel("a")
    GO_ON.set()
    assert cancelled(running)
    assert ADVANCES == [["a/0"]] * 2


def test_the_others_of_a_group_go_on(start, ref, generation):
    engine = start(Denoise, batching=True)
    a = engine.submit(ref(Denoise), generation("a"))
    assert ENTERED.wait(SOON)
    b = engine.submit(ref(Denoise), generation("b"))
    engine.cancel("a")
    GO_ON.set()
    assert cancelled(a)
    assert b.result(SOON).generation.prompt == "done"
    assert ADVANCES == [["a/0"]] * 2 + [["b/0"]] * 4


def test_one_that_waits_for_its_step_to_load_ends_at_once(start, ref, generation):
    engine = start(LoadsLong)
    loading = engine.submit(ref(LoadsLong), generation("a"))
    assert ENTERED.wait(SOON)
    engine.cancel("a")
    assert loading.done()
    GO_ON.set()
    assert engine.submit(ref(LoadsLong), generation("b")).result(SOON)
    assert CALLS == [["b/0"]]


def test_a_cancelled_request_stays_cancelled(start, ref, generation):
    engine = start(Ticking)
    engine.cancel("a")
    assert cancelled(engine.submit(ref(Ticking), generation("a", 3)))
    assert engine.submit(ref(Ticking), generation("b")).result(SOON)


def test_closing_ends_what_waits_and_what_runs_as_cancelled(start, ref, generation):
    engine = start(Ticking, Denoise)
    plain = engine.submit(ref(Ticking), generation("a", prompt="wait"))
    assert ENTERED.wait(SOON)
    ENTERED.clear()
    iterative = engine.submit(ref(Denoise), generation("b"))
    assert ENTERED.wait(SOON)
    waiting = [engine.submit(ref(cls), generation("c")) for cls in (Ticking, Denoise)]
    closing = threading.Thread(target=engine.close)
    closing.start()
    assert all(cancelled(future) for future in waiting)
    GO_ON.set()
    assert cancelled(plain)
    assert cancelled(iterative)
    closing.join(SOON)
    assert ADVANCES == [["b/0"]] * 2
    assert UNLOADED == ["ticking"]
    assert cancelled(engine.submit(ref(Ticking), generation("d")))


def test_a_call_that_does_not_return_is_not_waited_for_for_ever(start, ref, generation, monkeypatch):
    monkeypatch.setattr("limner.engine.local.CLOSING_TIME", 0.01)
    engine = start(Deaf)
    hanging = engine.submit(ref(Deaf), generation("a", prompt="wait"))
    assert ENTERED.wait(SOON)
    engine.close()
    assert cancelled(hanging)
