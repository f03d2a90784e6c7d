"""webdataset tars: pictures beside their captions, and every broken or missing part told with its tar and sample."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from limner import ConfigurationError, InvalidFile
from limner_unclip.training.data.tars import tar_source


def png(colour: tuple[int, int, int] | int) -> bytes:
    file = BytesIO()
    PIL.Image.new("L" if isinstance(colour, int) else "RGB", (10, 10), colour).save(file, "PNG")
    return file.getvalue()


def write(path: Path, **members: bytes) -> str:
    """A tar with members by name; `__` in a name stands for the dot."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return str(path)


@pytest.fixture
def tars(tmp_path: Path) -> str:
    write(
        tmp_path / "0.tar", a__png=png((200, 0, 0)), a__txt=b"a red block\n", b__png=png((0, 200, 0)), b__txt=b"a green block"
    )
    write(tmp_path / "1.tar", a__jpg=png((0, 0, 200)), a__json=json.dumps({"text": ["a blue block", "a block"]}).encode())
    return str(tmp_path / "*.tar")


def problems(pattern: str) -> str:
    with pytest.raises(InvalidFile) as caught:
        tar_source(pattern, held_out=0.0, convert=False)
    return str(caught.value)


def test_pictures_come_with_their_own_captions_out_of_all_tars(tars: str):
    source = tar_source(tars, held_out=0.0, convert=False)
    drawn = source.draw(np.random.default_rng(0), 10, 4)
    told = {tuple(picture[0, 0].tolist()): texts[0] for picture, texts in zip(drawn.pictures, drawn.captions, strict=True)}
    assert told == {(200, 0, 0): "a red block", (0, 200, 0): "a green block", (0, 0, 200): "a blue block"}
    assert source.words() == ["a", "block", "blue", "green", "red"]
    assert source.described().startswith("3 captioned pictures from 2 tars")


def test_what_is_held_out_is_not_trained_on(tars: str):
    source = tar_source(tars, held_out=0.4, convert=False)
    held_out = source.draw(np.random.default_rng(0), 10, 4, held_out=True).captions
    training = source.draw(np.random.default_rng(0), 10, 4).captions
    assert (len(held_out), len(training)) == (1, 2)
    assert held_out[0][0] not in {texts[0] for texts in training}


def test_faulty_samples_are_told_by_tar_and_name(tmp_path: Path):
    write(
        tmp_path / "0.tar",
        alone__png=png((0, 0, 0)),
        said__txt=b"a block",
        grey__png=png(7),
        grey__txt=b"a grey block",
        torn__png=b"not a picture",
        torn__txt=b"a block",
        empty__png=png((0, 0, 0)),
        empty__txt=b" ",
        odd__png=png((0, 0, 0)),
        odd__json=b"[]",
    )
    told = problems(str(tmp_path / "*.tar"))
    for name, what in {
        "alone": "is a picture without a caption",
        "said": "is a caption without a picture",
        "grey": "has 1 channel (L)",
        "torn": "is not a picture that can be read",
        "empty": "needs a caption",
        "odd": "needs a caption",
    }.items():
        assert f"{tmp_path / '0.tar'}: {name}: {what}" in told


@pytest.mark.parametrize("kept", [0, 700, 1300, 4000])
def test_a_tar_that_is_cut_off_is_named(tmp_path: Path, kept: int):
    path = tmp_path / "0.tar"
    write(path, a__png=png((0, 0, 0)), a__txt=b"a block", b__png=png((0, 0, 0)), b__txt=b"a block")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ConfigurationError, match="the tar is broken") as caught:
        tar_source(str(path), held_out=0.0, convert=False)
    assert caught.value.where == str(path)


def test_a_glob_without_tars_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="no tar matches"):
        tar_source(str(tmp_path / "*.tar"), held_out=0.0, convert=False)
