"""Plain steps: batches, what raises in them, and who pays for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

import limner
from limner.errors import ModelError, StepError
from limner.generation import Generation, ItemError

SOON = 20  # seconds; what never comes is a failure, not a hang
ENTERED, GO_ON = threading.Event(), threading.Event()
BATCHES: list[list[str]] = []
LOADED: list[limner.Step] = []


class Shout(limner.Step):
    type = "shout"
    max_batch = 3

    def load(self, models, device, dtype):
        self.loaded_on = threading.get_ident()
        LOADED.append(self)

    @limner.hookimpl
    def rewrite_prompt(self, generations: Sequence[Generation]):
        assert threading.get_ident() == self.loaded_on
        BATCHES.append([generation.prompt for generation in generations])
        if BATCHES[-1] == ["wait"]:
            ENTERED.set()
            assert GO_ON.wait(SOON)
        return [self._one(generation.prompt) for generation in generations]

    def _one(self, prompt: str):
        if prompt == "raise":
            raise ZeroDivisionError("as asked")  # the line that the error must name
        if prompt == "exit":
            raise SystemExit(1)
        return ItemError("too rude", "be kind") if prompt == "rude" else prompt.upper()


class Accelerated(Shout):
    type = "accelerated"
    runs_on = "accelerator"


class Unloadable(limner.Step):
    type = "unloadable"

    class Options(limner.Options):
        size: int = 1

    def load(self, models, device, dtype):
        raise OSError("no such weights")

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return ["never"]


def behind_a_waiting_one(engine, step, generation, prompts):
    """Futures for these prompts, all of which wait while the worker is busy; `GO_ON` lets them go."""
    first = engine.submit(step, generation("first", prompt="wait"))
    assert ENTERED.wait(SOON)
    return first, [engine.submit(step, generation("b", i, prompt=prompt)) for i, prompt in enumerate(prompts)]


@pytest.fixture(autouse=True)
def _afresh():
    for event in (ENTERED, GO_ON):
        event.clear()
    BATCHES.clear()
    LOADED.clear()


def test_a_step_gives_the_next_generation_and_says_how_it_ran(start, ref, generation):
    run = start(Shout).submit(ref(Shout, id="loud"), generation(prompt="a skull", overrides={"x": 1})).result(SOON)
    assert run.generation.prompt == "A SKULL"
    assert [(rewrite.step, rewrite.before) for rewrite in run.generation.rewrites] == [("loud", "a skull")]
    assert not run.generation.overrides  # they were for that step
    assert (run.device, run.precision, run.batch, run.signals) == ("cpu", "float32", 1, ())
    assert run.seconds >= 0


def test_what_waits_for_the_same_step_shares_a_call_up_to_max_batch(start, ref, generation):
    first, futures = behind_a_waiting_one(start(Shout), ref(Shout), generation, "abcde")
    GO_ON.set()
    runs = [future.result(SOON) for future in futures]
    assert BATCHES == [["wait"], ["a", "b", "c"], ["d", "e"]]
    assert [run.batch for run in runs] == [3, 3, 3, 2, 2]
    assert [run.generation.prompt for run in runs] == list("ABCDE")
    assert first.result(SOON).batch == 1


def test_an_accelerator_step_on_the_processor_runs_alone(start, ref, generation):
    _, futures = behind_a_waiting_one(start(Accelerated), ref(Accelerated), generation, "ab")
    GO_ON.set()
    assert [future.result(SOON).batch for future in futures] == [1, 1]
    assert BATCHES == [["wait"], ["a"], ["b"]]


def test_an_accelerator_shares_calls(start, ref, generation):
    _, futures = behind_a_waiting_one(start(Accelerated, batching=True), ref(Accelerated), generation, "ab")
    GO_ON.set()
    assert [future.result(SOON).batch for future in futures] == [2, 2]


def test_steps_that_are_configured_apart_share_nothing(start, ref, generation):
    engine = start(Shout)
    first, futures = behind_a_waiting_one(engine, ref(Shout), generation, "a")
    other = engine.submit(ref(Shout, pipeline_hash="another"), generation("c", prompt="x"))
    GO_ON.set()
    assert [future.result(SOON).batch for future in (first, *futures, other)] == [1, 1, 1]
    assert BATCHES == [["wait"], ["a"], ["x"]]
    assert len(LOADED) == 2


def test_a_step_is_loaded_once_on_the_worker_that_runs_it(start, ref, generation):
    engine = start(Shout)
    for i in range(3):
        engine.submit(ref(Shout), generation(index=i)).result(SOON)
    assert len(LOADED) == 1
    assert engine.models.bound == [("cpu", "torch.float32")]


def test_an_item_error_fails_that_generation_alone(start, ref, generation):
    _, (good, rude) = behind_a_waiting_one(start(Shout), ref(Shout), generation, ["good", "rude"])
    GO_ON.set()
    assert good.result(SOON).batch == 2
    with pytest.raises(StepError, match="too rude\n  be kind") as caught:
        rude.result(SOON)
    assert caught.value.where == "step shout"


def test_a_batch_that_raises_is_run_again_one_by_one(start, ref, generation):
    _, (a, bad, b) = behind_a_waiting_one(start(Shout), ref(Shout), generation, ["a", "raise", "b"])
    GO_ON.set()
    assert a.result(SOON).generation.prompt == "A"
    assert b.result(SOON).batch == 1
    with pytest.raises(StepError, match="ZeroDivisionError: as asked"):
        bad.result(SOON)
    assert BATCHES == [["wait"], ["a", "raise", "b"], ["a"], ["raise"], ["b"]]


def test_an_error_names_the_step_and_its_own_line(start, ref, generation):
    with pytest.raises(StepError) as caught:
        start(Shout).submit(ref(Shout, id="loud"), generation(prompt="raise")).result(SOON)
    with open(__file__) as source:
        line = next(n for n, text in enumerate(source, 1) if "the line that the error must name" in text)
    assert caught.value.where == f"step loud (shout), {__file__}:{line}"


def test_a_step_that_exits_does_not_end_its_worker(start, ref, generation):
    engine = start(Shout)
    with pytest.raises(StepError, match="SystemExit"):
        engine.submit(ref(Shout), generation(prompt="exit")).result(SOON)
    assert engine.submit(ref(Shout), generation(prompt="a")).result(SOON).generation.prompt == "A"


def test_a_step_that_cannot_load_is_a_model_error(start, ref, generation):
    with pytest.raises(ModelError, match="OSError: no such weights") as caught:
        start(Unloadable).submit(ref(Unloadable), generation()).result(SOON)
    assert caught.value.where.startswith(f"step unloadable, {__file__}:")


def test_a_load_that_calls_exit_fails_its_step_and_ends_no_worker(start, ref, generation):
    class Leaving(Unloadable):
        type = "leaving"

        def load(self, models, device, dtype):
            raise SystemExit(0)

    engine = start(Leaving)
    for request in ("a", "b"):
        with pytest.raises(ModelError, match="SystemExit"):
            engine.submit(ref(Leaving), generation(request)).result(SOON)


def test_a_limner_error_of_a_load_says_which_step(start, ref, generation):
    class Missing(Unloadable):
        type = "missing"

        def load(self, models, device, dtype):
            raise ModelError("no component 'prior' in model 'scenes'", fix="limner models fetch scenes")

    with pytest.raises(ModelError, match="step missing: no component 'prior' in model 'scenes'\n  limner models fetch"):
        start(Missing).submit(ref(Missing), generation()).result(SOON)


def test_a_load_that_failed_is_tried_again_by_the_next(start, ref, generation):
    class Flaky(Shout):
        type = "flaky"

        def load(self, models, device, dtype):
            super().load(models, device, dtype)
            if len(LOADED) == 1:
                raise ConnectionError("hub unreachable")

    engine = start(Flaky)
    with pytest.raises(ModelError, match="hub unreachable"):
        engine.submit(ref(Flaky), generation("a")).result(SOON)
    assert engine.submit(ref(Flaky), generation("b")).result(SOON)


def test_a_step_that_raises_when_unloaded_does_not_stop_the_others(start, ref, generation, caplog):
    class Sticky(Shout):
        type = "sticky"

        def unload(self):
            raise RuntimeError("will not go")

    engine = start(Sticky)
    for name in ("one", "two"):
        assert engine.submit(ref(Sticky, id=name), generation()).result(SOON)
    engine.close()
    assert [record.getMessage() for record in caplog.records] == [f"{i} raised when it was unloaded" for i in ("one", "two")]


def test_options_are_validated_where_the_step_is_built(start, ref, generation):
    with pytest.raises(ModelError, match="size"):
        start(Unloadable).submit(ref(Unloadable, {"size": "large"}), generation()).result(SOON)


def test_a_step_that_nobody_registered_is_a_step_error(start, ref, generation):
    with pytest.raises(StepError, match="no step 'shout'"):
        start(Unloadable).submit(ref(Shout), generation()).result(SOON)


class Answers(limner.Step):
    """Answers what the prompt says, as Python."""

    type = "answers"

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return eval(generations[0].prompt)


@pytest.mark.parametrize(
    ("answer", "found"),
    [("[]", "0 results"), ("['a', 'b']", "2 results"), ("None", "nothing"), ("'a'", "a str"), ("{0: 'a'}", "a dict")],
)
def test_there_must_be_one_answer_for_each_generation(start, ref, generation, answer, found):
    with pytest.raises(StepError, match=f"answered {found} for 1 generation\n"):
        start(Answers).submit(ref(Answers), generation(prompt=answer)).result(SOON)


def test_an_answer_of_the_wrong_type_says_what_belongs_there(start, ref, generation):
    with pytest.raises(StepError, match=r"nonsense: an int where a str belongs\n  a rewrite_prompt step returns a str"):
        start(Answers).submit(ref(Answers), generation(prompt="[7]")).result(SOON)
