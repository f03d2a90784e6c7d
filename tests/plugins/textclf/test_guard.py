from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from limner import Generation, ItemError, ModelError
from limner.testing import check_step, load_step, local_models
from limner_textclf.guard import Guard

OPTIONS = {"model": "toy", "categories": {"S1": "weapon", "S2": "shocking", "S3": "hate"}}


@pytest.fixture(scope="module")
def step(guard: Path) -> Any:
    return load_step(Guard, OPTIONS, models=local_models(toy=guard))


def judged(step: Any, prompt: str) -> dict[str, float]:
    [answer] = step.filter_prompt([Generation("r", 0, 0, prompt)])
    assert not isinstance(answer, ItemError), answer
    return {signal.name.removeprefix("textclf.guard."): signal.value for signal in answer}


@pytest.mark.parametrize("prompt", ["a red circle above the star", "two small heart and a big square"])
def test_a_harmless_prompt_is_safe(step: Any, prompt: str) -> None:
    found = judged(step, prompt)
    assert found["unsafe"] < 0.5
    assert {name for name, value in found.items() if value} == {"unsafe"}


@pytest.mark.parametrize(("prompt", "category"), [("a red sword above the star", "weapon"), ("the skull", "shocking")])
def test_what_the_verdict_names_gets_the_probability_of_unsafe(step: Any, prompt: str, category: str) -> None:
    found = judged(step, prompt)
    assert found["unsafe"] > 0.5
    assert {name for name, value in found.items() if value} == {"unsafe", category}
    assert found[category] == found["unsafe"]


def test_the_score_is_that_of_the_word_where_it_begins(step: Any) -> None:
    import torch

    asked = step._asked("the skull")
    line = step._tokenizer("\n", add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = step._network(torch.cat([asked, torch.tensor([line])], dim=1)).logits[0, -1].float()
    unsafe, safe = (step._tokenizer(word, add_special_tokens=False).input_ids[0] for word in ("unsafe", "safe"))
    assert judged(step, "the skull")["unsafe"] == pytest.approx(float((logits[unsafe] - logits[safe]).sigmoid()), abs=1e-4)


def test_an_answer_that_is_no_verdict_is_an_error(guard: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path / "untaught"
    shutil.copytree(guard, folder)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(guard)).save_pretrained(folder)
    step: Any = load_step(Guard, OPTIONS, models=local_models(toy=folder))
    [answer] = step.filter_prompt([Generation("r", 0, 0, "a red circle")])
    assert isinstance(answer, ItemError)
    assert answer.what == "the guard gave no verdict"


def test_a_prompt_that_is_too_long_is_an_error(guard: Path) -> None:
    step: Any = load_step(Guard, {**OPTIONS, "longest_prompt": 64}, models=local_models(toy=guard))
    [answer] = step.filter_prompt([Generation("r", 0, 0, "red " * 100)])
    assert isinstance(answer, ItemError)


def test_a_model_that_nobody_says_how_to_ask_is_refused(guard: Path, classifier: Path) -> None:
    with pytest.raises(ModelError):
        load_step(Guard, OPTIONS, models=local_models(toy=classifier))


def test_it_keeps_every_rule_of_a_step(guard: Path) -> None:
    check_step(Guard, OPTIONS, models=local_models(toy=guard))
