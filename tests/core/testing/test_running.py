"""Running a step by itself: what an author writes in a test of a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import PIL.Image
import pytest
import torch
from pydantic import ValidationError

import limner
from limner import Generation, hookimpl
from limner.hookspecs import STAGES
from limner.testing import NotConforming, check_step, load_step, local_models, run_step, sample_generation


class Stamp(limner.Options):
    word: str = "!"
    table: limner.Asset | None = None


class Shout(limner.Step):
    type = "acme.shout"
    Options = Stamp

    @hookimpl
    def rewrite_prompt(self, generations: Sequence[limner.Generation]) -> list[str]:
        return [generation.prompt.upper() + self.options.word for generation in generations]


class Encode(limner.Step):
    """Embeds the prompt with a model's text encoder, a real one."""

    type = "acme.encode"

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        self.tokenizer = models.component("tiny", "tokenizer")
        self.encoder = models.component("tiny", "text_encoder")
        self.space = models.space("tiny")

    @hookimpl
    def encode_text(self, generations: Sequence[limner.Generation]) -> list[limner.TextConditioning]:
        return [self._encode(generation.prompt) for generation in generations]

    def _encode(self, prompt: str) -> limner.TextConditioning:
        tokens = self.tokenizer([prompt], return_tensors="pt")
        encoded = self.encoder(**tokens)
        mask = tokens["attention_mask"][0].bool()
        return limner.TextConditioning(encoded.last_hidden_state[0], mask, encoded.text_embeds[0], self.space)


class Invert(limner.Step):
    type = "acme.negative"

    @hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        return [limner.Image(-generation.image.tensor()) for generation in generations if generation.image]


def test_a_step_class_is_run_with_options_as_yaml_writes_them() -> None:
    assert run_step(Shout, prompt="a red circle") == "A RED CIRCLE!"
    assert run_step(Shout, {"word": "?"}, prompt="a red circle") == "A RED CIRCLE?"
    with pytest.raises(ValidationError, match="wrd"):
        run_step(Shout, {"wrd": "?"})


def test_a_loaded_step_is_run_as_it_is() -> None:
    assert run_step(Shout(Stamp(word=".")), prompt="a") == "A."


def test_assets_are_found_under_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("one")
    step = load_step(Shout, {"table": "words.txt"}, root=tmp_path)
    assert step.options.table.read_bytes() == b"one"


def test_a_step_loads_real_components_of_a_local_model(karlo: Path) -> None:
    models = local_models(tiny=karlo)
    text = run_step(Encode, models=models, prompt="a b")
    assert text.tokens.shape == (4, 32)
    assert text.space == models.space("tiny")


def test_a_step_that_asks_for_a_model_that_was_not_given_is_told() -> None:
    with pytest.raises(limner.ModelError, match="there is no model 'tiny'"):
        run_step(Encode)


def test_pictures_and_vectors_may_be_given_bare() -> None:
    white = PIL.Image.new("RGB", (8, 8), "white")
    assert run_step(Invert, image=white).pillow().getpixel((0, 0)) == (0, 0, 0)
    assert sample_generation(embedding=torch.ones(3)).embedding.vector.sum() == 3  # type: ignore[union-attr]


class Answers(limner.Step):
    """Answers what it is told to."""

    type = "acme.answers"
    answers: ClassVar[Any] = None

    @hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> Any:
        return self.answers


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (None, "answered nothing for 1 generation\n"),
        ([], "answered 0 results for 1 generation\n"),
        ([PIL.Image.new("RGB", (8, 8))], "a PIL.Image.Image where a limner.Image belongs\n"),
        ([None], "nothing (None) where a limner.Image belongs\n"),
        ([limner.Image(torch.full((3, 8, 8), torch.nan))], "pixels that are not finite\n"),
    ],
)
def test_an_answer_that_the_engine_would_not_take_is_told_as_the_engine_does(
    answers: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "answers", answers)
    with pytest.raises(limner.StepError) as raised:
        run_step(Answers)
    assert str(raised.value).startswith("step acme.answers: answered ")
    assert told in str(raised.value)
    with pytest.raises(NotConforming, match=r"step acme\.answers: answered "):
        check_step(Answers)


def test_the_way_out_of_a_pillow_image_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "answers", [PIL.Image.new("RGB", (8, 8))])
    with pytest.raises(limner.StepError, match=r"limner\.Image\(pixels\) makes one of a Pillow image or a tensor"):
        run_step(Answers)


def test_signals_that_were_not_declared_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Measures(limner.Step):
        type = "acme.measures"

        @classmethod
        def emits(cls, options: Any, models: limner.ModelIndex) -> Any:
            return {"acme.length": (0, 1)}

        @hookimpl
        def filter_prompt(self, generations: Sequence[limner.Generation]) -> Any:
            return [[limner.Signal("acme.width", 1.0)] for _ in generations]

    with pytest.raises(limner.ConfigurationError, match=r"gives \(0, 1\) as range of 'acme\.length'"):
        run_step(Measures)
    monkeypatch.setattr(Measures, "emits", classmethod(lambda *_: {"acme.length": limner.Range()}))
    with pytest.raises(limner.StepError, match=r"signal 'acme\.width', which it does not declare"):
        run_step(Measures)


def test_a_step_that_was_loaded_with_models_is_run_without_them() -> None:
    class Eyes(limner.Options):
        model: limner.ModelRef = "eyes"

    class Sees(limner.Step):
        type = "acme.sees"
        Options = Eyes

        @classmethod
        def emits(cls, options: Any, models: limner.ModelIndex) -> Any:
            return {f"acme.{len(models.space(options.model))}": limner.Range()}

        @hookimpl
        def filter_prompt(self, generations: Sequence[limner.Generation]) -> Any:
            return [[limner.Signal("acme.4", 1.0)] for _ in generations]

    assert run_step(load_step(Sees))[0].value == 1.0
    with pytest.raises(limner.ConfigurationError, match="eyes"):
        run_step(Sees, models=local_models())


def test_an_item_error_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "answers", [limner.ItemError("too small")])
    assert run_step(Answers).what == "too small"


@pytest.mark.parametrize("stage", STAGES)
def test_a_sample_has_all_that_a_stage_may_read(stage: str) -> None:
    fields = {"upload": "inputs", "mask": "inputs"}
    empty, sample = Generation("", 0, 0, ""), sample_generation(reads=STAGES[stage].reads)
    for value in STAGES[stage].reads:
        field = fields.get(value, value)
        assert getattr(sample, field) is not getattr(empty, field), f"{stage} may read {value}"
    assert (sample.provenance is not None) == (stage == "attest")


def test_what_is_given_stands_before_the_sample() -> None:
    generation = sample_generation(reads=["image"], prompt="a cat", image=None)
    assert (generation.prompt, generation.raw_prompt, generation.image) == ("a cat", "a cat", None)
