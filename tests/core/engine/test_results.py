"""What a step answers is checked, and the next generation is built from it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from limner.bound import StepRef
from limner.engine.results import EXPECTED, WRITES, next_generation
from limner.errors import StepError
from limner.generation import (
    Embedding,
    EncodedImage,
    Evidence,
    Generation,
    Image,
    ItemError,
    Signal,
    TextConditioning,
)
from limner.hookspecs import STAGES
from limner.step import Range

EMITS = {"acme.sword": Range(0, 1), "acme.length": Range(0, math.inf)}
REF = StepRef("acme.step", "step", 0, {}, "", ".")
NAN = float("nan")


def text(width=4, length=3, **changed):
    values = {"tokens": torch.ones(length, width), "mask": torch.ones(length, dtype=torch.bool), "pooled": torch.ones(width)}
    return TextConditioning(**values | {"space": "space"} | changed)


def image(width=4, height=2, value=0.0):
    return Image(torch.full((3, height, width), value))


def after(stage, answer, generation=None):
    generation = generation or Generation("r", 0, 1, "a red circle", image=image(), overrides={"steps": 3})
    return next_generation(REF, STAGES[stage], EMITS, generation, answer)


def before() -> Generation:
    """A generation with every value, and a signal about each."""
    signals = {(gate, "s"): Signal("s", 1.0) for gate in ("prompt", "upload", "embedding", "image")}
    embedding = Embedding(torch.zeros(4), "space")
    return Generation("r", 0, 1, "a red circle", text=text(), embedding=embedding, image=image(), signals=signals)


def test_every_stage_has_its_way_of_writing_or_a_gate():
    assert {name for name, stage in STAGES.items() if stage.gate is None} == set(WRITES)
    assert set(EXPECTED) == set(STAGES)


def test_a_rewrite_makes_all_that_came_of_the_old_prompt_stale():
    generation, signals = after("rewrite_prompt", "a blue square", before())
    assert (generation.prompt, signals) == ("a blue square", ())
    assert generation.rewrites[0].step == "step"
    assert (generation.text, generation.embedding, dict(generation.signals)) == (None, None, {})


def test_an_embedding_replaces_the_signals_about_the_old_one():
    vector = torch.ones(4)
    for stage in ("sample_prior", "encode_image", "transform_embedding"):
        generation, _ = after(stage, Embedding(vector, "space"), before())
        assert generation.embedding.vector is vector
        assert {gate for gate, _ in generation.signals} == {"prompt", "upload", "image"}


def test_a_prior_that_encoded_the_prompt_brings_the_conditioning():
    conditioning = text()
    generation, _ = after("sample_prior", (Embedding(torch.ones(4), "space"), conditioning))
    assert generation.text is conditioning


def test_conditioning_noise_and_file_go_where_they_belong():
    conditioning, noise, file = text(negative=text()), torch.zeros(3, 2, 2), EncodedImage(b"png", "png")
    assert after("encode_text", conditioning)[0].text is conditioning
    assert after("invert", noise)[0].noise is noise
    assert after("attest", file)[0].file is file


@pytest.mark.parametrize("stage", ["decode", "upscale", "transform_image", "watermark"])
def test_an_image_replaces_the_signals_about_the_old_one(stage):
    made = image(value=0.5)
    generation, _ = after(stage, made, before())
    assert generation.image is made
    assert {gate for gate, _ in generation.signals} == {"prompt", "upload", "embedding"}


@pytest.mark.parametrize("stage", [name for name, stage in STAGES.items() if stage.gate])
def test_a_measuring_step_adds_its_signals_at_its_gate_and_nothing_else(stage):
    start = before()
    generation, signals = after(stage, [Signal("acme.sword", np.float32(1.0)), Signal("acme.length", 12)], start)
    gate = STAGES[stage].gate
    assert [(signal.name, signal.value, type(signal.value)) for signal in signals] == [
        ("acme.sword", 1.0, float),
        ("acme.length", 12.0, float),
    ]
    assert generation.signals == {**start.signals, (gate, "acme.sword"): signals[0], (gate, "acme.length"): signals[1]}
    assert generation.image is start.image


def test_overrides_were_for_the_step_that_had_them():
    assert not after("decode", image())[0].overrides
    assert not after("classify_image", [])[0].overrides


@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf, -0.5, 1.5, True + 1, "1", None, torch.tensor(1.0)])
def test_a_signal_outside_its_range_is_nonsense(value):
    with pytest.raises(StepError, match=r"nonsense: signal 'acme\.sword'") as caught:
        after("classify_image", [Signal("acme.sword", value)])
    assert caught.value.where == "step step (acme.step)"


def test_a_signal_may_pass_its_range_by_a_rounding_of_half_precision():
    assert after("classify_image", [Signal("acme.sword", 1.004)])[1][0].value == 1.004


def test_a_signal_that_the_step_did_not_declare_is_an_error():
    with pytest.raises(StepError, match=r"'acme\.shield', which it does not declare"):
        after("filter_prompt", [Signal("acme.shield", 1.0)])


@pytest.mark.parametrize(
    "answer",
    [
        "acme.sword",
        {"acme.sword": 1.0},
        [1.0],
        [Signal("acme.sword", 0.1), Signal("acme.sword", 0.9)],
        [Signal("acme.sword", 1.0, (Evidence(3, 99),))],
        [Signal("acme.sword", 1.0, (Evidence(3, 2),))],
        [Signal("acme.sword", 1.0, ("sword",))],
        image(),
    ],
)
def test_a_prompt_filter_that_answers_anything_but_signals_is_nonsense(answer):
    with pytest.raises(StepError, match=r"(?s)nonsense: .*\n  a filter_prompt step returns a list of limner.Signal"):
        after("filter_prompt", answer)


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("rewrite_prompt", b"bytes"),
        ("rewrite_prompt", [Signal("acme.sword", 1.0)]),
        ("encode_text", torch.ones(3, 4)),
        ("encode_text", text(tokens=torch.ones(4))),
        ("encode_text", text(tokens=torch.full((3, 4), NAN))),
        ("encode_text", text(mask=torch.ones(2, dtype=torch.bool))),
        ("encode_text", text(pooled=torch.tensor([1.0, math.inf]))),
        ("encode_text", text(negative=text(pooled=torch.tensor([NAN])))),
        ("sample_prior", torch.ones(4)),
        ("sample_prior", (Embedding(torch.ones(4), "space"), None)),
        ("sample_prior", Embedding(torch.tensor([NAN]), "space")),
        ("encode_image", Embedding(torch.ones(1, 4), "space")),
        ("encode_image", Embedding(torch.ones(4, dtype=torch.long), "space")),
        ("transform_embedding", Embedding(torch.ones(4), "space", torch.ones(5))),
        ("transform_embedding", Embedding([1.0], "space")),
        ("invert", torch.zeros(1, 2, 2)),
        ("invert", torch.full((3, 2, 2), NAN)),
        ("decode", torch.zeros(3, 2, 2)),
        ("decode", image(value=NAN)),
        ("decode", None),
        ("upscale", image(value=math.inf)),
        ("transform_image", "image.png"),
        ("watermark", image(width=8)),
        ("attest", b"png"),
        ("attest", EncodedImage(b"", "png")),
    ],
)
def test_nonsense_is_a_step_error(stage, answer):
    with pytest.raises(StepError, match=f"(?s)answered nonsense: .*a {stage} step returns"):
        after(stage, answer)


def test_an_attestation_keeps_the_format():
    generation = Generation("r", 0, 1, "p", file=EncodedImage(b"png", "png"))
    with pytest.raises(StepError, match="a jpeg file for a png one"):
        after("attest", EncodedImage(b"jpeg", "jpeg"), generation)


@pytest.mark.parametrize("stage", STAGES)
def test_an_item_error_becomes_the_error_of_its_generation(stage):
    with pytest.raises(StepError, match="too dark\n  brighten it"):
        after(stage, ItemError("too dark", "brighten it"))
