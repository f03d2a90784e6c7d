"""The events as they are stored, read from the first to the last as fast as the database gives them.

Verifying reads every one of them. From SQLite a page of rows comes quickly as it is; PostgreSQL is asked for a copy in its
binary format, which is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error

from sqlalchemy import ColumnElement, Connection, func, select

from limner.audit.verifier import Row
from limner.database.tables import events

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

# PostgreSQL's binary COPY: a header, the rows, and -1 where the next would begin; a row is the number of its fields, and each
# of them its length and its bytes. Those of fixed length come first.
COPIED = (events.c.index, events.c.version, *(column for column in COLUMNS if column.name not in ("index", "version")))
HEADER = 19  # bytes
BEGINNING = Struct(">hiqii")  # how many fields; the index and the version, each after its length
LENGTHS = (len(COPIED), 8, 4)
VARIABLE = len(COPIED) - 2  # fields
LENGTH = Struct(">i")
END = b"\xff\xff"


def stored_rows(connection: Connection, first: int | None = None) -> Iterator[Row]:
    """The events in the order of their indexes, as they are stored; none that come after the first page was asked for."""
    last = connection.scalar(select(func.max(events.c.index)))
    if last is None:
        return
    rows = _page(connection, events.c.index <= last if first is None else events.c.index.between(first, last))
    while rows:
        yield from rows
        rows = _page(connection, events.c.index.between(rows[-1].index + 1, last))


def _page(connection: Connection, where: ColumnElement[bool]) -> list[Row]:
    if connection.dialect.name == "postgresql":
        from limner.database.postgresql import copied  # pg8000 may not be installed

        try:
            return _decoded(copied(connection, select(*COPIED).where(where).order_by(events.c.index).limit(PAGE)))
        except (ValueError, error):
            pass  # somebody changed the columns' types behind our back: what they hold now is read, and found to be changed
    return [Row._make(row) for row in connection.execute(select(*COLUMNS).where(where).order_by(events.c.index).limit(PAGE))]


def _decoded(data: bytes) -> list[Row]:
    """The rows of a copy. Raises ValueError or struct.error where they are of other types than ours."""
    rows, at, make, length = [], HEADER, Row._make, LENGTH.unpack_from  # looked up once: there may be millions of rows
    while data[at : at + len(END)] != END:
        fields, index_length, index, version_length, version = BEGINNING.unpack_from(data, at)
        if (fields, index_length, version_length) != LENGTHS:
            raise ValueError("the fields are not those that were asked for")
        at += BEGINNING.size
        found = []
        for _ in range(VARIABLE):
            start = at + LENGTH.size
            at = start + length(data, at)[0]
            if at < start:
                raise ValueError("a field has no value")
            found.append(data[start:at])
        id, request, kind, time, canonical, leaf_hash = found
        rows.append(make((index, id.decode(), request.decode(), kind.decode(), version, time.decode(), canonical, leaf_hash)))
    return rows
