from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from limner.database.connection import Database, is_outage
from limner.database.inserting import insert_row, insert_rows
from limner.database.tables import events, subjects

EVENT = (2**40, "0" * 32, "r1", "nöte — 😀\t\\N", 1, "2026-11-22T16:41:43.123456Z", b"\x00\xff\\{}\n", b"\x01" * 32)
SUBJECT = ("ab" * 32, None, None, b"", "master", "2026-11-22T16:41:43.123456Z")


def test_rows_come_back_as_they_were_given(database: Database) -> None:
    other = (2**40 + 1, "1" * 32, *EVENT[2:])
    with database.writing() as connection:
        insert_rows(connection, events, [EVENT, other])
        insert_rows(connection, subjects, [SUBJECT])
        insert_rows(connection, subjects, [])
    with database.reading() as connection:
        assert connection.execute(select(events).order_by(events.c.index)).all() == [EVENT, other]
        assert connection.execute(select(subjects)).all() == [SUBJECT]


@pytest.mark.parametrize("wrong", [(0, *EVENT[1:]), (1, "1" * 32, None, *EVENT[3:])])
def test_a_row_that_the_table_refuses_leaves_none(database: Database, wrong: tuple[object, ...]) -> None:
    with pytest.raises(IntegrityError) as caught, database.writing() as connection:
        insert_rows(connection, events, [(0, *EVENT[1:]), wrong])
    assert not is_outage(caught.value)
    with database.reading() as connection:
        assert connection.execute(select(events)).all() == []


def test_what_a_row_by_names_leaves_out_is_null(database: Database) -> None:
    named = {"created": SUBJECT[5], "master_id": SUBJECT[4], "pseudonym": SUBJECT[0]}
    with database.writing() as connection:
        insert_row(connection, subjects, named)
    with database.reading() as connection:
        assert connection.execute(select(subjects)).all() == [(SUBJECT[0], None, None, None, *SUBJECT[4:])]


def test_a_name_that_is_no_column_is_refused(database: Database) -> None:
    row = {"pseudonym": SUBJECT[0], "master_id": "master", "created": SUBJECT[5], "wraped_key": b"key"}
    with pytest.raises(KeyError, match="subjects has no column 'wraped_key'"), database.writing() as connection:
        insert_row(connection, subjects, row)
    with database.reading() as connection:
        assert connection.execute(select(subjects)).all() == []
