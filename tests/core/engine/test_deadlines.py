"""Deadlines: what is late ends, what is stuck is replaced or makes the engine unhealthy, and loading does not count."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

import limner
from limner.errors import StepError

SOON = 20  # seconds; what never comes is a failure, not a hang
SHORT = 0.05  # seconds; a deadline that a hanging step has to pass
LONG = 1000.0
GO_ON, ENTERED, RELEASE = threading.Event(), threading.Event(), threading.Event()
THREADS: list[threading.Thread] = []


class Clock:
    """Time that passes only when a step says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        Clock.now += seconds


CLOCK = Clock()


@pytest.fixture(autouse=True)
def _afresh(start):
    """Nothing has happened yet; in the end, before the engine is closed, nobody hangs any more."""
    for event in (GO_ON, ENTERED, RELEASE):
        event.clear()
    THREADS.clear()
    Clock.now = 0.0
    yield
    GO_ON.set()
    RELEASE.set()


class Hang(limner.Step):
    type = "hang"
    runs_on = "io"
    max_batch = 8

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        THREADS.append(threading.current_thread())
        if generations[0].prompt == "first":
            ENTERED.set()
            assert RELEASE.wait(SOON)
        if generations[0].prompt == "hang":
            ENTERED.set()
            assert GO_ON.wait(SOON)
            if len(generations) == 1:
                self.tick(generations[0], 1, 1)
        return [generation.prompt.upper() for generation in generations]


class HangOnCpu(Hang):
    type = "hang_on_cpu"
    runs_on = "cpu"


class HangOnDevice(Hang):
    type = "hang_on_device"
    runs_on = "accelerator"


class Slow(limner.IterativeStep):
    """Its clock moves 4 seconds an advance and 100 in load; it hangs where the prompt says so, `once` in its first advance."""

    type = "slow"
    runs_on = "accelerator"
    max_batch = 4

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return self.run(generations)

    def load(self, models, device, dtype):
        CLOCK.passes(100)

    def begin(self, generation):
        return SimpleNamespace(steps=10**9 if generation.prompt == "once" else 4, prompt=generation.prompt)

    def advance(self, states):
        if states[0].prompt == "once":
            ENTERED.set()
            assert GO_ON.wait(SOON)
        if states[0].prompt == "hang":
            assert RELEASE.wait(SOON)
        CLOCK.passes(4)
        return states

    def finish(self, state):
        return "done"


class Gated(Slow):
    type = "gated"

    def advance(self, states):
        ENTERED.set()
        assert GO_ON.wait(SOON)
        return super().advance(states)


def test_loading_is_not_under_the_deadline(start, ref, generation):
    engine = start(Slow, clock=CLOCK)
    assert engine.submit(ref(Slow), generation(), 17).result(SOON).seconds == 16


def test_an_iterative_step_past_its_deadline_ends_between_advances(start, ref, generation):
    engine = start(Slow, clock=CLOCK)
    with pytest.raises(StepError, match="within its deadline of 10 s, after 3 of 4 advances") as caught:
        engine.submit(ref(Slow), generation(), 10).result(SOON)
    assert caught.value.where == "step slow"
    assert engine.healthy()


def test_a_deadline_stands_still_while_its_worker_loads_another_step(start, ref, generation):
    engine = start(Slow, Gated, clock=CLOCK, batching=True)
    running = engine.submit(ref(Gated), generation("a"), 100)
    assert ENTERED.wait(SOON)
    other = engine.submit(ref(Slow), generation("b"), 100)  # loading it takes 100 s
    GO_ON.set()
    assert running.result(SOON).generation.prompt == other.result(SOON).generation.prompt == "done"


def test_on_the_processor_a_deadline_stands_still_while_an_older_request_goes_first(start, ref, generation):
    engine = start(Slow, Gated, clock=CLOCK)
    assert engine.submit(ref(Slow), generation("old"), 17).result(SOON)
    young = engine.submit(ref(Gated), generation("young"), 17)  # 16 s of its own
    assert ENTERED.wait(SOON)
    back = engine.submit(ref(Slow), generation("old"), 17)
    GO_ON.set()
    assert young.result(SOON).seconds == back.result(SOON).seconds == 16


@pytest.mark.parametrize("cls", [Hang, HangOnCpu])
def test_a_stuck_thread_is_replaced_and_its_late_answer_dropped(start, ref, generation, cls):
    engine = start(cls)
    stuck = engine.submit(ref(cls), generation("a", prompt="hang"), SHORT)
    assert ENTERED.wait(SOON)
    waiting = engine.submit(ref(cls), generation("b", prompt="b"), LONG)
    with pytest.raises(StepError, match="has not returned within its deadline"):
        stuck.result(SOON)
    assert waiting.result(SOON).generation.prompt == "B"
    assert THREADS[0] is not THREADS[1]
    assert engine.healthy()
    GO_ON.set()
    THREADS[0].join(SOON)
    assert not THREADS[0].is_alive()
    assert engine.submit(ref(cls), generation("c", prompt="c"), LONG).result(SOON)
    assert THREADS[2] is THREADS[1]


def test_a_stuck_accelerator_refuses_work_says_so_and_leaves_other_workers_alone(start, ref, generation):
    engine = start(HangOnDevice, Hang)
    stuck = engine.submit(ref(HangOnDevice, id="upscale"), generation("a", prompt="hang"), 10 * SHORT)
    assert ENTERED.wait(SOON)
    waiting = engine.submit(ref(HangOnDevice), generation("b"))
    for future in (stuck, waiting):
        with pytest.raises(StepError, match=r"the accelerator worker on cpu is stuck in step upscale \(hang_on_device\)"):
            future.result(SOON)
    health = engine.healthy()
    assert not health
    assert "stuck in step upscale" in health.reason
    assert engine.capacity()["accelerator"] == 0
    with pytest.raises(StepError, match="restart the process"):
        engine.submit(ref(HangOnDevice), generation("c")).result(SOON)
    assert engine.submit(ref(Hang), generation("d"), LONG).result(SOON)


def test_a_call_that_hangs_soon_after_one_that_did_not_is_stuck_and_not_merely_late(start, ref, generation):
    engine = start(HangOnDevice)
    assert engine.submit(ref(HangOnDevice), generation("a"), 20 * SHORT).result(SOON)
    with pytest.raises(StepError, match="stuck in step"):
        engine.submit(ref(HangOnDevice), generation("b", prompt="hang"), 20 * SHORT).result(SOON)
    assert not engine.healthy()


def test_where_no_thread_can_be_had_to_replace_a_stuck_one_work_is_refused_until_that_returns(
    start, ref, generation, monkeypatch
):
    def no_thread(worker):
        raise RuntimeError("can't start new thread")  # as Python says it

    engine = start(Hang)
    monkeypatch.setattr("limner.engine.workers.Worker.start", no_thread)
    stuck = engine.submit(ref(Hang), generation("a", prompt="hang"), SHORT)
    assert ENTERED.wait(SOON)
    waiting = engine.submit(ref(Hang), generation("b"), LONG)
    for future in (stuck, waiting):
        with pytest.raises(StepError, match="stuck in step"):
            future.result(SOON)
    assert not engine.healthy()
    GO_ON.set()
    until_healthy(engine)
    assert engine.submit(ref(Hang), generation("c"), LONG).result(SOON)


def until_healthy(engine) -> None:
    patience = threading.Event()
    while not engine.healthy():
        patience.wait(0.001)


def test_a_stuck_accelerator_whose_call_returns_after_all_takes_work_again(start, ref, generation):
    engine = start(HangOnDevice)
    stuck = engine.submit(ref(HangOnDevice), generation("a", prompt="hang"), SHORT)
    with pytest.raises(StepError):
        stuck.result(SOON)
    GO_ON.set()
    until_healthy(engine)
    assert engine.submit(ref(HangOnDevice), generation("b")).result(SOON)


def test_an_advance_that_does_not_return_ends_all_that_its_worker_holds(start, ref, generation):
    engine = start(Slow, batching=True)
    other = engine.submit(ref(Slow, id="other"), generation("z", prompt="once"), LONG)
    assert ENTERED.wait(SOON)
    stuck = engine.submit(ref(Slow), generation("a", prompt="hang"), 10 * SHORT)  # begins and hangs within it
    GO_ON.set()
    for future in (stuck, other):
        with pytest.raises(StepError, match="stuck in step"):
            future.result(SOON)
    assert not engine.healthy()


def test_in_company_each_has_its_own_deadline(start, ref, generation):
    engine = start(Hang)
    blocker = engine.submit(ref(Hang, id="other"), generation("z", prompt="first"))
    assert ENTERED.wait(SOON)
    patient = engine.submit(ref(Hang), generation("a", prompt="hang"), LONG)
    hasty = engine.submit(ref(Hang), generation("b", prompt="b"), SHORT)
    assert not patient.done()
    RELEASE.set()
    assert blocker.result(SOON)
    with pytest.raises(StepError, match=r"did not end within its deadline of 0\.05 s"):
        hasty.result(SOON)
    assert engine.healthy()
    GO_ON.set()
    run = patient.result(SOON)
    assert (run.generation.prompt, run.batch) == ("HANG", 2)
    assert THREADS[0] is THREADS[1]  # nobody was stuck


def test_a_batch_is_not_run_again_for_those_whose_time_is_up(start, ref, generation):
    class Raise(Hang):
        type = "raise"
        calls = 0

        @limner.hookimpl
        def rewrite_prompt(self, generations):
            if generations[0].prompt == "hang":
                return super().rewrite_prompt(generations)
            Raise.calls += 1
            CLOCK.passes(20)
            raise ValueError("broken")

    engine = start(Raise, clock=CLOCK)
    blocker = engine.submit(ref(Raise), generation("z", prompt="hang"))
    assert ENTERED.wait(SOON)
    futures = [engine.submit(ref(Raise), generation("a", i), 10) for i in range(2)]
    GO_ON.set()
    assert blocker.result(SOON)
    for future in futures:
        with pytest.raises(StepError, match="within its deadline"):  # the alarm may ring before the call has raised
            future.result(SOON)
    assert Raise.calls == 1


def test_when_too_many_threads_hang_the_engine_is_unhealthy_until_they_return(start, ref, generation, monkeypatch):
    monkeypatch.setattr("limner.engine.lane.STUCK_AT_MOST", 1)
    engine = start(Hang, HangOnCpu)
    for i in range(2):
        assert engine.healthy()
        with pytest.raises(StepError, match="stuck in step hang"):
            engine.submit(ref(Hang), generation("a", i, prompt="hang"), SHORT).result(SOON)
    assert not engine.healthy()
    with pytest.raises(StepError, match="cannot run: the io worker"):
        engine.submit(ref(Hang), generation("b")).result(SOON)
    assert engine.submit(ref(HangOnCpu), generation("c")).result(SOON)
    GO_ON.set()
    for thread in THREADS[:2]:
        thread.join(SOON)
    assert engine.healthy()
    assert engine.submit(ref(Hang), generation("d")).result(SOON)
