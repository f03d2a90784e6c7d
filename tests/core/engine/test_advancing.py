"""Iterative steps: who joins, who leaves, who pays, and that company changes nothing."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
import torch

import limner
from limner.errors import Cancelled, StepError
from limner.generation import Image, ItemError

SOON = 20  # seconds; what never comes is a failure, not a hang
advances: list[tuple[str, ...]] = []  # who shared each advance
begun: list[str] = []
finished: list[str] = []


class Turnstile:
    """Lets a thread through once for each permit, and tells when it stands there."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        self._permits, self._changed, self._free, self.standing = 0, threading.Condition(), True, 0

    def shut(self) -> None:
        self._free = False

    def let(self, count: int) -> None:
        """Let so many through, and wait till somebody stands there again."""
        with self._changed:
            self._permits += count
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._permits == 0 and self.standing, SOON)

    def let_all(self) -> None:
        with self._changed:
            self._free = True
            self._changed.notify_all()

    def passed(self) -> None:
        """What goes through calls this."""
        with self._changed:
            self.standing += 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._free or self._permits, SOON)
            self._permits = max(0, self._permits - 1)
            self.standing -= 1


TURNSTILE = Turnstile()


@pytest.fixture(autouse=True)
def _afresh():
    TURNSTILE.open()
    for record in (advances, begun, finished):
        record.clear()


@dataclass
class Diffusion:
    steps: int
    at: int
    x: torch.Tensor
    name: str
    group: str


class Denoise(limner.IterativeStep):
    """Exact in any company: each state's arithmetic is elementwise, so it does not depend on the batch."""

    type = "denoise"
    runs_on = "accelerator"
    max_batch = 4

    class Options(limner.Options):
        steps: int = 4
        group: str = ""

    @limner.hookimpl
    def decode(self, generations):
        return self.run(generations)

    def begin(self, generation):
        begun.append(generation.id)
        if generation.prompt == "begin":
            raise ValueError("no beginning")
        options = self.options_for(generation)
        noise = torch.randn(3, 8, 8, generator=self.generator(generation))
        return Diffusion(options.steps, 0, noise, generation.id, generation.prompt)

    def group_key(self, state):
        if state.group == "key":
            raise ValueError("no key")
        if state.group == "list":
            return [state.group]
        return state.group if state.group.startswith("group") else ""

    def advance(self, states):
        advances.append(tuple(state.name for state in states))
        TURNSTILE.passed()
        if any(state.group == "advance" and state.at == 2 for state in states):
            raise ZeroDivisionError("in the third advance")
        if any(state.group == "count" for state in states):
            return []
        scale = torch.tensor([0.9 - 0.1 * state.at for state in states])[:, None, None, None]
        x = torch.stack([state.x for state in states]).mul(scale).add(scale.square())
        return [Diffusion(state.steps, state.at + 1, x, state.name, state.group) for state, x in zip(states, x, strict=True)]

    def finish(self, state):
        finished.append(state.name)
        if state.group == "finish":
            raise ValueError("no end")
        return ItemError("not this one") if state.group == "item" else Image(state.x.clamp(-1, 1))


class Tint(limner.Step):
    type = "tint"
    runs_on = "accelerator"

    @limner.hookimpl
    def transform_image(self, generations):
        advances.append(tuple("tint" for _ in generations))
        return [Image(torch.zeros(3, 2, 2)) for _ in generations]


def test_the_engine_gives_what_the_stage_hook_gives(start, ref, generation):
    one = generation(seed=7)
    [expected] = Denoise().decode([one])
    run = start(Denoise).submit(ref(Denoise), one).result(SOON)
    assert run.generation.image.sha256() == expected.sha256()
    assert run.batch == 1


def test_an_image_is_the_same_alone_and_in_company(start, ref, generation):
    step = ref(Denoise)
    ones = [generation("r", i, seed=100 + i, overrides={"steps": 3 + i}) for i in range(4)]
    alone = [start(Denoise).submit(step, one).result(SOON) for one in ones]
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    futures = [engine.submit(step, ones[0])]
    TURNSTILE.let(1)
    futures += [engine.submit(step, one) for one in ones[1:]]
    TURNSTILE.let_all()
    together = [future.result(SOON) for future in futures]
    assert [run.batch for run in together] == [4, 4, 4, 4]
    assert len({run.generation.image.sha256() for run in together}) == 4
    for one, other in zip(alone, together, strict=True):
        assert one.generation.image.sha256() == other.generation.image.sha256()


def test_who_arrives_joins_at_the_next_advance_and_who_is_done_leaves_at_once(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    a = engine.submit(ref(Denoise), generation("a"))
    TURNSTILE.let(2)  # two advances done, the third begun
    b = engine.submit(ref(Denoise), generation("b"))
    TURNSTILE.let(2)  # the fourth was shared, and a's last
    assert a.result(SOON).batch == 2
    assert not b.done()
    TURNSTILE.let_all()
    assert b.result(SOON).batch == 2
    assert advances == [("a/0",)] * 3 + [("a/0", "b/0")] + [("b/0",)] * 3
    assert finished == ["a/0", "b/0"]


def test_no_more_than_max_batch_are_under_way(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    futures = [engine.submit(ref(Denoise), generation("a", 0))]
    TURNSTILE.let(0)
    futures += [engine.submit(ref(Denoise), generation("a", i)) for i in range(1, 6)]
    TURNSTILE.let_all()
    assert [future.result(SOON).batch for future in futures] == [4, 4, 4, 4, 4, 2]
    shared = ["0", *["0123"] * 3, "1234", *["45"] * 3, "5"]
    assert advances == [tuple(f"a/{index}" for index in group) for group in shared]


def test_only_states_of_one_group_share_an_advance(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    prompts = ["group 1", "group 2", "group 1"]
    futures = [engine.submit(ref(Denoise), generation("a", i, prompt=prompt)) for i, prompt in enumerate(prompts)]
    TURNSTILE.let_all()
    assert futures[1].result(SOON).batch == 1
    assert {run for run in advances if "a/1" in run} == {("a/1",)}
    assert ("a/0", "a/2") in advances


def test_on_the_processor_one_goes_at_a_time_to_its_end_and_the_oldest_request_first(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise)
    first = engine.submit(ref(Denoise), generation("old", 0))
    TURNSTILE.let(1)
    later = engine.submit(ref(Denoise), generation("new", 0))
    same = engine.submit(ref(Denoise), generation("old", 1))
    TURNSTILE.let_all()
    assert [future.result(SOON).batch for future in (first, later, same)] == [1, 1, 1]
    assert advances == [(name,) for name in ("old/0", "old/1", "new/0") for _ in range(4)]


def test_on_the_processor_a_younger_request_stands_still_when_an_older_one_comes_back(start, ref, generation):
    """It began while the older one was elsewhere: between two of its steps, say."""
    engine = start(Denoise, Tint)
    image = Image(torch.ones(3, 2, 2))
    assert engine.submit(ref(Tint), generation("old", image=image)).result(SOON)
    TURNSTILE.shut()
    young = engine.submit(ref(Denoise), generation("young"))
    TURNSTILE.let(1)
    back = engine.submit(ref(Denoise), generation("old"))
    again = engine.submit(ref(Tint), generation("old", image=image))
    TURNSTILE.let_all()
    assert [future.result(SOON).batch for future in (back, again, young)] == [1, 1, 1]
    order = [("tint",), *[("young/0",)] * 2, *[("old/0",)] * 4, ("tint",), *[("young/0",)] * 2]
    assert advances == order


def test_one_that_stands_still_is_left_to_nobody_when_it_is_cancelled(start, ref, generation):
    engine = start(Denoise, Tint)
    assert engine.submit(ref(Tint), generation("old", image=Image(torch.ones(3, 2, 2)))).result(SOON)
    TURNSTILE.shut()
    young = engine.submit(ref(Denoise), generation("young"))
    TURNSTILE.let(0)
    back = engine.submit(ref(Denoise), generation("old"))
    TURNSTILE.let(2)  # the older one's first advance is done
    engine.cancel("young")
    TURNSTILE.let(1)
    with pytest.raises(Cancelled):
        young.result(0)
    TURNSTILE.let_all()
    assert back.result(SOON)


def test_a_plain_step_runs_between_the_advances_of_others(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise, Tint, batching=True)
    slow = engine.submit(ref(Denoise), generation("a"))
    TURNSTILE.let(1)
    quick = engine.submit(ref(Tint), generation("b", image=Image(torch.ones(3, 2, 2))))
    TURNSTILE.let_all()
    assert slow.result(SOON).batch == quick.result(SOON).batch == 1
    assert advances == [("a/0",), ("a/0",), ("tint",), ("a/0",), ("a/0",)]


def test_a_group_that_raises_starts_again_and_only_the_culprit_fails(start, ref, generation):
    ones = [generation("r", i, prompt=prompt) for i, prompt in enumerate(["", "advance", ""])]
    expected = [Denoise().decode([one])[0].sha256() for one in (ones[0], ones[2])]
    advances.clear()
    begun.clear()
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    blocker = engine.submit(ref(Denoise, id="other"), generation("z", overrides={"steps": 1}))
    TURNSTILE.let(0)
    good, culprit, other = [engine.submit(ref(Denoise), one) for one in ones]
    TURNSTILE.let_all()
    with pytest.raises(StepError, match="ZeroDivisionError: in the third advance") as caught:
        culprit.result(SOON)
    assert __file__ in caught.value.where
    assert [run.result(SOON).generation.image.sha256() for run in (good, other)] == expected
    assert good.result().batch == other.result().batch == 1  # what counts is the run that gave the image
    assert blocker.done()
    assert advances[1:4] == [("r/0", "r/1", "r/2")] * 3
    assert set(map(len, advances[4:])) == {1}
    assert begun == ["z/0", "r/0", "r/1", "r/2", "r/0", "r/1", "r/2"]


@pytest.mark.parametrize("batching", [False, True])
@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("begin", "ValueError: no beginning"),
        ("key", "ValueError: no key"),
        ("list", "TypeError: unhashable type: 'list'"),
        ("advance", "ZeroDivisionError"),
        ("count", "answered 0 results for 1 generation"),
        ("finish", "ValueError: no end"),
        ("item", "not this one"),
    ],
)
def test_one_that_fails_alone_fails_at_once_and_harms_no_other(start, ref, generation, batching, prompt, error):
    engine = start(Denoise, batching=batching)
    bad = engine.submit(ref(Denoise), generation("a", prompt=prompt))
    with pytest.raises(StepError, match=error) as caught:
        bad.result(SOON)
    assert caught.value.where.startswith("step denoise")
    assert begun == ["a/0"]
    assert engine.submit(ref(Denoise), generation("b")).result(SOON).generation.image is not None


def test_each_advance_is_reported_to_each(start, ref, generation):
    TURNSTILE.shut()
    engine = start(Denoise, batching=True)
    seen: list[tuple[str, int, int]] = []
    a = engine.submit(ref(Denoise), generation("a", overrides={"steps": 2}), None, lambda i, n: seen.append(("a", i, n)))
    TURNSTILE.let(1)
    b = engine.submit(ref(Denoise), generation("b", overrides={"steps": 1}), None, lambda i, n: seen.append(("b", i, n)))
    TURNSTILE.let_all()
    assert a.result(SOON)
    assert b.result(SOON)
    assert sorted(seen) == [("a", 1, 2), ("a", 2, 2), ("b", 1, 1)]


def test_a_progress_callback_that_raises_does_no_harm_and_is_not_called_again(start, ref, generation, caplog):
    calls: list[int] = []

    def broken(i: int, n: int) -> None:
        calls.append(i)
        raise RuntimeError("no terminal")

    run = start(Denoise).submit(ref(Denoise), generation(), None, broken).result(SOON)
    assert run.generation.image is not None
    assert calls == [1]
    assert "a progress callback of step denoise raised" in caplog.text


def test_no_steps_is_an_end(start, ref, generation):
    assert start(Denoise).submit(ref(Denoise), generation(overrides={"steps": 0})).result(SOON).generation.image
    assert advances == []


class Workers(limner.IterativeStep):
    type = "workers"
    max_batch = 4

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return self.run(generations)

    def begin(self, generation):
        return Diffusion(2, 0, torch.zeros(1), generation.id, "")

    def advance(self, states):
        assert torch.is_inference_mode_enabled()
        advances.append(tuple(state.name for state in states))
        return states

    def finish(self, state):
        return "done"


def test_iterative_steps_on_cpu_workers_go_one_at_a_time_in_inference_mode(start, ref, generation):
    engine = start(Workers, batching=True)
    futures = [engine.submit(ref(Workers), generation("a", i)) for i in range(2)]
    assert [future.result(SOON).generation.prompt for future in futures] == ["done", "done"]
    assert advances == [("a/0",), ("a/0",), ("a/1",), ("a/1",)]
