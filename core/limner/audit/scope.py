"""What an erasure or a hold is about: a subject, a request, or an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from limner.database.tables import images, requests, subjects
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

    Raises UsageError if nothing of this name is on the record.
    """
    if kind == "subject":
        is_it = (subjects.c.lookup == keys.lookup(name)) | (subjects.c.pseudonym == name)
        found = connection.execute(select(subjects.c.pseudonym).where(is_it)).first()
        scope = Scope("subject", found[0]) if found else None
    elif kind == "request":
        found = connection.execute(select(requests.c.id).where(requests.c.id == name)).first()
        scope = Scope("request", name, name) if found else None
    else:
        found = connection.execute(select(images.c.request_id).where(images.c.id == name)).first()
        scope = Scope("image", name, found[0]) if found else None
    if scope is None:
        raise UsageError(f"no {kind} {name!r} is on the record", fix="`limner audit list` and `limner audit show` tell the ids")
    return scope
