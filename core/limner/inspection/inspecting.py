"""Inspecting one file: everything that may lead to the record is asked, and what they say is compared.

A decoded mark is a look-up key and no proof: whoever has one copy can put its mark on to another picture. So a record that a
mark or credentials lead to is confirmed against the image that is kept, and where they differ, that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.errors import LimnerError, UsageError
from limner.generation import EncodedImage, Image
from limner.images.encoding import decode, first_frame, format_of, is_animated
from limner.images.fingerprint import fingerprint
from limner.images.likeness import alike
from limner.images.store import ImageStore
from limner.inspection import records
from limner.inspection.alteration import Comparison, compare
from limner.inspection.records import Standing
from limner.readings import ManifestReading, WatermarkReading

Lead = Literal["file", "manifest", "mark", "likeness"]
Verdict = Literal["agreement", "altered", "conflict", "unconfirmed", "unknown"]


@dataclass(frozen=True, slots=True)
class Found:
    """A record that something led to. `by` says what; `comparison` how the picture stands to the kept one, if there is one."""

    standing: Standing
    by: tuple[Lead, ...]
    comparison: Comparison | None = None

    @property
    def likely(self) -> bool:
        """False where a likeness alone led here, and looked at closely there is none."""
        return self.by != ("likeness",) or self.comparison is None or self.comparison.kind != "other"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen in a file. `problem` says what of its pixels was not looked at, and why.

    `verdict`: `agreement` where all leads meet in one image and the kept one shows the same, `altered` where parts of it were
    changed since or it was set into a larger picture, `conflict` where leads do not meet or the kept image shows something
    else, `unconfirmed` where the image was erased and cannot be compared, `unknown` where nothing leads to the record.
    """

    verdict: Verdict
    manifests: tuple[ManifestReading, ...] = ()
    marks: tuple[WatermarkReading, ...] = ()
    distance: int | None = None
    found: tuple[Found, ...] = ()
    conflicts: tuple[str, ...] = field(default_factory=tuple)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Readers:
    """What finds manifests in a file and marks in an image: the plugins do."""

    manifests: Callable[[EncodedImage], Sequence[ManifestReading]]
    marks: Callable[[Image], Sequence[WatermarkReading]]


def inspect(data: bytes, *, database: Database, images: ImageStore, readers: Readers) -> Inspection:
    """Everything that can be told of a file's origin. Raises UsageError if it is no PNG, JPEG or WEBP file."""
    format = format_of(data)
    if format is None:
        raise UsageError("the file is no image of a kind that can be inspected", fix="give a png, jpeg or webp file")
    image, problem = _decoded(data)
    manifests = tuple(readers.manifests(EncodedImage(data, format)))
    marks = tuple(readers.marks(image)) if image else ()
    near = alike(database, print_) if image and (print_ := fingerprint(image)) else ()
    leads: list[tuple[Lead, Sequence[Standing]]] = [("file", records.by_file(database, sha256_hex(data)))]
    leads += [("manifest", records.by_ids(database, manifest.request_id, manifest.index)) for manifest in manifests]
    leads += [("mark", records.by_mark(database, mark.mark_id)) for mark in marks]
    leads += [("likeness", records.by_ids(database, copy.request_id, copy.index)) for copy in near[:1]]
    compared = [_compared(one, image, database, images) for one in _gathered(leads)]
    found = tuple(one for one in compared if one.likely)
    conflicts = _conflicts(found, manifests, marks)
    return Inspection(
        _verdict(found, conflicts), manifests, marks, near[0].distance if near else None, found, conflicts, problem
    )


def _decoded(data: bytes) -> tuple[Image | None, str]:
    try:
        return first_frame(data), "it is animated, and only its first frame was looked at" if is_animated(data) else ""
    except UsageError as error:
        return None, f"its pixels cannot be looked at: {error.what}"


def _gathered(leads: Sequence[tuple[Lead, Sequence[Standing]]]) -> list[Found]:
    """Each record once, with all that led to it. What only looks alike does not count beside what something names."""
    met: dict[tuple[str, int], Found] = {}
    for lead, standings in leads:
        for standing in standings:
            key = (standing.request_id, standing.index)
            before = met.get(key, Found(standing, ()))
            if lead == "likeness" and met and key not in met:
                continue
            met[key] = replace(before, by=tuple(dict.fromkeys((*before.by, lead))))
    return list(met.values())


def _compared(found: Found, image: Image | None, database: Database, images: ImageStore) -> Found:
    if "file" in found.by:
        return replace(found, comparison=Comparison("same", part=1.0))
    if image is None or not found.standing.live:
        return found
    try:
        kept = decode(images.read(database, found.standing.image_id, as_reviewer=True))  # compared, not given out
    except LimnerError:
        return found
    return replace(found, comparison=compare(image, kept))


def _conflicts(
    found: Sequence[Found], manifests: Sequence[ManifestReading], marks: Sequence[WatermarkReading]
) -> tuple[str, ...]:
    others = [one for one in found if one.comparison and one.comparison.kind == "other"]
    said = [f"{_origin(one)} {_name(one)} was copied on to another picture" for one in others]
    if len(found) > 1:
        said.append("what is in it leads to different images: " + ", ".join(f"{_name(one)} by {_by(one)}" for one in found))
    read = {mark.mark_id for mark in marks}
    for manifest in manifests:
        if manifest.state == "invalid" and manifest.request_id:
            said.append("its content credentials do not hold: the file was changed after it was signed, or they were forged")
        if manifest.mark_id is not None and read and manifest.mark_id not in read:
            said.append("its content credentials name another mark than the one in its pixels")
    return tuple(said)


def _verdict(found: Sequence[Found], conflicts: Sequence[str]) -> Verdict:
    if conflicts:
        return "conflict"
    if not found:
        return "unknown"
    comparison = found[0].comparison
    if comparison is None:
        return "unconfirmed"
    return "agreement" if comparison.kind == "same" else "altered"


def _origin(found: Found) -> str:
    return "the mark of" if "mark" in found.by else "the content credentials of"


def _name(found: Found) -> str:
    return f"image {found.standing.index} of request {found.standing.request_id}"


def _by(found: Found) -> str:
    return " and ".join(found.by)
