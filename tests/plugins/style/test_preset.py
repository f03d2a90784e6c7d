import pytest
from pydantic import ValidationError

from limner import Generation
from limner_style.preset import Preset, PresetOptions


def dress(prompt: str, overrides: dict[str, str] | None = None, **options: object) -> str:
    step = Preset(PresetOptions.model_validate(options))
    [rewritten] = step.rewrite_prompt([Generation("r", 0, 1, prompt, overrides=overrides or {})])
    return rewritten


def test_a_preset_adds_its_words_to_the_prompt():
    assert dress("a red circle", preset="slate") == "a red circle on a grey background"


def test_the_default_preset_leaves_the_prompt_alone():
    assert dress("a red circle") == "a red circle"


def test_a_request_may_choose_another_preset():
    assert dress("a cat", {"preset": "pencil"}) == "a cat, as a pencil drawing"


def test_an_operators_own_preset_wins():
    assert dress("a cat", preset="sky", presets={"sky": "{prompt} at dawn"}) == "a cat at dawn"


def test_braces_in_the_prompt_are_words():
    assert dress("a {prompt} {x}", preset="sky").startswith("a {prompt} {x} on")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"preset": "skye"}, "no preset 'skye'"), ({"presets": {"mine": "no place"}}, "must hold {prompt}")],
)
def test_a_preset_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        PresetOptions.model_validate(options)
