"""What an erasure or a hold is about: a subject, a request, or an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from limner.audit.reading import SHORTEST_ID, named
from limner.database.tables import images, subjects
from limner.errors import UsageError
from limner.keys import Keys

Kind = Literal["subject", "request", "image"]


@dataclass(frozen=True, slots=True)
class Scope:
    """`target` is the subject's pseudonym, or the id of the request or image; `request_id` is empty for a subject."""

    kind: Kind
    target: str
    request_id: str = ""


def find_scope(connection: Connection, keys: Keys, kind: Kind, name: str) -> Scope:
    """The scope of this name: the subject's own (`local:ada`) or its pseudonym, the request's id, the image's id.

    An id may be given by how it begins. Raises UsageError if nothing of this name is on the record, or several begin so.
    """
    if kind == "request":
        id, _ = named(connection, name)
        return Scope("request", id, id)
    if kind == "image":
        return _image(connection, name)
    is_it = (subjects.c.lookup == keys.lookup(name)) | (subjects.c.pseudonym == name)
    found = connection.execute(select(subjects.c.pseudonym).where(is_it)).first()
    if found is None:
        raise _unknown(kind, name)
    return Scope("subject", found[0])


def _image(connection: Connection, name: str) -> Scope:
    if (found := find_image(connection, name)) is None:
        raise _unknown("image", name)
    return found


def find_image(connection: Connection, name: str) -> Scope | None:
    """The image of this id, or of the one that begins so; None if none does. Raises UsageError if several do."""
    begins = images.c.id.startswith(name, autoescape=True) if len(name) >= SHORTEST_ID else images.c.id == name
    found = connection.execute(select(images.c.id, images.c.request_id).where(begins).limit(2)).all()
    if len(found) > 1:
        raise UsageError(f"several images begin with {name!r}", fix="give more of the id; `limner audit show` has it whole")
    return Scope("image", found[0][0], found[0][1]) if found else None


def _unknown(kind: Kind, name: str) -> UsageError:
    return UsageError(f"no {kind} {name!r} is on the record", fix="`limner audit list` and `limner audit show` tell the ids")
