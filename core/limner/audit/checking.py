"""Verifying the record in the database against the heads outside it, and with it the texts and tables that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, select

from limner.audit.agreement import disagreements
from limner.audit.outside import HeadFolder
from limner.audit.stored import take_stored_rows
from limner.audit.verifier import Finding, Head, Key, Log, Report, missing_texts
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts


def verify_database(database: Database, folder: HeadFolder, keys: Sequence[Key], further: Sequence[Head] = ()) -> Report:
    """Check the whole record against the heads in `folder`, their leaf hashes, and `further` heads that somebody kept.

    Raises AuditError if the heads cannot be read, or the database does not answer.
    """
    heads = [*folder.heads(), *further]  # read before the rows: a head that comes later may be of rows that came later
    attested = folder.hashes()[: max((head.size for head in heads), default=0)]
    with database.snapshot() as connection:
        log = Log(heads)
        take_stored_rows(connection, log.take)
        report = log.report(keys, attested or None)
        report.findings += [*_wrong_texts(connection, report.texts.by_hash()), *disagreements(connection)]
    return report


def _wrong_texts(connection: Connection, named: Mapping[str, int]) -> Iterator[Finding]:
    """Texts that are not of their hash, and those that an event names and that are not there."""
    missing = dict(named)
    for hash, kind, text in connection.execute(select(texts.c.hash, texts.c.kind, texts.c.text)):
        if not isinstance(text, bytes) or sha256_hex(text) != hash:
            yield Finding("changed", f"the {kind} text of hash {hash[:16]}… is another")
        missing.pop(hash, None)
    yield from missing_texts(missing)
