"""Steps and their options: what YAML may hold, each step's own randomness, and the advances of an iterative step."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from limner.errors import Cancelled, ConfigurationError, PluginError
from limner.generation import Generation
from limner.marker import hookimpl
from limner.stage_call import stage_call, stage_of
from limner.step import Asset, IterativeStep, ModelRef, Options, Secret, Step

GENERATION = Generation("r1", 0, 7, "a red circle")


class Stroke(Options):
    width: int = 3
    model: ModelRef = ModelRef("scenes")
    table: Asset | None = None
    key: Secret | None = None


class Painter(Step):
    type = "acme.paint"
    Options = Stroke

    @hookimpl
    def rewrite_prompt(self, generations: Sequence[Generation]) -> list[str]:
        return [f"{generation.prompt} {self.options_for(generation).width}" for generation in generations]


def read(root: Path, **written: object) -> Stroke:
    return Stroke.model_validate(written, context={"root": root})


class TestOptions:
    def test_an_unknown_key_is_an_error(self) -> None:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            Stroke.model_validate({"widht": 3})

    def test_they_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Stroke().width = 4  # type: ignore[misc]

    def test_a_model_is_known_as_one_written_or_by_default(self) -> None:
        assert isinstance(Stroke.model_validate({"model": "karlo"}).model, ModelRef)
        assert isinstance(Stroke().model, ModelRef)
        with pytest.raises(ValidationError, match="at least 1 character"):
            Stroke.model_validate({"model": ""})

    def test_they_have_a_json_schema(self) -> None:
        properties = Stroke.model_json_schema()["properties"]
        assert set(properties) == {"width", "model", "table", "key"}
        assert properties["model"]["type"] == "string"


class TestAsset:
    def test_it_is_a_file_of_the_project_known_by_its_content(self, tmp_path: Path) -> None:
        (tmp_path / "words.txt").write_text("one")
        options = read(tmp_path, table="words.txt")
        assert options.table is not None
        assert options.table.read_bytes() == b"one"
        before = options.model_dump()["table"]
        assert before["asset"] == "words.txt"
        (tmp_path / "words.txt").write_text("two")
        assert options.model_dump()["table"]["sha256"] != before["sha256"]

    @pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "link.txt"])
    def test_one_outside_the_project_is_refused(self, tmp_path: Path, path: str) -> None:
        root = tmp_path / "project"
        root.mkdir()
        (tmp_path / "secret.txt").write_text("")
        (root / "link.txt").symlink_to(tmp_path / "secret.txt")
        with pytest.raises(ValidationError, match="lies outside the project folder"):
            read(root, table=path)

    def test_one_that_is_no_file_is_refused(self, tmp_path: Path) -> None:
        for path in ("gone.txt", "."):
            with pytest.raises(ValidationError, match="is not a file in the project folder"):
                read(tmp_path, table=path)


class TestSecret:
    def test_it_is_read_from_the_environment_when_it_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = Stroke.model_validate({"key": {"env": "ACME_KEY"}})
        assert options.key is not None
        with pytest.raises(ConfigurationError, match="ACME_KEY is not set\n  export ACME_KEY"):
            options.key.reveal()
        monkeypatch.setenv("ACME_KEY", "s3cret")
        assert options.key.reveal() == "s3cret"

    def test_it_is_never_shown_nor_dumped_nor_pickled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACME_KEY", "s3cret")
        options = Stroke.model_validate({"key": {"env": "ACME_KEY"}})
        assert "s3cret" not in repr(options) + options.model_dump_json() + str(pickle.dumps(options))
        assert options.model_dump(include={"key"}) == {"key": {"env": "ACME_KEY"}}

    def test_one_written_out_is_refused(self) -> None:
        for written in ("s3cret", {"value": "s3cret"}, {"env": ""}):
            with pytest.raises(ValidationError):
                Stroke.model_validate({"key": written})


class TestRandomness:
    def draw(self, step: Step, generation: Generation = GENERATION) -> list[float]:
        drawn: list[float] = torch.rand(4, generator=step.generator(generation)).tolist()
        return drawn

    def test_the_same_image_draws_the_same_whatever_else_is_drawn(self) -> None:
        first = self.draw(Painter())
        torch.rand(10)
        assert self.draw(Painter(Stroke(width=9), id="another")) == first
        assert self.draw(Painter(), replace(GENERATION, request_id="r2", index=5, prompt="other")) == first

    def test_seed_type_and_occurrence_each_make_another_stream(self) -> None:
        class Sketcher(Painter):
            type = "acme.sketch"

        streams = [
            self.draw(Painter()),
            self.draw(Painter(occurrence=1)),
            self.draw(Sketcher()),
            self.draw(Painter(), replace(GENERATION, seed=8)),
        ]
        assert len({tuple(stream) for stream in streams}) == 4

    def test_the_stream_never_changes_between_versions(self) -> None:
        assert Painter().generator(GENERATION).initial_seed() == 8452582246630970523


class TestStep:
    def test_its_id_is_its_type_unless_it_is_named(self) -> None:
        assert (Painter().id, Painter(id="first").id) == ("acme.paint", "first")
        assert Painter().options == Stroke()

    def test_a_request_sets_options_for_its_own_generation_alone(self) -> None:
        wide = replace(GENERATION, overrides={"width": 8})
        assert stage_call(Painter())([wide, GENERATION]) == ["a red circle 8", "a red circle 3"]

    def test_a_tick_is_reported_and_may_cancel(self) -> None:
        step, seen = Painter(), []
        step.tick(GENERATION, 1, 2)
        step.report = lambda generation, i, n: seen.append((generation.id, i, n))
        step.tick(GENERATION, 1, 2)
        assert seen == [("r1/0", 1, 2)]

        def cancel(generation: Generation, i: int, n: int) -> None:
            raise Cancelled

        step.report = cancel
        with pytest.raises(Cancelled):
            step.tick(GENERATION, 2, 2)

    def test_what_a_step_need_not_say_has_a_default(self) -> None:
        index: Any = None  # asked by none of the defaults
        assert Painter.reads(Stroke()) is Painter.writes(Stroke()) is None
        assert (Painter.emits(Stroke(), index), Painter.digest(Stroke(), index)) == ({}, "")


@dataclass
class Doubling:
    value: int
    steps: int


class Double(IterativeStep):
    """Doubles the seed, advance by advance."""

    type = "acme.double"

    def begin(self, generation: Generation) -> Doubling:
        return Doubling(generation.seed, steps=3)

    def advance(self, states: Sequence[Doubling]) -> list[Doubling]:
        return [Doubling(2 * state.value, state.steps) for state in states]

    def finish(self, state: Doubling) -> str:
        return str(state.value)

    @hookimpl
    def rewrite_prompt(self, generations: Sequence[Generation]) -> list[Any]:
        return self.run(generations)


class TestIterativeStep:
    def test_run_takes_each_generation_from_begin_to_finish(self) -> None:
        step, seen = Double(), []
        step.report = lambda generation, i, n: seen.append((generation.id, i, n))
        assert stage_call(step)([GENERATION, replace(GENERATION, index=1, seed=1)]) == ["56", "8"]
        assert seen == [(id, i, 3) for id in ("r1/0", "r1/1") for i in (1, 2, 3)]

    def test_all_states_may_share_an_advance_unless_it_says_otherwise(self) -> None:
        assert Double().group_key(Doubling(1, 1)) == Double().group_key(Doubling(2, 9))

    def test_one_without_its_parts_says_so_when_it_is_run(self) -> None:
        for part in (lambda step: step.begin(GENERATION), lambda step: step.advance([]), lambda step: step.finish(None)):
            with pytest.raises(NotImplementedError):
                part(IterativeStep.__new__(IterativeStep))


class TestStageCall:
    def test_a_step_is_called_through_its_own_stage(self) -> None:
        assert stage_of(Painter).name == "rewrite_prompt"
        assert stage_call(Painter())([GENERATION]) == ["a red circle 3"]

    def test_two_instances_do_not_hear_each_other(self) -> None:
        narrow, wide = stage_call(Painter(Stroke(width=1))), stage_call(Painter(Stroke(width=2)))
        assert (narrow([GENERATION]), wide([GENERATION])) == (["a red circle 1"], ["a red circle 2"])

    def test_what_a_step_raises_reaches_the_caller_as_it_is(self) -> None:
        class Failing(Painter):
            @hookimpl
            def rewrite_prompt(self, generations: Sequence[Generation]) -> list[str]:
                raise KeyError("ink")

        with pytest.raises(KeyError, match="ink"):
            stage_call(Failing())([GENERATION])

    def test_attributes_that_raise_when_read_are_left_alone(self) -> None:
        class Guarded(Painter):
            @property
            def weights(self) -> None:
                raise RuntimeError("not loaded")

        assert stage_call(Guarded())([GENERATION]) == ["a red circle 3"]

    def test_a_step_of_no_stage_or_of_two_is_refused(self) -> None:
        class Both(Painter):
            @hookimpl
            def upscale(self, generations: Sequence[Generation]) -> list[Any]:
                return []

        with pytest.raises(PluginError, match=r"Step implements no stage\n  mark one"):
            stage_of(Step)
        with pytest.raises(PluginError, match=r"Both implements rewrite_prompt and upscale\n  make it one class"):
            stage_of(Both)
