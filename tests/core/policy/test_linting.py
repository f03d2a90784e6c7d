from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from limner.errors import InvalidFile, PluginError, PluginFault
from limner.policy import Policy
from limner.policy.bundle import from_bundle
from limner.policy.linting import all_measured, unknown_signals, unknown_steps
from limner.policy.when_names import unknown_names
from limner.step import Range
from limner.yaml_problems import did_you_mean


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{id: a, at: prompt, all: [{signal: t.x, above: 0.5}, {signal: t.x, at_most: 0.5}], then: block}", "can never apply"),
        ("{id: a, at: prompt, all: [{signal: t.x, below: 0.2}, {signal: t.x, at_least: 0.8}], then: block}", "can never apply"),
        ("{id: a, at: prompt, signal: t.x, above: 0.5, when: 1 > 2, then: block}", "`when` is always false"),
        (
            "{id: a, at: prompt, signal: t.x, above: 1, then: block}, {id: b, at: prompt, signal: t.x, above: 1, then: block}",
            "says the same as rule a",
        ),
        ("{id: a, at: prompt, signal: t.x, above: 0.5, then: block, category: violense}", "did you mean 'violence'?"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(policy: Callable[[str], Policy], rules: str, said: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        policy(f"rules: [{rules}]")
    assert said in str(caught.value)


def test_bands_and_declared_categories_are_fine(policy: Callable[[str], Policy]) -> None:
    band = "{id: a, at: prompt, all: [{signal: t.x, at_least: 0.2}, {signal: t.x, at_most: 0.2}], then: block, category: own}"
    loaded = policy(f"categories: {{own: {{keep: quarantine, days: 7, four_eyes: true}}}}\nrules: [{band}]")
    own = loaded.category("own")
    assert (own.keep, own.days, own.four_eyes) == ("quarantine", 7, True)
    assert loaded.category("violence").keep == "none"


def test_signals_that_nothing_measures_and_thresholds_out_of_range(policy: Callable[[str], Policy]) -> None:
    unknown = "{id: a, at: prompt, signal: t.bda, above: 0, then: block}"
    loaded = policy(f"rules: [{unknown}, {{id: b, at: image, signal: c.x, above: 5, then: block}}]")
    known = all_measured([{("prompt", "t.bad"): Range()}, {("image", "c.x"): Range(0, 2)}, {("image", "c.x"): Range(-1, 1)}])
    first, second = unknown_signals(loaded, known)
    assert "did you mean 't.bad'?" in str(first)
    assert "outside the range of c.x, -1 to 2" in str(second)


def test_of_a_policy_that_suits_a_pipeline_only_near_misses_are_told(policy: Callable[[str], Policy]) -> None:
    """Its idle rules may speak of pipelines to come."""
    rule = "{{id: {0}, at: upload, signal: {1}, above: 0, then: block}}"
    rules = f"rules: [{rule.format('a', 't.bda')}, {rule.format('b', 'other.thing')}]"
    [told] = unknown_signals(policy(rules), {("upload", "t.bad"): Range()}, near_misses=True)
    assert told.fix == "did you mean 't.bad'?"


@pytest.mark.parametrize(
    ("when", "fixes"),
    [
        ("request.task == 'generte'", ["did you mean 'generate'?"]),
        ("'vry' != request.task", ["did you mean 'vary'?"]),
        ("request.pipeline in ['plane', 'plain', 'internal']", ["did you mean 'plain'?"]),
        ("has(request.parameters.styel) && request.parameters['styel'] == 'ink'", ["did you mean 'style'?"] * 2),
        ("request.pipeline == 'internal' || request.task in ['edit', 'vary'] || has(request.parameters.other)", []),
        ("caller.cohort == 'generte' && request.n == 2", []),
    ],
)
def test_names_in_a_when_that_no_request_has(policy: Callable[[str], Policy], when: str, fixes: list[str]) -> None:
    [rule] = policy(f'rules: [{{id: a, at: prompt, signal: t.x, above: 0, then: block, when: "{when}"}}]').rules
    assert [problem.fix for problem in unknown_names(rule, ["plain"], ["style"])] == fixes


def test_a_category_that_resembles_none_can_be_declared(policy: Callable[[str], Policy]) -> None:
    with pytest.raises(InvalidFile) as caught:
        policy("rules: [{id: a, at: prompt, signal: t.x, above: 0.5, then: block, category: violense}]")
    assert caught.value.problems[0].fix == "did you mean 'violence'? Or declare it under `categories:`"
    with pytest.raises(InvalidFile) as caught:
        policy("rules: [{id: a, at: prompt, signal: t.x, above: 0.5, then: block, category: xyzzy}]")
    assert caught.value.problems[0].fix.endswith(", violence/graphic; or declare it under `categories:`")


def test_a_bundle_reads_back_as_the_policy_it_was(policy: Callable[[str], Policy]) -> None:
    loaded = policy(
        """
requires: [terms]
categories: {own: {four_eyes: true}}
rules:
  - {id: a, at: prompt, signal: t.x, above: 0.5, then: block, on_error: review, severity: high, when: request.n > 1}
  - {id: b, at: image, any: [{signal: c.x, below: 0.5}, {signal: t.x, at: prompt, at_least: 1}], then: review, category: own}
"""
    )
    again = from_bundle(loaded.canonical)
    assert again.rules == loaded.rules
    assert (again.revision, again.requires, again.categories) == (loaded.revision, loaded.requires, loaded.categories)


def test_fragments_of_plugins_come_with_their_categories(tmp_path: Path) -> None:
    from limner.policy import load_policies

    (tmp_path / "acme").mkdir()
    (tmp_path / "house").mkdir()
    rule = "{id: logo, at: prompt, signal: t.x, above: 0.5, then: review, category: logos}"
    (tmp_path / "acme" / "brand.yaml").write_text(
        f"policy: brand\ncategories: {{logos: {{four_eyes: true}}}}\nrules: [{rule}]\n"
    )
    (tmp_path / "house" / "p.yaml").write_text("policy: p\nextends: acme/brand\ncategories: {logos: {keep: quarantine}}\n")
    loaded = load_policies([tmp_path / "house"], {"acme": str(tmp_path / "acme")})["p"]
    assert [rule.id for rule in loaded.rules] == ["logo"]
    assert (loaded.category("logos").keep, loaded.category("logos").four_eyes) == ("quarantine", False)


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        (PluginFault("plugin watermark is broken", fix="no module named 'absent'"), "no module named 'absent'"),
        (PluginError("plugin watermark may not load", fix="add it to LIMNER_PLUGINS"), "add it to LIMNER_PLUGINS"),
        (PluginError("there is no step", fix=did_you_mean("watermark.visible", ["terms"])), "did you mean 'watermark'?"),
    ],
)
def test_why_a_required_step_cannot_be_had_is_told_and_not_a_stage_of_like_name(
    policy: Callable[[str], Policy], cause: PluginError, fix: str
) -> None:
    def find(name: str) -> object:
        raise cause

    [problem] = unknown_steps(policy("requires: [watermark.visible]"), find).values()
    assert (problem.what, problem.fix) == (cause.what, fix)
