from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import limner_textclf
from limner import Generation, ItemError, ModelError
from limner.testing import check_step, load_step, local_models
from limner_textclf.classifier import ClassifierOptions, TextClassifier
from limner_textclf.guard import Guard

LABELS = {"blade": "weapon", "bone": "shocking"}


@pytest.fixture(scope="module")
def step(classifier: Path) -> Any:
    return load_step(TextClassifier, {"model": "toy", "labels": LABELS}, models=local_models(toy=classifier))


def scores(step: Any, *prompts: str) -> list[dict[str, float]]:
    answers = step.filter_prompt([Generation("r", i, i, prompt) for i, prompt in enumerate(prompts)])
    return [{signal.name: signal.value for signal in answer} for answer in answers]


def test_the_plugin_registers_both_steps() -> None:
    assert limner_textclf.register_steps() == [TextClassifier, Guard]


def test_each_prompt_of_a_batch_is_scored_by_what_the_classifier_learnt(step: Any) -> None:
    found = scores(step, "a red circle", "a big sword above the heart and two stars", "two skull", "")
    assert [{name for name, value in each.items() if value > 0.5} for each in found][:3] == [
        set(),
        {"textclf.weapon"},
        {"textclf.shocking"},
    ]
    assert found[0].keys() == {"textclf.weapon", "textclf.shocking"}


def test_a_prompt_is_scored_alone_as_in_company(step: Any) -> None:
    [alone] = scores(step, "a sword")
    in_company = scores(step, "a sword", "a red circle above the blue square and the green star")[0]
    assert in_company == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("before", [0, 20, 100])
def test_what_stands_anywhere_in_a_long_prompt_is_found(step: Any, before: int) -> None:
    [found] = scores(step, "red " * before + "sword" + " blue" * 100)
    assert found["textclf.weapon"] > 0.5


def test_a_prompt_of_too_many_windows_is_an_error(step: Any) -> None:
    long, short = step.filter_prompt([Generation("r", 0, 0, "red " * 2_000), Generation("r", 1, 1, "a sword")])
    assert isinstance(long, ItemError)
    assert isinstance(short, list)


def test_labels_of_one_category_add_up(classifier: Path) -> None:
    labels = {"blade": "bad", "bone": "bad"}
    both = load_step(TextClassifier, {"model": "toy", "labels": labels}, models=local_models(toy=classifier))
    assert all(each["textclf.bad"] > 0.5 for each in scores(both, "a sword", "a skull"))


def test_a_label_that_the_model_does_not_have_is_refused(classifier: Path) -> None:
    with pytest.raises(ModelError, match=r"no label 'toxic'\n.*'fine', 'blade', 'bone'"):
        load_step(TextClassifier, {"model": "toy", "labels": {"toxic": "hate"}}, models=local_models(toy=classifier))


def test_weights_that_are_not_the_classifiers_are_refused(classifier: Path, guard: Path) -> None:
    with pytest.raises(ModelError):
        load_step(TextClassifier, {"model": "toy", "labels": LABELS}, models=local_models(toy=guard))


@pytest.mark.parametrize("given", [{"labels": {}}, {"labels": {"a": "No Category"}}, {"labels": {"a": "b"}, "window": 1}])
def test_options_that_cannot_serve_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClassifierOptions.model_validate({"model": "toy", **given})


def test_it_keeps_every_rule_of_a_step(classifier: Path) -> None:
    check_step(TextClassifier, {"model": "toy", "labels": LABELS}, models=local_models(toy=classifier))
