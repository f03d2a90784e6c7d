import numpy as np
import pytest

from limner_scenes.captions import caption, prompt
from limner_scenes.sampling import Layout, sample_scene
from limner_scenes.scene import INVERSE, Scene, Thing
from limner_scenes.splits import is_held_out
from limner_scenes.worlds import SMALL


def single(colour: str = "red", kind: str = "ring", x: float = 0.5, y: float = 0.5) -> Scene:
    return Scene("light blue", (Thing(kind, colour, "small", x, y, 0.18),), None)


def pair() -> Scene:
    first, second = Thing("ring", "red", "small", 0.25, 0.5, 0.18), Thing("square", "blue", "small", 0.75, 0.5, 0.18)
    return Scene("beige", (first, second), "left of", "pencil drawing")


def many(scene: Scene, *, full: bool = False) -> set[str]:
    rng = np.random.default_rng(0)
    return {caption(scene, rng, full=full) for _ in range(600)}


def test_wording_varies() -> None:
    told = many(single())
    assert {"a red ring", "on a light blue background, a small red ring"} <= told
    assert any(text.startswith("there is a") for text in told)


def test_a_thing_off_centre_is_sometimes_placed() -> None:
    assert any("ring in the top left" in text for text in many(single(x=0.22, y=0.22)))
    assert not any("left" in text for text in many(single()))


def test_a_relation_is_told_from_either_side_and_rightly() -> None:
    told = many(pair(), full=True)
    assert any("a red ring left of a blue square" in text for text in told)
    assert any("a blue square to the right of a red ring" in text for text in told)
    assert not any("red ring to the right" in text or "red ring right" in text for text in told)


def test_some_captions_say_less_than_the_picture_but_full_ones_name_everything() -> None:
    told = many(pair())
    assert any("a red ring and a blue square" in text or "a blue square and a red ring" in text for text in told)
    assert any("a ring left of a square" in text or "a ring to the left of a square" in text for text in told)
    assert any("pencil" not in text for text in told)
    for text in many(pair(), full=True):
        assert "red ring" in text
        assert "blue square" in text
        assert "left of" in text or "right of" in text


@pytest.mark.parametrize("layout", ["one", "two", "several"])
def test_training_captions_are_never_held_out(layout: Layout) -> None:
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(300):
        try:
            text = caption(sample_scene(rng, "train", world=SMALL, layout=layout), rng)
        except LookupError:
            continue
        told += 1
        assert not is_held_out(text)
    assert told > 280


def test_a_prompt_names_the_scene_in_full_and_is_always_held_out() -> None:
    rng = np.random.default_rng(2)
    scene = sample_scene(rng, "seen", world=SMALL, layout="two")
    first, second = scene.things
    for _ in range(30):
        text = prompt(scene, rng)
        assert is_held_out(text)
        assert f"{first.colour} {first.kind}" in text
        assert f"{second.colour} {second.kind}" in text
        assert scene.relation is not None
        assert scene.relation.removesuffix("ing") in text or INVERSE.get(scene.relation, "under") in text or "ridden by" in text


def test_a_scene_that_training_may_tell_in_full_has_no_prompt() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(LookupError, match="wanted side"):
        prompt(sample_scene(rng, "train", world=SMALL, layout="two"), rng)
