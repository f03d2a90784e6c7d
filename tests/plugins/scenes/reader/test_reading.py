"""The reader says what a picture shows, at any size, and names nothing that it is not sure of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from limner_scenes.reader.network import GRID, SLOTS, Seen, Vocabulary
from limner_scenes.reader.reading import Reader, ReadThing
from limner_scenes.reader.samples import of_scene, strewn
from limner_scenes.reader.scoring import is_right, right
from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing
from limner_scenes.worlds import SMALL

CAT = Thing("cat", "red", "small", 0.3, 0.3, 0.2)
CAR = Thing("car", "blue", "small", 0.7, 0.7, 0.2)
RIGHT_OF = Scene("meadow", (CAR, CAT), "right of", "flat")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


def named(things: tuple[ReadThing, ...]) -> set[tuple[str | None, str | None]]:
    return {(thing.colour, thing.kind) for thing in things}


@pytest.mark.parametrize("side", [64, 96, 128, 256])
def test_a_reading_says_what_is_where_in_what_style_and_setting(reader: Reader, side: int) -> None:
    [reading] = reader.read([render(RIGHT_OF, side)])
    assert named(reading.things) == {("red", "cat"), ("blue", "car")}
    assert (reading.style, reading.setting) == ("flat", "meadow")
    [cat] = [thing for thing in reading.things if thing.kind == "cat"]
    assert (cat.x, cat.y, cat.scale) == pytest.approx((0.3, 0.3, 0.2), abs=0.03)


def test_several_pictures_are_read_as_each_alone(reader: Reader) -> None:
    pictures = [render(RIGHT_OF, 64), render(Scene("white", (CAT,), None), 64)]
    assert [len(reading.things) for reading in reader.read(pictures)] == [2, 1]
    assert named(reader.read(pictures)[1].things) == named(reader.read(pictures[1:])[0].things)
    assert reader.read([]) == []


def test_a_lump_of_the_right_colour_is_a_thing_without_a_name(reader: Reader) -> None:
    rows, columns = np.mgrid[:128, :128]
    lump = np.full((128, 128, 3), 250, np.uint8)
    lump[((rows - 60) / 20) ** 2 + ((columns - 64) / 40) ** 2 < 1] = (214, 30, 38)
    [reading] = reader.read([lump])
    assert [(thing.colour, thing.kind) for thing in reading.things] == [("red", None)]


def test_a_colour_that_has_no_name_is_not_given_one(reader: Reader) -> None:
    picture = render(Scene("white", (Thing("square", "black", "large", 0.5, 0.5, 0.35),), None), 128)
    picture[picture.max(-1) < 100] = (140, 160, 110)
    [thing] = reader.read([picture])[0].things
    assert (thing.kind, thing.colour) == ("square", None)


class Finds(torch.nn.Module):
    """A network that finds, whatever it is shown, things of these colours in these cells, at these half extents."""

    vocabulary = Vocabulary(("cat",), ("red", "blue"), ("flat",), ("white",))

    def __init__(self, *finds: tuple[int, int, int, int, float]) -> None:
        super().__init__()
        self.finds = finds

    def forward(self, pictures: torch.Tensor) -> Seen:
        there, scale = torch.full((1, SLOTS, GRID, GRID), -9.0), torch.zeros(1, SLOTS, GRID, GRID)
        kind, colour = torch.zeros(1, 2, SLOTS, GRID, GRID), torch.zeros(1, 3, SLOTS, GRID, GRID)
        kind[:, 0] = 9
        for slot, row, column, of, extent in self.finds:
            there[0, slot, row, column], scale[0, slot, row, column] = 3.0, math.log(extent)
            colour[0, of, slot, row, column] = 9
        return Seen(there, kind, colour, torch.zeros(1, 2, SLOTS, GRID, GRID), scale, torch.ones(1, 1), torch.ones(1, 1))


@pytest.mark.parametrize(
    ("finds", "colours"),
    [
        (((1, 8, 8, 0, 0.4), (0, 8, 9, 0, 0.14)), ["red"]),  # a mark of its own colour
        (((1, 8, 8, 0, 0.4), (0, 8, 9, 1, 0.14)), ["red", "blue"]),  # another thing in front of it
        (((1, 8, 8, 0, 0.27), (0, 8, 8, 0, 0.24)), ["red"]),  # one thing, found in both slots
        (((0, 4, 4, 0, 0.2), (0, 4, 11, 0, 0.2)), ["red", "red"]),  # two things alike
    ],
)
def test_what_is_found_twice_is_one_thing_and_so_is_a_thing_with_its_marks(finds: Any, colours: list[str]) -> None:
    [reading] = Reader(Finds(*finds)).read([np.zeros((64, 64, 3), np.uint8)])  # type: ignore[arg-type]  # of its form
    assert sorted(str(thing.colour) for thing in reading.things) == sorted(colours)


def test_an_empty_setting_shows_no_things(reader: Reader) -> None:
    pictures = [np.full((64, 64, 3), level, np.uint8) for level in (252, 178)]
    assert [reading.things for reading in reader.read(pictures)] == [(), ()]


@pytest.mark.parametrize("shape", [(64, 64), (64, 32, 3), (16, 16, 3), (64, 64, 4)])
def test_what_is_no_picture_to_be_read_is_refused(reader: Reader, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="square, RGB and at least 32 px"):
        reader.read([np.zeros(shape, np.uint8)])


def test_hardly_a_render_that_it_never_saw_is_misread(reader: Reader) -> None:
    shares = right(reader, 80)
    assert shares["shipped world"] >= 0.95
    assert shares["shipped world, spoiled"] >= 0.9


def test_a_reading_is_right_only_where_everything_is(reader: Reader) -> None:
    sample = of_scene(RIGHT_OF, np.random.default_rng(0))
    [reading] = reader.read([sample.picture])
    assert is_right(reading, sample)
    assert not is_right(reading, sample._replace(setting="snow"))
    assert not is_right(reading, sample._replace(things=sample.things[:1]))
    first, second = sample.things
    assert not is_right(reading, sample._replace(things=(first._replace(colour="pink"), second)))


def test_samples_tell_what_they_show_and_hold_impostors_at_times() -> None:
    rng = np.random.default_rng(0)
    samples = [strewn(SMALL, rng) for _ in range(80)]
    things = [thing for sample in samples for thing in sample.things]
    assert {len(sample.things) for sample in samples} == {0, 1, 2, 3, 4}
    assert 0.05 < np.mean([thing.kind is None for thing in things]) < 0.3
    assert {thing.kind for thing in things} == {None, *SMALL.kinds}
