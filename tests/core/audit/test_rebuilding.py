from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import PIL.Image
import pytest
from sqlalchemy import update

from limner.audit import reading
from limner.audit.rebuilding import rebuild
from limner.audit.writer import AuditWriter
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import payloads, subjects
from limner.errors import AuditError
from limner.generation import Image, Request
from limner.images.encoding import encode
from limner.images.inputs import read_input
from limner.keys import Keys

Accept = Callable[..., Request]


def test_a_recorded_request_comes_back_as_it_was_but_for_its_id(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    asked = accept("r1", prompt="a red \udcff circle", negative_prompt="blue", n=3, seed=2**32 - 1, output_format="webp")
    rebuilt = rebuild(reading.request(database, keys, "r1"), read_input=read_input)
    assert rebuilt.id != "r1"
    assert replace(rebuilt, id="r1", parameters={}) == asked
    assert rebuilt.parameters == {"guidance_scale": 4.0}


def test_one_image_of_several_has_its_own_seed(database: Database, keys: Keys, writer: AuditWriter, accept: Accept) -> None:
    accept("r1", n=3, seed=2**32 - 1)
    record = reading.request(database, keys, "r1")
    assert [(one.n, one.seed) for one in (rebuild(record, read_input=read_input, index=index) for index in range(3))] == [
        (1, 2**32 - 1),
        (1, 0),
        (1, 1),
    ]
    with pytest.raises(AuditError, match="no image 3"):
        rebuild(record, read_input=read_input, index=3)


def test_inputs_are_read_from_the_files_on_the_record(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    file = encode(Image(PIL.Image.new("RGB", (2, 2), "red")), "png").data
    accept("r1", inputs=(read_input("image", file),))
    [given] = rebuild(reading.request(database, keys, "r1"), read_input=read_input).inputs
    assert (given.role, given.file, given.sha256) == ("image", file, sha256_hex(file))
    assert given.image.pillow().getpixel((1, 1)) == (255, 0, 0)
    with database.writing() as connection:
        connection.execute(update(payloads).where(payloads.c.name == "input.image").values(wrapped_key=None, sealed=None))
    with pytest.raises(AuditError, match="its input image is erased"):
        rebuild(reading.request(database, keys, "r1"), read_input=read_input)


def test_what_was_erased_is_not_made_up(database: Database, keys: Keys, writer: AuditWriter, accept: Accept) -> None:
    accept("r1")
    with database.writing() as connection:
        connection.execute(update(payloads).values(wrapped_key=None, sealed=None))
    with pytest.raises(AuditError, match="prompt is erased"):
        rebuild(reading.request(database, keys, "r1"), read_input=read_input)
    with database.writing() as connection:
        connection.execute(update(subjects).values(lookup=None, name=None, wrapped_key=None))
    with pytest.raises(AuditError, match="whoever asked has been erased"):
        rebuild(reading.request(database, keys, "r1"), read_input=read_input)
