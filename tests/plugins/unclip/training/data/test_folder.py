"""A folder of pictures with a metadata.jsonl: read as it is, and every mistake told with its file and line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from limner import ConfigurationError, InvalidFile
from limner_unclip.training.data.folder import folder_source

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


def write(folder: Path, rows: list[object], **pictures: PIL.Image.Image) -> Path:
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    (folder / "metadata.jsonl").write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return folder


def plain(colour: str, size: tuple[int, int] = (20, 20)) -> PIL.Image.Image:
    return PIL.Image.new("RGB", size, COLOURS[colour])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows: list[object] = [
        {"file_name": "red.png", "text": ["a red block", "a block"]},
        {"file_name": "green.png", "text": "a Green block"},
        {"file_name": "blue.png", "text": "one block, blue!"},
    ]
    return write(tmp_path, rows, **{colour: plain(colour) for colour in COLOURS})


def problems(folder: Path, convert: bool = False) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        folder_source(folder, held_out=0.0, convert=convert)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_pictures_come_with_their_own_captions(folder: Path):
    drawn = folder_source(folder, held_out=0.0, convert=False).draw(np.random.default_rng(0), 10, 8)
    assert drawn.pictures.shape == (3, 8, 8, 3)
    told = {tuple(picture[4, 4].tolist()): captions for picture, captions in zip(drawn.pictures, drawn.captions, strict=True)}
    assert told[COLOURS["red"]] == ["a red block", "a block"]
    assert told[COLOURS["blue"]] == ["one block, blue!"] * 2
    assert drawn.shown.shape == (3, 0)


def test_words_are_those_of_all_captions(folder: Path):
    assert folder_source(folder, held_out=0.3, convert=False).words() == ["a", "block", "blue", "green", "one", "red"]


def test_a_draw_follows_from_its_generator_and_takes_no_more_than_asked(folder: Path):
    source = folder_source(folder, held_out=0.0, convert=False)
    first, again = (source.draw(np.random.default_rng(1), 2, 8) for _ in range(2))
    assert np.array_equal(first.pictures, again.pictures)
    assert len(first.pictures) == 2


def test_what_is_held_out_is_never_drawn_to_train_on_and_never_changes(folder: Path):
    source = folder_source(folder, held_out=0.3, convert=False)
    [held_out] = source.draw(np.random.default_rng(0), 10, 8, held_out=True).captions
    training = source.draw(np.random.default_rng(0), 10, 8).captions
    assert len(training) == 2
    assert held_out not in training
    (folder / "metadata.jsonl").write_text("\n".join(reversed((folder / "metadata.jsonl").read_text().splitlines())))
    again = folder_source(folder, held_out=0.3, convert=False)
    assert again.draw(np.random.default_rng(0), 10, 8, held_out=True).captions == [held_out]
    assert again.described() == source.described()


def test_the_middle_of_a_picture_that_is_no_square_is_taken(tmp_path: Path):
    wide = plain("red", (40, 20))
    wide.paste(COLOURS["blue"], (10, 0, 30, 20))
    write(tmp_path, [{"file_name": "wide.png", "text": "a blue block"}], wide=wide)
    drawn = folder_source(tmp_path, held_out=0.0, convert=False).draw(np.random.default_rng(0), 1, 4)
    assert (drawn.pictures == COLOURS["blue"]).all()


def test_all_mistakes_are_told_with_their_lines(tmp_path: Path):
    rows: list[object] = [
        {"file_name": "red.png", "text": "a red block"},
        "{not json",
        {"file_name": "gone.png", "text": "a block"},
        {"file_name": "green.png", "text": "  "},
        {"text": "a block"},
        {"file_name": "red.png", "text": "again"},
        {"file_name": "grey.png", "text": "a grey block"},
    ]
    write(tmp_path, rows, red=plain("red"), green=plain("green"), grey=PIL.Image.new("L", (9, 9)), alone=plain("blue"))
    (tmp_path / "text.jpg").write_text("not a picture")
    told = "\n".join(problems(tmp_path))
    for expected in (
        "alone.png: has no caption",
        "text.jpg: has no caption",
        "metadata.jsonl:2:1: is not JSON: Expecting property name",
        "metadata.jsonl:3:1: there is no picture gone.png",
        "metadata.jsonl:4:1: green.png needs a caption",
        "metadata.jsonl:5:1: has no file_name",
        "metadata.jsonl:6:1: red.png stands twice",
        "metadata.jsonl:7:1: grey.png has 1 channel (L), not the three of RGB",
    ):
        assert expected in told


def test_other_colour_modes_are_converted_where_that_is_asked(tmp_path: Path):
    clear = PIL.Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    grey = PIL.Image.new("L", (8, 8), 77)
    rows: list[object] = [{"file_name": f"{name}.png", "text": name} for name in ("clear", "grey")]
    write(tmp_path, rows, clear=clear, grey=grey)
    assert len(problems(tmp_path)) == 2
    drawn = folder_source(tmp_path, held_out=0.0, convert=True).draw(np.random.default_rng(0), 2, 4)
    shown = {texts[0]: picture[0, 0].tolist() for texts, picture in zip(drawn.captions, drawn.pictures, strict=True)}
    assert shown == {"clear": [255, 255, 255], "grey": [77, 77, 77]}


def test_a_picture_broken_behind_its_header_is_told_when_it_is_read(folder: Path):
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    noise.save(folder / "red.png")
    (folder / "red.png").write_bytes((folder / "red.png").read_bytes()[:3000])
    source = folder_source(folder, held_out=0.0, convert=False)
    with pytest.raises(ConfigurationError, match="the picture is broken") as caught:
        source.draw(np.random.default_rng(0), 3, 8)
    assert caught.value.where == str(folder / "red.png")


def test_of_many_mistakes_the_first_are_told_and_the_rest_counted(tmp_path: Path):
    write(tmp_path, [{"file_name": f"{i}.png", "text": "a"} for i in range(50)])
    told = problems(tmp_path)
    assert len(told) == 21
    assert "and 30 more mistakes like these" in "".join(told)


def test_a_folder_without_metadata_or_pictures_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"metadata.jsonl: cannot be read"):
        folder_source(tmp_path, held_out=0.0, convert=False)
    write(tmp_path, [])
    with pytest.raises(ConfigurationError, match="holds no captioned picture"):
        folder_source(tmp_path, held_out=0.0, convert=False)


def test_too_few_pictures_to_hold_any_out_are_refused(tmp_path: Path):
    write(tmp_path, [{"file_name": "red.png", "text": "a"}], red=plain("red"))
    with pytest.raises(ConfigurationError, match="too few pictures to hold any out"):
        folder_source(tmp_path, held_out=0.5, convert=False)
    with pytest.raises(ConfigurationError, match="no picture is held out"):
        folder_source(tmp_path, held_out=0.0, convert=False).draw(np.random.default_rng(0), 1, 8, held_out=True)
