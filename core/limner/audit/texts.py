"""Texts that records refer to by hash: pipelines, policy bundles, lists of plugins. Each is stored once, at its first use."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select

from limner.audit.log import Change
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts

_KNOWN = select(texts.c.hash).where(texts.c.hash == bindparam("wanted"))


def store_text(kind: str, text: bytes) -> tuple[str, Change]:
    """The text's hash (hex SHA-256), and the change that stores it unless it is there; commit it with the event that uses it.

    `kind` is `pipeline`, `policy` or `plugins`.
    """
    hash = sha256_hex(text)

    def store(connection: Connection) -> None:
        if connection.scalar(_KNOWN, {"wanted": hash}) is None:
            connection.execute(insert(texts), {"hash": hash, "kind": kind, "text": text})

    return hash, store


def read_text(database: Database, hash: str) -> bytes | None:
    """The text of this hash, or None."""
    with database.reading() as connection:
        return connection.scalar(select(texts.c.text).where(texts.c.hash == hash))


def find_texts(database: Database, kind: str, prefix: str) -> tuple[bytes, ...]:
    """The texts of a kind whose hash begins so, in the order of their hashes."""
    query = select(texts.c.text).where(texts.c.kind == kind, texts.c.hash.startswith(prefix, autoescape=True))
    with database.reading() as connection:
        return tuple(connection.scalars(query.order_by(texts.c.hash)))
