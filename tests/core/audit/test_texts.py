from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select

from limner.audit.event import Event
from limner.audit.texts import Text, read_text
from limner.audit.writer import AuditWriter
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts


def test_a_text_is_stored_once_under_its_hash(database: Database, writer: AuditWriter, note: Callable[..., Event]) -> None:
    text = Text.of("policy", b"policy: standard")
    assert text.hash == sha256_hex(b"policy: standard")
    assert read_text(database, text.hash) is None
    writer.append([note()], [text.store, text.store]).result(30)
    writer.append([note()], [text.store]).result(30)
    assert read_text(database, text.hash) == b"policy: standard"
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(texts)) == 1
