"""The policy that comes with Limner, over a pipeline of the real word filter and hand-made steps around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.bound import BoundStep
from limner.generation import Decision, Generation
from limner.hookspecs import STAGES
from limner.policy import Policy, bind, load_policies, strictest
from limner_terms.step import Terms, TermsOptions

ROOT = Path(__file__).parents[3]
MakeStep = Callable[..., BoundStep]


@pytest.fixture
def standard() -> Policy:
    return load_policies([ROOT / "policies"])["standard"]


@pytest.fixture
def steps(step: MakeStep) -> list[BoundStep]:
    options = TermsOptions()
    stage = STAGES["filter_prompt"]
    emits = Terms.emits(options, None)  # type: ignore[arg-type]  # it asks for no model
    digest = Terms.digest(options, None)  # type: ignore[arg-type]  # it asks for no model
    return [
        BoundStep("terms", "terms", Terms, stage, options, {}, 0, stage.needs, stage.writes, emits, digest),
        step("sample_prior", "prior"),
        step("classify_embedding", "clip.embedding_concepts", "clip.sword", "clip.skull"),
        step("decode", "decoder"),
        step("upscale", "upsampler"),
        step("classify_image", "clip.image_concepts", "clip.sword", "clip.skull"),
        step("watermark", "watermark.visible"),
        step("watermark", "watermark.invisible"),
        step("attest", "c2pa"),
    ]


@pytest.fixture
def decide(standard: Policy, steps: list[BoundStep], course: Any) -> Callable[..., list[Decision]]:
    def over(prompt: str = "a red circle above a blue square", **clip: Mapping[str, float]) -> list[Decision]:
        filter_ = Terms()
        filter_.load(None, None, None)  # type: ignore[arg-type]  # it needs no model and no device
        [signals] = filter_.filter_prompt([Generation("r", 0, 0, prompt)])
        assert isinstance(signals, list)
        measured = {"terms": {signal.name: signal.value for signal in signals}}
        measured |= {f"clip.{name}": {f"clip.{k}": v for k, v in scores.items()} for name, scores in clip.items()}
        decisions: list[Decision] = course(
            bind(standard, steps, pipeline="text-to-image", file="pipelines.yaml"), steps, measured=measured
        ).run()
        return decisions

    return over


@pytest.mark.parametrize(
    "prompt", ["a red circle above a blue square", "a large pink star", "a green cross", "a red heart and a moon"]
)
def test_harmless_scenes_pass_every_gate(decide: Callable[..., list[Decision]], prompt: str) -> None:
    decisions = decide(prompt)
    assert [decision.gate for decision in decisions] == ["prompt", "embedding", "image"]
    assert strictest(decisions) == "allow"


@pytest.mark.parametrize(
    ("prompt", "action", "rule"),
    [
        ("a green sword", "block", "weapons-in-prompt"),
        ("Two DAGGERS", "block", "weapons-in-prompt"),
        ("an orange skull", "block", "skulls-in-prompt"),
        ("a red cross on a white background", "review", "emblems-in-prompt"),
    ],
)
def test_words_are_stopped_or_held_at_the_prompt(
    decide: Callable[..., list[Decision]], prompt: str, action: str, rule: str
) -> None:
    first = decide(prompt)[0]
    assert (first.gate, first.action, first.rules) == ("prompt", action, (rule,))
    assert first.category
    assert first.message


@pytest.mark.parametrize("concept", ["sword", "skull"])
@pytest.mark.parametrize(("check", "gate"), [("embedding_concepts", "embedding"), ("image_concepts", "image")])
def test_what_comes_in_past_the_prompt_is_stopped_later(
    decide: Callable[..., list[Decision]], concept: str, check: str, gate: str
) -> None:
    decisions = decide("a long thin pointed thing", **{check: {concept: 0.9}})
    [blocked] = [decision for decision in decisions if decision.action == "block"]
    assert (blocked.gate, blocked.rules) == (gate, (f"{concept}s-in-{gate}",))


def test_every_rule_has_a_category_and_a_message_for_people(standard: Policy) -> None:
    assert all(rule.category and rule.message.endswith(".") for rule in standard.rules)
    assert standard.on_error == "block"
