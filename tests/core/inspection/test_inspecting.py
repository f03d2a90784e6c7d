from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from pictures import clouds, scene
from PIL.ImageFilter import GaussianBlur
from sqlalchemy import select
from tests.core.inspection.conftest import SIDE, Made

from limner.app import App
from limner.audit.erasing import erase
from limner.audit.reading import request
from limner.audit.scope import find_scope
from limner.database.tables import images
from limner.errors import UsageError
from limner.generation import Image
from limner.images.encoding import encode
from limner.images.fingerprint import fingerprint
from limner.images.likeness import AddFingerprint, RemoveFingerprints, alike
from limner.inspection import Inspection, inspect, told
from limner.inspection.inspecting import Readers
from limner.review import matching, recall

Look = Callable[..., Inspection]


@pytest.fixture
def look(app: App) -> Look:
    """Inspects bytes, or a picture saved as PNG."""

    def inspected(given: bytes | PIL.Image.Image, *, marks: bool = True) -> Inspection:
        readers = Readers(app.read_manifests, app.read_marks if marks else lambda image: ())
        data = given if isinstance(given, bytes) else file(given)
        return inspect(data, database=app.database, images=app.images, readers=readers)

    return inspected


def file(picture: PIL.Image.Image, format: str = "PNG", **options: Any) -> bytes:
    saved = io.BytesIO()
    picture.save(saved, format, **options)
    return saved.getvalue()


def image_id(app: App, made: Made) -> str:
    with app.database.reading() as connection:
        return str(connection.scalar(select(images.c.id).where(images.c.request_id == made.request_id)))


def test_what_was_delivered_is_known_by_everything_in_it(look: Look, made: Made):
    seen = look(made.data)
    assert (seen.verdict, seen.conflicts, seen.distance) == ("agreement", (), 0)
    [found] = seen.found
    assert found.by == ("file", "manifest", "mark", "likeness")
    assert (found.standing.request_id, found.standing.index, found.standing.state) == (made.request_id, 0, "released")
    assert (found.standing.policy, found.standing.mark_id) == ("house", made.mark_id)
    assert seen.manifests[0].state == "trusted"


def test_the_hash_of_the_manifest_is_on_the_record(app: App, made: Made):
    [outcome] = [e for e in request(app.database, app.keys, made.request_id).events if e.kind == "image.outcome"]
    assert made.manifest_sha256
    assert outcome.body["file"]["manifest_sha256"] == made.manifest_sha256


STRIPPED = [kept for count in (1, 2, 3) for kept in itertools.combinations(("manifest", "mark", "likeness"), count)]


@pytest.mark.parametrize("kept", STRIPPED, ids="+".join)
def test_any_of_manifest_mark_and_likeness_is_enough(app: App, look: Look, made: Made, kept: tuple[str, ...]):
    data = made.data if "manifest" in kept else encode(made.image, "png").data
    id = image_id(app, made)
    [likeness] = [copy for copy in alike(app.database, 0, within=64, limit=99) if copy.image_id == id]
    if "likeness" not in kept:
        app.writer.append([], [RemoveFingerprints([id])]).result(30)
    try:
        seen = look(data, marks="mark" in kept)
    finally:
        if "likeness" not in kept:
            app.writer.append([], [AddFingerprint(likeness.image_id, fingerprint(made.image))]).result(30)
    [found] = seen.found
    assert found.standing.request_id == made.request_id
    assert set(found.by) - {"file"} == set(kept)
    assert seen.verdict == "agreement"


def test_copies_as_people_make_them_lead_back(look: Look, made: Made):
    picture = made.image.pillow()
    for copy in (
        file(picture, "JPEG", quality=60),
        file(picture.resize((SIDE // 2, SIDE // 2), PIL.Image.Resampling.LANCZOS)),
        file(picture.crop((7, 11, 247, 251))),
        file(picture.filter(GaussianBlur(6))),
    ):
        seen = look(copy)
        assert [found.standing.request_id for found in seen.found] == [made.request_id]
        assert seen.verdict == "agreement", seen.conflicts


def test_a_picture_that_was_altered_is_called_that_and_where(look: Look, made: Made):
    picture = made.image.pillow().copy()
    PIL.ImageDraw.Draw(picture).rectangle((200, 20, 232, 52), "white")
    seen = look(picture)
    assert [found.standing.request_id for found in seen.found] == [made.request_id]
    assert (seen.verdict, seen.conflicts) == ("altered", ())
    first, *others = told(seen)
    assert first == "ALTERED: made here, and changed since"
    assert any("it shows the image that was made, but for 1." in line and "altered within x 1" in line for line in others)


def test_a_part_is_told_to_be_one(look: Look, made: Made):
    seen = look(made.image.pillow().crop((7, 11, 247, 251)))
    assert seen.verdict == "agreement"
    assert any(line.endswith("it shows the image that was made, 88% of it") for line in told(seen))


def test_what_looks_alike_by_its_fingerprint_alone_and_is_another_picture_leads_nowhere(look: Look, made: Made, app: App):
    [likeness] = [copy for copy in alike(app.database, 0, within=64, limit=99) if copy.image_id == image_id(app, made)]
    app.writer.append([], [RemoveFingerprints([likeness.image_id])]).result(30)
    app.writer.append([], [AddFingerprint(likeness.image_id, fingerprint(Image(scene(SIDE))))]).result(30)
    try:
        assert look(scene(SIDE), marks=False).verdict == "unknown"
    finally:
        app.writer.append([], [RemoveFingerprints([likeness.image_id])]).result(30)
        app.writer.append([], [AddFingerprint(likeness.image_id, fingerprint(made.image))]).result(30)


def test_a_mark_copied_on_to_a_foreign_image_is_called_that(look: Look, made: Made):
    mark = np.asarray(made.image.pillow(), float) - np.asarray(clouds(1, SIDE), float)
    foreign = np.clip(np.asarray(scene(SIDE), float) + 2 * mark, 0, 255).astype(np.uint8)
    seen = look(PIL.Image.fromarray(foreign))
    assert [mark.mark_id for mark in seen.marks] == [made.mark_id]
    assert seen.verdict == "conflict"
    assert seen.conflicts == (f"the mark of image 0 of request {made.request_id} was copied on to another picture",)


def test_credentials_moved_to_another_file_do_not_hold(look: Look, made: Made, another: Made):
    """The chunk that holds the manifest, cut out of one PNG and put into another."""
    at = made.data.index(b"caBX") - 4
    length = int.from_bytes(made.data[at : at + 4], "big") + 12
    other = encode(another.image, "png").data
    moved = other[:33] + made.data[at : at + length] + other[33:]
    seen = look(moved)
    assert seen.verdict == "conflict"
    said = " ".join(seen.conflicts)
    assert "credentials do not hold" in said
    assert "name another mark" in said
    assert f"the content credentials of image 0 of request {made.request_id} was copied" in said


def test_what_was_never_made_here_is_unknown(look: Look):
    seen = look(scene(SIDE))
    assert (seen.verdict, seen.found, seen.marks, seen.manifests) == ("unknown", (), (), ())
    assert told(seen)[0] == "nothing in it leads to this record"


def test_an_erased_image_says_when_it_was_made_and_why_it_was_erased(app: App, look: Look, another: Made):
    with app.database.reading() as connection:
        scope = find_scope(connection, app.keys, "image", image_id(app, another))
    erase(app.database, app.writer, scope, actor="local:ada", reason="asked by the person shown", forget=app.images.forget)
    for copy, marks in ((another.data, False), (encode(another.image, "png").data, True)):
        seen = look(copy, marks=marks)
        assert seen.verdict == ("unconfirmed" if marks else "agreement")
        [found] = seen.found
        assert found.standing.erasure is not None
        assert found.standing.erasure.reason == "asked by the person shown"
        day = found.standing.time[:10]
        headline = f"made here on {day} under policy house, erased on {day} (asked by the person shown); "
        compared = "there is no image left to compare it with" if marks else "everything in it agrees"
        assert told(seen)[0] == headline + compared


def test_a_recalled_image_says_when_it_was_made_and_why_it_was_recalled(app: App, look: Look, another: Made):
    recall(app.writer, matching(app.database, [another.request_id]), actor="local:ada", reason="a likeness")
    seen = look(encode(another.image, "png").data)
    [found] = seen.found
    assert (seen.verdict, found.standing.state) == ("agreement", "recalled")
    day = found.standing.time[:10]
    told_first = f"made here on {day} under policy house, recalled on {day} (a likeness); everything in it agrees"
    assert told(seen)[0] == told_first
    assert any(line.strip().startswith("recalled 20") and line.endswith(": a likeness") for line in told(seen)[1:])


def test_orientation_kept_in_exif_is_followed(look: Look, made: Made):
    turned = made.image.pillow().transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: upright again
    seen = look(file(turned, "JPEG", quality=95, exif=exif))
    assert seen.verdict == "agreement"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (file(clouds(9, 64), "JPEG")[:700], "damaged or cut short"),
        (file(clouds(9, 64))[:2000], "damaged or cut short"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\x01\0\0\x08\x02\0\0\0" + b"\0" * 40, ""),
        (b"RIFF\x10\0\0\0WEBPVP8L\x04\0\0\0/\xff\xff\xff\x0f" + b"\0" * 40, "pixels"),
    ],
    ids=["cut JPEG", "cut PNG", "giant PNG", "giant WEBP"],
)
def test_pixels_that_cannot_be_looked_at_are_said_to_be(look: Look, data: bytes, problem: str):
    seen = look(data)
    assert seen.verdict == "unknown"
    assert seen.problem
    assert problem in seen.problem
    assert seen.problem in "\n".join(told(seen))


@pytest.mark.parametrize(
    "picture",
    [
        PIL.Image.new("RGB", (1, 1)),
        PIL.Image.new("I;16", (40, 40), 30000),
        clouds(9, 64).convert("P"),
        PIL.Image.new("1", (9, 1)),
    ],
    ids=["one pixel", "16 bits", "palette", "bilevel"],
)
def test_odd_images_are_looked_at(look: Look, picture: PIL.Image.Image):
    seen = look(picture)
    assert (seen.problem, seen.marks) == ("", ())


def test_a_copy_in_the_colours_of_print_leads_back(look: Look, made: Made):
    seen = look(file(made.image.pillow().convert("CMYK"), "JPEG", quality=90))
    assert (seen.verdict, seen.problem, [mark.mark_id for mark in seen.marks]) == ("agreement", "", [made.mark_id])


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_looked_at_and_that_is_said(look: Look, made: Made, format: str):
    seen = look(file(made.image.pillow(), format, save_all=True, append_images=[clouds(8, SIDE)]))
    assert (seen.verdict, [mark.mark_id for mark in seen.marks]) == ("agreement", [made.mark_id])
    assert "only its first frame was looked at" in "\n".join(told(seen))


def test_a_file_that_is_no_image_is_refused(look: Look):
    with pytest.raises(UsageError, match="no image"):
        look(b"GIF89a")
