"""Input files: read as strangers' files, and checked to be what the task needs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

from limner.errors import UsageError
from limner.generation import Input, Role, Task
from limner.images import inputs
from limner.images.inputs import check_inputs, load_input, read_input


def file(size: tuple[int, int] = (6, 4), colour: str = "white") -> bytes:
    written = BytesIO()
    PIL.Image.new("RGB", size, colour).save(written, "png")
    return written.getvalue()


def given(role: Role, size: tuple[int, int] = (6, 4), colour: str = "white") -> Input:
    return read_input(role, file(size, colour))


def test_an_input_has_its_pixels_its_file_and_the_files_hash() -> None:
    read = given("image", colour="red")
    assert read.image.pillow().getpixel((0, 0)) == (255, 0, 0)
    assert (read.file, read.sha256) == (file(colour="red"), hashlib.sha256(file(colour="red")).hexdigest())


def test_what_cannot_be_read_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not an image")
    for name, message in (("gone.png", "cannot be read: No such file"), ("notes.png", "no image of a kind")):
        with pytest.raises(UsageError, match=message) as raised:
            load_input("image", tmp_path / name)
        assert raised.value.where == str(tmp_path / name)


def test_a_file_that_is_too_large_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inputs, "MOST_BYTES", 10)
    (tmp_path / "big.png").write_bytes(b"x" * 11)
    with pytest.raises(UsageError, match="at most 10 bytes"):
        load_input("image", tmp_path / "big.png")


@pytest.mark.parametrize(
    ("task", "roles", "masked"),
    [
        ("generate", (), False),
        ("vary", ("image",), False),
        ("edit", ("mask", "image"), True),
        ("edit", ("image",), False),
        ("blend", ("image", "second"), False),
    ],
)
def test_what_a_task_needs_is_taken(task: Task, roles: tuple[Role, ...], masked: bool) -> None:
    check_inputs(task, [given(role) for role in roles], masked=masked)


@pytest.mark.parametrize(
    ("task", "roles", "masked"),
    [
        ("generate", ("image",), False),
        ("vary", (), False),
        ("vary", ("image", "image"), False),
        ("edit", ("image",), True),
        ("edit", ("image", "mask"), False),
        ("blend", ("image",), False),
    ],
)
def test_anything_else_is_refused(task: Task, roles: tuple[Role, ...], masked: bool) -> None:
    with pytest.raises(UsageError, match="the inputs are"):
        check_inputs(task, [given(role) for role in roles], masked=masked)


def test_a_mask_has_the_size_of_the_image_and_lets_something_change() -> None:
    with pytest.raises(UsageError, match="the mask has 5 x 4 pixels, the image 6 x 4"):
        check_inputs("edit", [given("image"), given("mask", (5, 4))], masked=True)
    with pytest.raises(UsageError, match="lets no pixel change"):
        check_inputs("edit", [given("image"), given("mask", colour="black")], masked=True)


def test_a_hash_that_is_not_the_files_never_reaches_the_record() -> None:
    for wrong in (replace(given("image"), sha256="0" * 64), replace(given("image"), file=b"")):
        with pytest.raises(UsageError, match="not the one of its hash"):
            check_inputs("vary", [wrong], masked=False)
