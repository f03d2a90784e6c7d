import numpy as np

from limner_scenes.scene import Scene, Thing
from limner_scenes.swaps import swaps

RING = Thing("ring", "red", "small", 0.5, 0.25, 0.18)
SQUARE = Thing("square", "blue", "small", 0.5, 0.75, 0.18)


def words(scene: Scene) -> list[str]:
    return [word for thing in scene.things for word in (thing.colour, thing.kind)] + [scene.relation or ""]


def test_each_swap_of_a_pair_is_wrong_in_one_respect() -> None:
    scene = Scene("white", (RING, SQUARE), "above")
    wrong = dict(swaps(scene, np.random.default_rng(0)))
    changed = {kind: sum(a != b for a, b in zip(words(scene), words(it), strict=True)) for kind, it in wrong.items()}
    assert changed == {"colour": 1, "shape": 1, "relation": 1, "binding": 2}
    assert wrong["relation"].relation == "below"
    assert [thing.colour for thing in wrong["binding"].things] == ["blue", "red"]


def test_one_thing_alone_has_no_relation_and_no_binding_to_swap() -> None:
    assert dict(swaps(Scene("white", (RING,), None), np.random.default_rng(0))).keys() == {"colour", "shape"}
