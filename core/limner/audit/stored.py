"""The events as they are stored, read from the first to the last as fast as the database gives them.

Verifying reads every one of them. From SQLite a page of rows comes quickly as it is; PostgreSQL is asked for a copy in its
binary format, which is decoded here, row by row, while the server goes on with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, error

from sqlalchemy import ColumnElement, Connection, func, select, true

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

# PostgreSQL's binary COPY comes in messages: "d", a length, and a row; before the first row a header, and for the last -1.
# A row is the number of its fields, and each of them its length and its bytes. Those of fixed length come first.
COPIED = (events.c.index, events.c.version, *(column for column in COLUMNS if column.name not in ("index", "version")))
MESSAGE = Struct(">ci")
HEADER = 19  # bytes
BEGINNING = Struct(">hiqii")  # how many fields; the index and the version, each after its length
LENGTHS = (len(COPIED), 8, 4)
VARIABLE = len(COPIED) - 2  # fields
LENGTH = Struct(">i")
END = b"\xff\xff"

Take = Callable[[Row], None]


def take_stored_rows(connection: Connection, take: Take) -> None:
    """Have the events taken in the order of their indexes, as they are stored; none that come after the first page was read."""
    for _ in _pages(connection, None, take):
        pass


def stored_rows(connection: Connection, first: int | None = None) -> Iterator[Row]:
    """The events likewise, page by page, so that the connection may be used meanwhile; those before `first` are left out."""
    rows: list[Row] = []
    for _ in _pages(connection, first, rows.append):
        yield from rows
        rows.clear()


def _pages(connection: Connection, first: int | None, take: Take) -> Iterator[None]:
    """Have one page after the other taken."""
    last = connection.scalar(select(func.max(events.c.index)))
    if last is None:
        return
    newest = _page(connection, events.c.index <= last if first is None else events.c.index.between(first, last), take)
    while newest is not None:
        yield
        newest = _page(connection, events.c.index.between(newest + 1, last), take)


def _page(connection: Connection, where: ColumnElement[bool], take: Take) -> int | None:
    """Have one page taken; the index of its last row, None where there is none."""
    newest = None
    if connection.dialect.name == "postgresql":
        from limner.database.postgresql import copied  # pg8000 may not be installed

        copy = _Copy(take)
        copied(connection, select(*COPIED).where(where).order_by(events.c.index).limit(PAGE), copy.take)
        newest = copy.newest
        if not copy.is_foreign:
            return newest
        where &= events.c.index > newest if newest is not None else true()
    for row in connection.execute(select(*COLUMNS).where(where).order_by(events.c.index).limit(PAGE)).all():
        take(Row._make(row))
        newest = row[0]
    return newest


class _Copy:
    """Rows out of a copy, decoded and taken as they come."""

    def __init__(self, take: Take) -> None:
        self.newest: int | None = None  # the index of the last row that was taken
        self.is_foreign = False  # somebody changed the columns' types behind our back: from here on they are read otherwise
        self._take, self._skip = take, HEADER

    def take(self, data: bytes) -> int:
        """Take the whole messages that a piece begins with; how many bytes they have."""
        at, unpack, size = 0, MESSAGE.unpack_from, MESSAGE.size  # looked up once: there may be millions of rows
        while len(data) - at >= size:
            kind, length = unpack(data, at)
            end = at + 1 + length
            if kind != b"d" or end > len(data):
                break
            self._take_row(data, at + size + self._skip)
            at, self._skip = end, 0
        return at

    def _take_row(self, data: bytes, at: int) -> None:
        if self.is_foreign or data[at : at + len(END)] == END:
            return
        try:
            row = _decoded(data, at)
        except (ValueError, error):
            self.is_foreign = True
        else:
            self._take(row)
            self.newest = row.index


def _decoded(data: bytes, at: int) -> Row:
    """The row that begins there. Raises ValueError or struct.error where it is of other types than ours."""
    length = LENGTH.unpack_from
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
    return Row(index, id.decode(), request.decode(), kind.decode(), version, time.decode(), canonical, leaf_hash)
