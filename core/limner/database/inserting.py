"""Rows handed to the driver as they are: SQLAlchemy takes more time over a row than the database does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import sqlite


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:  # values of its columns
    """Insert rows that have a value, of the database's own type, for each column of the table, in order.

    Raises DBAPIError as any statement does.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        from limner.database.postgresql import copy_rows  # pg8000 may not be installed

        copy_rows(connection, table, rows)
    else:
        connection.exec_driver_sql(_statement(table), list(rows))


def insert_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:  # values by the names of its columns
    """Insert one row likewise, with null for the columns that it leaves out. Raises KeyError for any other name."""
    if unknown := row.keys() - table.columns.keys():
        raise KeyError(f"{table.name} has no column {min(unknown)!r}")
    insert_rows(connection, table, [tuple(map(row.get, table.columns.keys()))])


@cache
def _statement(table: Table) -> str:
    return str(insert(table).compile(dialect=sqlite.dialect()))
