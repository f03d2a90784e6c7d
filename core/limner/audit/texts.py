"""Texts that records refer to by hash: pipelines, policy bundles, lists of plugins. Each is stored once, at its first use."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, select

from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts

_KNOWN = select(texts.c.hash).where(texts.c.hash == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a record refers to, with its `kind`: `pipeline`, `policy` or `plugins`. `hash` is its hex SHA-256."""

    kind: str
    hash: str
    text: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, kind: str, text: bytes) -> Text:
        """The text with its hash."""
        return cls(kind, sha256_hex(text), text)

    def store(self, connection: Connection) -> None:
        """The change that stores it unless it is there; commit it with the event that uses it."""
        if connection.scalar(_KNOWN, {"wanted": self.hash}) is None:
            connection.execute(insert(texts), {"hash": self.hash, "kind": self.kind, "text": self.text})


def read_text(database: Database, hash: str) -> bytes | None:
    """The text of this hash, or None."""
    with database.reading() as connection:
        return connection.scalar(select(texts.c.text).where(texts.c.hash == hash))


def find_texts(database: Database, kind: str, prefix: str) -> tuple[bytes, ...]:
    """The texts of a kind whose hash begins so, in the order of their hashes."""
    query = select(texts.c.text).where(texts.c.kind == kind, texts.c.hash.startswith(prefix, autoescape=True))
    with database.reading() as connection:
        return tuple(connection.scalars(query.order_by(texts.c.hash)))
