"""Groups that differ little, captions that are true, and facts that agree with both."""

import numpy as np
import pytest

from limner_scenes.facts import FACTS, PAIR, UNKNOWN, stated
from limner_scenes.scene import COLOURS, KINDS, RELATIONS, SETTINGS, STYLES
from limner_scenes.splits import is_held_out
from limner_scenes.training_data import GROUP, Drawn, ScenesSource
from limner_scenes.wording import read
from limner_scenes.worlds import SMALL, WHOLE


@pytest.fixture(scope="module", params=[SMALL, WHOLE], ids=lambda world: world.name)
def source(request) -> ScenesSource:
    return ScenesSource(request.param)


@pytest.fixture(scope="module")
def drawn(source: ScenesSource) -> Drawn:
    return source.draw(np.random.default_rng(7), 400, 32)


def fact(facts, name):
    return facts[FACTS.index(name)]


def told(text):
    said = read(text)
    assert said is not None
    return stated(said)


def test_the_same_generator_draws_the_same_and_then_goes_on(source: ScenesSource, drawn: Drawn):
    rng = np.random.default_rng(7)
    again, more = source.draw(rng, 400, 32), source.draw(rng, 4, 32)
    assert again.captions == drawn.captions
    assert np.array_equal(again.pictures, drawn.pictures)
    assert not np.array_equal(more.pictures, drawn.pictures[: len(more.pictures)])


def test_every_caption_states_only_what_is_shown(drawn: Drawn):
    agrees = (drawn.stated == UNKNOWN) | (drawn.stated == drawn.shown[:, None])
    assert agrees.all()
    assert (drawn.stated[:, 0] != UNKNOWN).sum(-1).min() >= 3, "the first wording is full"


def test_the_facts_are_those_of_the_words(drawn: Drawn):
    for texts, facts in zip(drawn.captions, drawn.stated, strict=True):
        assert [told(text) for text in texts] == facts.tolist()


def test_no_caption_is_held_out(drawn: Drawn):
    assert not any(is_held_out(text) for texts in drawn.captions for text in texts)


def test_neighbours_are_near_misses_that_a_full_caption_tells_apart(drawn: Drawn):
    groups = drawn.shown.reshape(-1, GROUP, len(FACTS))
    assert ((groups[:, :, 0] == PAIR) == (groups[:, :1, 0] == PAIR)).all()
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
    assert told(one) == told(other)
    assert told(one) != told(other.replace("below", "above").replace("right", "left"))


def test_facts_are_those_that_a_caption_states():
    facts = told("on a light blue background, a large green star in the top left, in pencil")
    assert KINDS[fact(facts, "kind")] == "star"
    assert COLOURS[fact(facts, "colour")] == "green"
    assert SETTINGS[fact(facts, "setting")] == "light blue"
    assert STYLES[fact(facts, "style")] == "pencil drawing"
    assert fact(facts, "place") == 0
    assert fact(told("a green thing"), "kind") == UNKNOWN
    assert fact(told("a star on a grey background"), "colour") == UNKNOWN
    assert fact(told("three cats"), "count") == 2
    riding = told("an astronaut riding a horse")
    assert RELATIONS[fact(riding, "relation")] == "riding"
    assert KINDS[fact(riding, "first kind")] == "astronaut"
    assert fact(riding, "names") == UNKNOWN


def test_all_words_of_all_captions_are_listed(source: ScenesSource, drawn: Drawn):
    words = set(source.words())
    used = {word for texts in drawn.captions for text in texts for word in text.lower().replace(",", "").split()}
    assert used <= words
