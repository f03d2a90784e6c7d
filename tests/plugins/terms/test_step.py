from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import limner
import limner_terms
from limner.testing import check_step
from limner_terms.lists import built_in_lists
from limner_terms.step import LONGEST_PROMPT, MOST_EVIDENCE, Terms, TermsOptions

ODDITIES = {f"terms.text.{name}" for name in ("mixed_scripts", "invisibles", "encoded", "unsupported_script")}
OWN = "category: plant\nendings: ['', s]\nterms: [nettle]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "plants.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def options(root: Path | None = None, **given: Any) -> TermsOptions:
    return TermsOptions.model_validate(given, context={"root": root})


def measured(prompt: str, given: TermsOptions | None = None) -> dict[str, limner.Signal]:
    step = Terms(given)
    step.load(None, None, None)  # type: ignore[arg-type]  # it needs no model and no device
    [signals] = step.filter_prompt([limner.Generation("r", 0, 0, prompt)])
    assert not isinstance(signals, limner.ItemError)
    return {signal.name: signal for signal in signals}


def emitted(given: TermsOptions) -> dict[str, limner.Range]:
    return dict(Terms.emits(given, None))  # type: ignore[arg-type]  # it asks for no model


def digest(given: TermsOptions) -> str:
    return Terms.digest(given, None)  # type: ignore[arg-type]  # it asks for no model


def test_the_plugin_registers_the_one_step() -> None:
    assert limner_terms.register_steps() == [Terms]
    assert Terms.type == "terms"


def test_every_category_is_measured_and_only_what_is_declared() -> None:
    signals = measured("a red sword over a blue square")
    assert signals.keys() == emitted(TermsOptions()).keys()
    categories = {listed.category for listed in built_in_lists()}
    assert signals.keys() == {f"terms.{category}" for category in categories} | ODDITIES
    assert {name for name, signal in signals.items() if signal.value} == {"terms.weapon"}
    assert signals["terms.weapon"].evidence == (limner.Evidence(6, 11, "sword"),)


def test_evidence_is_in_code_points_of_the_prompt_as_it_was_given() -> None:
    prompt = "𝔸 ﬁne ＳＷＯＲＤＳ, two sku\u0308lls and a skull"
    signals = measured(prompt)
    [sword] = signals["terms.weapon"].evidence
    assert prompt[sword.start : sword.end] == "ＳＷＯＲＤＳ"
    first, second = signals["terms.skull"].evidence
    assert prompt[first.start : first.end] == "sku\u0308lls"
    assert prompt[second.start :] == "skull"


def test_each_prompt_of_a_batch_has_its_own_answer_in_order() -> None:
    step = Terms()
    step.load(None, None, None)  # type: ignore[arg-type]  # it needs no model and no device
    prompts = ["a sword", "x" * (LONGEST_PROMPT + 1), "a heart"]
    sword, long, heart = step.filter_prompt([limner.Generation("r", i, i, prompt) for i, prompt in enumerate(prompts)])
    assert isinstance(sword, list)
    assert isinstance(heart, list)
    assert [sum(signal.value for signal in signals) for signals in (sword, heart)] == [1.0, 0.0]
    assert isinstance(long, limner.ItemError)
    assert long.what == "the prompt has 8001 characters, and no more than 8000 are looked over"


@pytest.mark.parametrize(
    "prompt", ["\ud800 sword \x00", "\u202esword", "sword" + "\u0301" * 4_000 + " sword", "\x00" * 99 + "sword"]
)
def test_no_text_is_too_strange_to_be_measured(prompt: str) -> None:
    assert measured(prompt)["terms.weapon"].value == 1.0


def test_a_disguise_is_told_with_the_evidence() -> None:
    signals = measured("a 5w0rd, \u200bѕkull")
    assert signals["terms.weapon"].evidence == (limner.Evidence(2, 7, "sword (by its look)"),)
    assert signals["terms.skull"].evidence[0].matched == "skull (by its look)"
    assert (signals["terms.text.mixed_scripts"].value, signals["terms.text.invisibles"].value) == (1.0, 1.0)


def test_it_keeps_every_rule_of_a_step() -> None:
    check_step(Terms)


@pytest.mark.parametrize("prompt", ["sword " * 200_000, "a" + "\u0301" * 10_000, "\u202e" * 9_000, "&#115;" * 2_000], ids=len)
def test_a_prompt_of_any_length_is_answered_at_once_and_never_allowed(prompt: str) -> None:
    step = Terms()
    step.load(None, None, None)  # type: ignore[arg-type]  # it needs no model and no device
    start = time.process_time()
    [answer] = step.filter_prompt([limner.Generation("r", 0, 0, prompt)])
    assert time.process_time() - start < 0.5
    assert isinstance(answer, limner.ItemError)
    assert answer.fix == "shorten the prompt"


def test_evidence_is_bounded() -> None:
    assert len(measured("sword " * 1_000)["terms.weapon"].evidence) == MOST_EVIDENCE


def test_own_lists_are_added(root: Path) -> None:
    given = options(root, lists=["plants.yaml"])
    assert "terms.plant" in emitted(given)
    assert measured("two Nettles", given)["terms.plant"].value == 1.0


def test_categories_narrow_what_is_measured(root: Path) -> None:
    given = options(root, lists=["plants.yaml"], categories=["plant", "weapon"])
    assert measured("a skull", given).keys() == emitted(given).keys() == {"terms.plant", "terms.weapon"} | ODDITIES


def test_the_digest_follows_the_lists(root: Path) -> None:
    with_plants = digest(options(root, lists=["plants.yaml"]))
    assert with_plants != digest(TermsOptions())
    (root / "plants.yaml").write_text(f"# said differently\n{OWN}", encoding="utf-8")
    assert digest(options(root, lists=["plants.yaml"])) == with_plants
    (root / "plants.yaml").write_text(OWN.replace("nettle", "ivy"), encoding="utf-8")
    assert digest(options(root, lists=["plants.yaml"])) != with_plants


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"categories": ["wepon"]}, "no list has the category 'wepon'; there are emblem, gore, harass"),
        ({"categories": []}, "at least 1 item"),
        ({"lists": ["broken.yaml"]}, "broken.yaml:1:1: categry: is not a key that is known here"),
        ({"lists": ["nowhere.yaml"]}, "nowhere.yaml"),
        ({"list": ["plants.yaml"]}, "Extra inputs"),
    ],
)
def test_options_that_cannot_serve_are_refused(root: Path, given: dict[str, Any], said: str) -> None:
    (root / "broken.yaml").write_text("categry: a\nterms: [x]\n", encoding="utf-8")
    with pytest.raises(ValidationError) as caught:
        options(root, **given)
    assert said in str(caught.value)


def test_importing_the_plugin_reads_no_list_and_no_torch() -> None:
    script = (
        "import builtins, io, sys, limner\n"
        "opened = []\n"
        "def watch(event, args):\n"
        "    if event == 'open' and str(args[0]).endswith('.yaml'): opened.append(args[0])\n"
        "sys.addaudithook(watch)\n"
        "import limner_terms\n"
        "limner_terms.register_steps()\n"
        "assert not opened, opened\n"
        "assert not {'torch', 'yaml', 'cel'} & sys.modules.keys()\n"
    )
    roots = [str(Path(module.__file__ or "").parents[1]) for module in (limner, limner_terms)]
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {roots!r}\n{script}"], check=True)
