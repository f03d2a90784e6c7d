"""What makes a policy weaker than another."""

from __future__ import annotations

import pytest

from limner.policy import Policy
from limner.policy.comparing import weakenings
from limner.policy.loading import load_policies

RULE = "{id: a, at: prompt, signal: t.x, at_least: 0.5, then: review}"


@pytest.fixture
def load(tmp_path):
    def read(name: str, text: str) -> Policy:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "p.yaml").write_text(f"policy: p\n{text}")
        return load_policies([tmp_path / name])["p"]

    return read


BASE = f"requires: [terms]\nrules: [{RULE}]"


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        "requires: [terms, c2pa]\nrules: [{id: z, at: prompt, signal: t.x, at_least: 0.4, then: block}]",
        BASE.replace("signal: t.x, at_least: 0.5", "any: [{signal: t.x, at_least: 0.5}, {signal: t.y, above: 0}]"),
    ],
)
def test_as_strict_or_stricter_is_not_weaker(load, text: str) -> None:
    assert list(weakenings(load("one", text), load("other", BASE))) == []


@pytest.mark.parametrize(
    ("text", "way"),
    [
        (f"rules: [{RULE}]", "it does not require terms"),
        (f"{BASE}\non_error: review", "a failed check is only held (review, not block)"),
        (f"{BASE}\npreviews: gated", "it has previews"),
        ("requires: [terms]", "rule a"),
        (BASE.replace("0.5", "0.6"), "rule a"),
        (BASE.replace("at_least", "above"), "rule a"),
        (BASE.replace("at: prompt", "at: image"), "rule a"),
        (BASE.replace("then: review", "then: review, mode: shadow"), "rule a"),
        (BASE.replace("then: review", "then: review, when: request.n > 1"), "rule a"),
        (BASE.replace("then: review", "then: review, on_error: review"), "rule a"),
        (BASE.replace("signal: t.x, at_least: 0.5", "all: [{signal: t.x, at_least: 0.5}, {signal: t.y, above: 0}]"), "rule a"),
    ],
)
def test_each_way_to_let_more_through_is_named(load, text: str, way: str) -> None:
    assert any(way in said for said in weakenings(load("one", text), load("other", BASE)))


def test_one_reviewer_is_less_than_two(load) -> None:
    one = BASE.replace("then: review", "then: review, category: own") + "\ncategories: {own: {four_eyes: false}}"
    two = one.replace("false", "true")
    assert any("rule a" in said for said in weakenings(load("one", one), load("two", two)))
    assert not list(weakenings(load("two", two), load("one", one)))


def test_any_of_several_must_each_be_covered(load) -> None:
    several = "rules: [{id: a, at: prompt, any: [{signal: t.x, above: 0.5}, {signal: t.y, above: 0.5}], then: block}]"
    one = "rules: [{id: a, at: prompt, signal: t.x, above: 0.5, then: block}]"
    assert list(weakenings(load("one", one), load("other", several)))
    assert not list(weakenings(load("three", several), load("four", one)))
