"""Verifying the record in the database against the heads outside it, and with it the texts and tables that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from limner.audit.agreement import disagreements
from limner.audit.outside import HeadFolder
from limner.audit.verifier import Finding, Head, Key, Report, Row, verify_log
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import events, texts

PAGE = 5_000  # rows fetched at once
COLUMNS = (
    events.c.index,
    events.c.id,
    events.c.request_id,
    events.c.kind,
    events.c.version,
    events.c.time,
    events.c.canonical,
    events.c.leaf_hash,
)


def verify_database(database: Database, folder: HeadFolder, keys: Sequence[Key], further: Sequence[Head] = ()) -> Report:
    """Check the whole record against the heads in `folder`, their leaf hashes, and `further` heads that somebody kept.

    Raises AuditError if the heads cannot be read, or the database does not answer.
    """
    heads = [*folder.heads(), *further]  # read before the rows: a head that comes later may be of rows that came later
    attested = folder.hashes()[: max((head.size for head in heads), default=0)]
    with database.snapshot() as connection:
        report = verify_log(stored_rows(connection), heads, keys, attested=attested or None)
        report.findings += [*_wrong_texts(connection), *disagreements(connection)]
    return report


def stored_rows(connection: Connection, first: int | None = None) -> Iterator[Row]:
    """The events in the order of their indexes, as they are stored; none that come after the first page was asked for."""
    last = connection.scalar(select(func.max(events.c.index)))
    if last is None:
        return
    page = select(*COLUMNS).where(events.c.index <= last).order_by(events.c.index).limit(PAGE)
    rows: Sequence[Row] = connection.execute(page if first is None else page.where(events.c.index >= first)).all()  # type: ignore[assignment]
    while rows:
        yield from map(Row._make, rows)
        rows = connection.execute(page.where(events.c.index > rows[-1][0])).all()  # type: ignore[assignment]


def _wrong_texts(connection: Connection) -> list[Finding]:
    return [
        Finding("changed", f"the {kind} text of hash {hash[:16]}… is another")
        for hash, kind, text in connection.execute(select(texts.c.hash, texts.c.kind, texts.c.text))
        if not isinstance(text, bytes) or sha256_hex(text) != hash
    ]
