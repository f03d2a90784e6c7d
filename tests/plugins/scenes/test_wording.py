import numpy as np
import pytest

from limner_scenes.sampling import sample_any
from limner_scenes.scene import Scene
from limner_scenes.statement import Statement, everything
from limner_scenes.wording import read, worded, words
from limner_scenes.worlds import WHOLE


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    return [sample_any(rng, WHOLE) for _ in range(600)]


def test_whatever_is_worded_is_read_back_the_same(scenes: list[Scene]) -> None:
    rng = np.random.default_rng(1)
    for scene in scenes:
        said = everything(scene)
        back = read(worded(said, rng))
        assert back is not None
        assert back.canonical() == said.canonical()


def test_no_word_is_used_that_is_not_listed(scenes: list[Scene]) -> None:
    rng = np.random.default_rng(2)
    used = {word for scene in scenes for word in worded(everything(scene), rng).lower().replace(",", "").split()}
    assert used <= words()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "an astronaut riding a horse, as a pencil drawing",
            Statement(((None, "astronaut"), (None, "horse")), 1, "riding", style="pencil drawing"),
        ),
        (
            "a horse ridden by a red robot at night",
            Statement((("red", "robot"), (None, "horse")), 1, "riding", setting="night sky"),
        ),
        ("two small fish", Statement(((None, "fish"),), 2, size="small")),
        (
            "a blue cup on top of a house, in watercolour",
            Statement((("blue", "cup"), (None, "house")), 1, "on", style="watercolour"),
        ),
        ("a red circle above a blue square", Statement((("red", "circle"), ("blue", "square")), 1, "above")),
        ("A green thing in the top left.", Statement((("green", None),), place="top left")),
        ("a car with city lights behind", Statement(((None, "car"),), setting="city lights")),
    ],
)
def test_a_caption_is_read_for_what_it_says(text: str, said: Statement) -> None:
    assert read(text) == said


@pytest.mark.parametrize("text", ["", "the quick brown fox", "on a white background"])
def test_words_that_name_nothing_say_nothing(text: str) -> None:
    assert read(text) is None


def test_articles_and_numbers_agree() -> None:
    rng = np.random.default_rng(3)
    alone, three = Statement((("orange", "umbrella"),)), Statement((("red", "fish"),), 3)
    assert {worded(alone, rng).split(" an ")[-1].removeprefix("an ") for _ in range(40)} == {"orange umbrella"}
    assert not any(worded(three, rng).startswith(("this is", "there is", "a three")) for _ in range(40))
