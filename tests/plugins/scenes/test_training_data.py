"""Groups that differ little, captions that are true, and facts that agree with both."""

import numpy as np
import pytest

from limner_scenes.scene import COLOURS, SHAPES
from limner_scenes.splits import is_held_out
from limner_scenes.training_data import FACTS, GROUP, UNKNOWN, ScenesSource, stated_facts


@pytest.fixture(scope="module")
def drawn():
    return ScenesSource().draw(np.random.default_rng(7), 400, 32)


def fact(facts, name):
    return facts[FACTS.index(name)]


def test_the_same_generator_draws_the_same(drawn):
    again = ScenesSource().draw(np.random.default_rng(7), 400, 32)
    assert again.captions == drawn.captions
    assert np.array_equal(again.pictures, drawn.pictures)


def test_every_caption_states_only_what_is_shown(drawn):
    agrees = (drawn.stated == UNKNOWN) | (drawn.stated == drawn.shown[:, None])
    assert agrees.all()
    assert (drawn.stated[:, 0] != UNKNOWN).sum(-1).min() >= 3, "the first wording is full"


def test_no_caption_is_held_out(drawn):
    assert not any(is_held_out(text) for texts in drawn.captions for text in texts)


def test_neighbours_are_near_misses_that_a_full_caption_tells_apart(drawn):
    groups = drawn.shown.reshape(-1, GROUP, len(FACTS))
    assert (groups[:, :, FACTS.index("count")] == groups[:, :1, FACTS.index("count")]).all()
    full = drawn.stated[:, 0].reshape(groups.shape)
    others_true = ((full[:, :1] == UNKNOWN) | (full[:, :1] == groups[:, 1:3])).all(-1)
    assert others_true.mean() < 0.05


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a red circle above a blue square", "there is a blue square below a red circle"),
        ("a pink moon to the left of a green heart", "a green heart right of a pink moon"),
    ],
)
def test_two_wordings_of_one_relation_state_the_same(one, other):
    assert stated_facts(one) == stated_facts(other)
    assert stated_facts(one) != stated_facts(other.replace("below", "above").replace("right", "left"))


def test_facts_are_read_off_a_caption_of_one_thing():
    facts = stated_facts("on a light blue background, a large green star in the top left")
    assert SHAPES[fact(facts, "shape")] == "star"
    assert COLOURS[fact(facts, "colour")] == "green"
    assert fact(facts, "background") == 2
    assert fact(facts, "place") == 0
    assert fact(stated_facts("a green shape"), "shape") == UNKNOWN
    assert fact(stated_facts("a star on a grey background"), "colour") == UNKNOWN


def test_all_words_of_all_captions_are_listed(drawn):
    words = set(ScenesSource().words())
    used = {word for texts in drawn.captions for text in texts for word in text.replace(",", "").split()}
    assert used <= words
