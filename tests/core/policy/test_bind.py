"""When rules are judged, and what a pipeline is refused for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from limner.bound import BoundStep
from limner.generation import Decision
from limner.policy import BoundPolicy, Policy, bind
from limner.step import Range

MakeStep = Callable[..., BoundStep]
Run = Callable[..., list[Decision]]
Refused = Callable[..., str]

WEAPON = "rules: [{id: weapons, at: prompt, signal: terms.weapon, at_least: 1.0, then: block}]"
SWORD = "rules: [{id: swords, at: image, signal: clip.sword, at_least: 0.5, then: block}]"
EMBEDDED = "rules: [{id: early, at: embedding, signal: clip.sword, at_least: 0.5, then: block}]"
JOINT = """
rules:
  - id: person
    at: upload
    all: [{signal: clip.person, at_least: 0.4}, {signal: terms.violence, at: prompt, at_least: 0.5}]
    then: review
"""


@pytest.fixture
def make(policy: Callable[[str], Policy]) -> Callable[..., BoundPolicy]:
    def laid(text: str, *steps: BoundStep, **given: Any) -> BoundPolicy:
        return bind(policy(text), steps, pipeline="t", file="pipelines.yaml", **given)

    return laid


def judged(bound: BoundPolicy) -> dict[str, list[str]]:
    """The rules judged, by the step after which they are."""
    return {bound.course.steps[index].id: [rule.id for rule in rules] for index, rules in bound.due.items()}


def test_a_rule_is_judged_when_the_run_of_checks_that_measures_it_ends(
    step: MakeStep, make: Callable[..., BoundPolicy]
) -> None:
    steps = [
        step("filter_prompt", "terms", "terms.weapon"),
        step("filter_prompt", "textclf", "textclf.hate"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    ]
    bound = make(WEAPON, *steps)
    assert judged(bound) == {"textclf": ["weapons"]}
    assert bound.signals_due == {1: frozenset({("prompt", "terms.weapon")})}
    assert bound.idle == ()


def test_a_rewrite_makes_the_rule_due_again(step: MakeStep, make: Callable[..., BoundPolicy]) -> None:
    steps = [
        step("filter_prompt", "terms", "terms.weapon"),
        step("rewrite_prompt", "style"),
        step("filter_prompt", "terms-2", "terms.weapon", type="terms"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    ]
    assert judged(make(WEAPON, *steps)) == {"terms": ["weapons"], "terms-2": ["weapons"]}


def test_a_rewrite_after_the_last_check_stops_the_start(step: MakeStep, refused: Refused) -> None:
    steps = [
        step("filter_prompt", "terms", "terms.weapon"),
        step("rewrite_prompt", "style"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    ]
    said = refused(f"requires: [terms, filter_prompt]\n{WEAPON}", steps)
    assert said == (
        f"pipelines.yaml:{steps[0].line}:7: pipelines.t.steps[0]: `terms` measures the prompt before `style` changes the "
        "prompt (policy p: requires terms, requires filter_prompt, rule weapons)\n"
        "  move `terms` to after `style`, or add another one there"
    )


def test_a_check_of_the_prompt_after_the_image_is_made_is_too_late(step: MakeStep, refused: Refused) -> None:
    steps = [step("sample_prior", "prior"), step("decode", "decoder"), step("filter_prompt", "terms", "terms.weapon")]
    said = refused(WEAPON, steps)
    assert "`terms` measures the prompt only after `decoder` has made the image (policy p: rule weapons)" in said
    assert "move `terms` to before `decoder`" in said


def test_a_check_of_the_embedding_stands_before_the_decoder(step: MakeStep, refused: Refused, make: Any) -> None:
    prior, decoder = step("sample_prior", "prior"), step("decode", "decoder")
    check = step("classify_embedding", "concepts", "clip.sword")
    assert judged(make(EMBEDDED, prior, check, decoder)) == {"concepts": ["early"]}
    assert "move `concepts` to before `decoder`" in refused(EMBEDDED, [prior, decoder, check])


def test_a_changed_embedding_is_checked_again(step: MakeStep, refused: Refused, make: Any) -> None:
    prior, slerp, decoder = step("sample_prior", "prior"), step("transform_embedding", "slerp"), step("decode", "decoder")
    first, second = (step("classify_embedding", name, "clip.sword") for name in ("one", "two"))
    assert judged(make(EMBEDDED, prior, first, slerp, second, decoder)) == {"one": ["early"], "two": ["early"]}
    said = refused(f"requires: [classify_embedding]\n{EMBEDDED}", [prior, first, slerp, decoder])
    assert "`one` measures the embedding before `slerp` changes the embedding" in said


@pytest.mark.parametrize("stage", ["upscale", "transform_image", "decode"])
def test_a_change_of_the_image_after_its_check_stops_the_start(step: MakeStep, refused: Refused, stage: str) -> None:
    steps = [
        step("sample_prior", "prior"),
        step("decode", "decoder"),
        step("classify_image", "concepts", "clip.sword"),
        step(stage, "later"),
    ]
    said = refused(f"requires: [concepts, classify_image]\n{SWORD}", steps)
    assert "`concepts` measures the image before `later` changes the image" in said
    assert "(policy p: requires concepts, requires classify_image, rule swords)" in said
    assert "move `concepts` to after `later`" in said


@pytest.mark.parametrize("checked_first", [True, False])
def test_a_mark_is_no_change_of_the_image(step: MakeStep, make: Any, checked_first: bool) -> None:
    check, mark = step("classify_image", "concepts", "clip.sword"), step("watermark", "visible")
    tail = [check, mark] if checked_first else [mark, check]
    bound = make(
        f"requires: [classify_image, watermark]\n{SWORD}", step("sample_prior", "prior"), step("decode", "decoder"), *tail
    )
    assert judged(bound) == {"concepts": ["swords"]}


def test_signals_on_both_sides_of_a_mark_are_never_there_together(step: MakeStep, refused: Refused) -> None:
    steps = [
        step("sample_prior", "prior"),
        step("decode", "decoder"),
        step("classify_image", "one", "clip.sword"),
        step("watermark", "visible"),
        step("classify_image", "two", "clip.person"),
    ]
    text = "rules: [{id: a, at: image, all: [{signal: clip.sword, above: 0}, {signal: clip.person, above: 0}], then: block}]"
    assert "`one` measures the image before `visible` marks the image" in refused(text, steps)


@pytest.mark.parametrize("stage", ["watermark", "attest"])
def test_marks_and_attestation_stand_after_the_last_change(step: MakeStep, refused: Refused, stage: str) -> None:
    steps = [step("sample_prior", "prior"), step("decode", "decoder"), step(stage, "seal"), step("upscale", "upsampler")]
    said = refused("requires: [seal]", steps)
    assert "`seal` " in said
    assert "the image before `upsampler` changes the image (policy p: requires seal)" in said


def test_one_required_step_in_the_right_place_is_enough(step: MakeStep, make: Any) -> None:
    make(
        "requires: [classify_image]",
        step("sample_prior", "prior"),
        step("decode", "decoder"),
        step("classify_image", "draft", "clip.a"),
        step("upscale", "upsampler"),
        step("classify_image", "final", "clip.b"),
    )


def test_a_missing_requirement_says_what_to_add_and_where(step: MakeStep, refused: Refused) -> None:
    steps = [step("sample_prior", "prior"), step("decode", "decoder"), step("watermark", "visible", type="watermark.visible")]
    said = refused("requires: [classify_image, clip.image_concepts]", steps)
    place = f"pipelines.yaml:{steps[1].line}:7: pipelines.t.steps[1]"
    assert f"{place}: the pipeline has no step classify_image (policy p: requires classify_image)" in said
    assert "add a step of the stage classify_image after `decoder`" in said
    assert "add `- use: clip.image_concepts`" in said


def test_rules_on_what_a_missing_step_would_measure_are_not_complained_of(step: MakeStep, refused: Refused) -> None:
    steps = [step("filter_prompt", "terms", "terms.a"), step("sample_prior", "prior"), step("decode", "decoder")]
    image = "{id: a, at: image, signal: clip.sword, at_least: 1, then: block}"
    prompt = "{id: b, at: prompt, signal: terms.weapon, at_least: 1, then: block}"
    said = refused(f"requires: [clip.image_concepts]\nrules: [{image}, {prompt}]", steps)
    assert "the pipeline has no step clip.image_concepts" in said
    assert "clip.sword" not in said
    assert "no step measures terms.weapon" in said


def test_a_required_stage_without_its_value_is_idle(step: MakeStep, make: Any) -> None:
    make("requires: [filter_upload]", step("sample_prior", "prior"), step("decode", "decoder"))


def test_a_signal_that_nothing_measures_is_shown_at_the_rule(step: MakeStep, refused: Refused) -> None:
    text = f"{WEAPON[:-1]}, {{id: b, at: prompt, signal: terms.waepon, at_least: 1, then: block}}]"
    steps = [step("filter_prompt", "terms", "terms.weapon"), step("sample_prior", "prior"), step("decode", "decoder")]
    said = refused(text, steps)
    assert "p.yaml:2:86: rules[1]: no step measures terms.waepon at the gate prompt (rule b; pipeline t)" in said
    assert "did you mean 'terms.weapon'?" in said
    assert "weapons" not in said.replace("terms.weapon", "")


def test_a_signal_of_another_gate_is_not_that_signal(step: MakeStep, refused: Refused) -> None:
    steps = [step("sample_prior", "prior"), step("classify_embedding", "concepts", "clip.sword"), step("decode", "decoder")]
    said = refused(SWORD, steps)
    assert "no step measures clip.sword at the gate image" in said
    assert "it is measured at the gate embedding" in said


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        ("at_least: 1.1", ">= 1.1 is outside the range of terms.weapon: terms declares 0.0 to 1.0"),
        ("at_most: -0.5", "<= -0.5 is outside the range"),
        ("above: 1", "terms.weapon can never be > 1.0"),
        ("below: 0", "terms.weapon can never be < 0.0"),
    ],
)
def test_a_threshold_that_its_signal_cannot_meet_is_refused(
    step: MakeStep, refused: Refused, comparison: str, said: str
) -> None:
    steps = [step("filter_prompt", "terms", "terms.weapon"), step("sample_prior", "prior"), step("decode", "decoder")]
    assert said in refused(WEAPON.replace("at_least: 1.0", comparison), steps)


@pytest.mark.parametrize("comparison", ["at_least: 1", "at_most: 0", "above: 0.99", "below: 0.01"])
def test_a_threshold_at_the_end_of_a_range_is_fine(step: MakeStep, make: Any, comparison: str) -> None:
    make(
        WEAPON.replace("at_least: 1.0", comparison),
        step("filter_prompt", "terms", "terms.weapon"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    )


def test_rules_without_their_gates_value_are_idle(step: MakeStep, make: Any) -> None:
    bound = make(JOINT, step("sample_prior", "prior"), step("decode", "decoder"))
    assert (bound.idle, bound.due) == (("person",), {})


def test_a_prompt_that_the_task_does_not_bring_needs_no_check(step: MakeStep, make: Any) -> None:
    bound = make(WEAPON, step("encode_image", "encoder"), step("decode", "decoder"), task="vary")
    assert bound.idle == ("weapons",)


def test_an_upload_that_some_step_reads_must_be_checked(step: MakeStep, refused: Refused, make: Any) -> None:
    terms, joint = step("filter_prompt", "terms", "terms.violence"), step("filter_upload", "joint", "clip.person")
    tail = [step("encode_image", "encoder"), step("decode", "decoder")]
    assert judged(make(JOINT, terms, joint, *tail)) == {"joint": ["person"]}
    assert "no step measures clip.person at the gate upload" in refused(JOINT, [terms, *tail])


def test_an_idle_condition_leaves_the_others_of_any(step: MakeStep, make: Any) -> None:
    text = (
        "rules: [{{id: a, at: image, {}: [{{signal: c.x, above: 0.5}}, {{signal: c.x, at: upload, above: 0.5}}], then: block}}]"
    )
    steps = [step("sample_prior", "prior"), step("decode", "decoder"), step("classify_image", "concepts", "c.x")]
    assert judged(make(text.format("any"), *steps)) == {"concepts": ["a"]}
    assert make(text.format("all"), *steps).idle == ("a",)


def test_a_rewrite_between_two_gates_is_seen_by_a_rule_over_both(step: MakeStep, refused: Refused) -> None:
    text = "rules: [{id: a, at: image, all: [{signal: c.x, above: 0.5}, {signal: t.y, at: prompt, above: 0}], then: block}]"
    steps = [
        step("filter_prompt", "terms", "t.y"),
        step("rewrite_prompt", "style"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
        step("classify_image", "concepts", "c.x"),
    ]
    assert "`terms` measures the prompt before `style` changes the prompt (policy p: rule a)" in refused(text, steps)


def test_a_rule_whose_gate_nothing_looks_at_is_not_judged_for_the_final_value(step: MakeStep, refused: Refused) -> None:
    text = "rules: [{id: a, at: embedding, all: [{signal: t.y, at: prompt, above: 0}], then: block}]"
    steps = [step("filter_prompt", "terms", "t.y"), step("sample_prior", "prior"), step("decode", "decoder")]
    assert "nothing is measured after this step, so rule a is not judged for the final embedding" in refused(text, steps)


def test_a_shadow_rule_is_held_to_the_same_places(step: MakeStep, refused: Refused) -> None:
    steps = [step("sample_prior", "prior"), step("decode", "decoder"), step("filter_prompt", "terms", "terms.weapon")]
    assert "rule weapons" in refused(WEAPON.replace("then: block", "then: block, mode: shadow"), steps)


def test_ranges_without_end_take_any_threshold(step: MakeStep, make: Any) -> None:
    length = step("filter_prompt", "acme", "acme.length", limits=Range(0, float("inf")))
    text = "rules: [{id: long, at: prompt, signal: acme.length, above: 1000, then: block}]"
    make(text, length, step("sample_prior", "prior"), step("decode", "decoder"))


def test_a_value_that_is_gone_before_anything_comes_of_it_is_not_judged(step: MakeStep, make: Any) -> None:
    steps = [step("encode_image", "encoder"), step("rewrite_prompt", "style")]
    assert make(EMBEDDED, *steps, step("classify_embedding", "concepts", "clip.sword")).idle == ("early",)
