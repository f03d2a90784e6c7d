import pytest

from limner_scenes.scene import INVERSE
from limner_scenes.splits import has_held_out_names, is_held_out
from limner_scenes.suites import PROMPTS, SUITES, suite


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_two_hundred_different_prompts_that_training_never_gives(name: str) -> None:
    prompts = suite(name)
    assert len({prompt.text for prompt in prompts}) == len(prompts) == PROMPTS
    assert all(is_held_out(prompt.text) for prompt in prompts)
    assert all(has_held_out_names(prompt.scene) == (name == "single-unseen") for prompt in prompts)
    assert all(len(prompt.scene.things) == (2 if name == "pair-seen" else 1) for prompt in prompts)


@pytest.mark.parametrize("name", SUITES)
def test_every_prompt_names_what_is_judged(name: str) -> None:
    for text, scene in suite(name, 60):
        assert all(f"{thing.colour} {thing.kind}" in text for thing in scene.things)
        assert scene.relation is None or scene.relation in text or INVERSE[scene.relation] in text


def test_a_suite_is_fixed_and_a_shorter_one_is_its_beginning() -> None:
    assert suite("pair-seen", 20) == suite("pair-seen", 50)[:20]
    assert suite("pair-seen", 20) != suite("pair-seen", 20, seed=1)


def test_an_unknown_suite_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown suite 'hard'; known are single-seen"):
        suite("hard")
