import numpy as np
import pytest

from limner_scenes.captions import caption, prompt
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import INVERSE, Scene, Thing
from limner_scenes.splits import is_held_out


def single(colour: str = "red", shape: str = "ring", x: float = 0.5, y: float = 0.5) -> Scene:
    return Scene("light blue", (Thing(shape, colour, "small", x, y, 0.18),), None)


def pair() -> Scene:
    first, second = Thing("ring", "red", "small", 0.25, 0.5, 0.18), Thing("square", "blue", "small", 0.75, 0.5, 0.18)
    return Scene("beige", (first, second), "left of")


def many(scene: Scene, *, full: bool = False) -> set[str]:
    rng = np.random.default_rng(0)
    return {caption(scene, rng, full=full) for _ in range(400)}


def test_wording_varies() -> None:
    assert {"a red ring", "there is a small red ring", "on a light blue background, a red ring"} <= many(single())


def test_a_thing_off_centre_is_sometimes_placed() -> None:
    assert any("red ring in the top left" in text for text in many(single(x=0.22, y=0.22)))
    assert not any("left" in text for text in many(single()))


def test_a_relation_is_told_from_either_side_and_rightly() -> None:
    told = many(pair(), full=True)
    assert {"a red ring left of a blue square", "a blue square to the right of a red ring"} <= told
    assert not any("red ring to the right" in text or "red ring right" in text for text in told)


def test_some_captions_say_less_than_the_picture_but_full_ones_name_everything() -> None:
    assert any("blue square" not in text or "of" not in text for text in many(pair()))
    for text in many(pair(), full=True):
        assert "red ring" in text
        assert "blue square" in text
        assert "left of" in text or "right of" in text


def test_articles_agree() -> None:
    for text in many(single("orange", "ring")):
        assert "a orange" not in text
        assert "an small" not in text


@pytest.mark.parametrize("things", [1, 2])
def test_training_captions_are_never_held_out(things: int) -> None:
    rng = np.random.default_rng(1)
    for _ in range(400):
        assert not is_held_out(caption(sample_scene(rng, "train", things=1 if things == 1 else 2), rng))


def test_a_prompt_names_the_scene_in_full_and_is_always_held_out() -> None:
    rng = np.random.default_rng(2)
    scene = sample_scene(rng, "seen", things=2)
    first, second = scene.things
    for _ in range(30):
        text = prompt(scene, rng)
        assert is_held_out(text)
        assert f"{first.colour} {first.shape}" in text
        assert f"{second.colour} {second.shape}" in text
        assert scene.relation is not None
        assert scene.relation in text or INVERSE[scene.relation] in text


def test_a_scene_that_training_may_tell_in_full_has_no_prompt() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(LookupError, match="no wording"):
        prompt(sample_scene(rng, "train", things=2), rng)
