from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select

from limner.audit.event import Event
from limner.audit.texts import read_text, store_text
from limner.audit.writer import AuditWriter
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts


def test_a_text_is_stored_once_under_its_hash(database: Database, writer: AuditWriter, note: Callable[..., Event]) -> None:
    hash, change = store_text("policy", b"policy: standard")
    assert hash == sha256_hex(b"policy: standard")
    assert read_text(database, hash) is None
    writer.append([note()], [change, store_text("policy", b"policy: standard")[1]]).result(30)
    writer.append([note()], [change]).result(30)
    assert read_text(database, hash) == b"policy: standard"
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(texts)) == 1
