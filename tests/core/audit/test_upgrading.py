"""A database of an older version is brought to this one, and the record in it still verifies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from limner.audit.checking import verify_database
from limner.audit.event import Event, canonical_event
from limner.audit.heads import trusted_keys
from limner.audit.outside import HeadFolder
from limner.audit.publishing import leaves_since
from limner.audit.stored import stored_rows
from limner.audit.verifier import leaf_hash
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.migration import SCRIPTS, status, upgrade
from limner.database.tables import events
from limner.keys import open_folder

TIME = "2026-01-01T00:00:00.000000Z"


def write_old_database(url: str) -> None:
    """A database as the first version left it, with two events."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    with closing(Database(url)) as database, database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for index in range(2):
            event = Event("note", f"r{index}", {"number": index})
            data = canonical_event(event, time=TIME, pseudonym="", commitments={})
            row = {"id": event.id, "request_id": f"r{index}", "kind": "note", "version": 1, "time": TIME, "canonical": data}
            connection.execute(insert(events), {"index": index, "leaf_hash": leaf_hash(data), **row})


def test_an_older_record_is_upgraded_without_a_byte_of_its_events_changed(empty_url: str, tmp_path: Path):
    write_old_database(empty_url)
    keys, heads = open_folder(tmp_path / "keys", create=True), HeadFolder(tmp_path / "heads")
    with closing(Database(empty_url)) as database:
        assert (status(database).state, status(database).revision) == ("behind", "0001")
        heads.publish(keys, lambda size: leaves_since(database, size))
        with database.reading() as connection:
            before = list(stored_rows(connection))
        upgrade(database)
        with closing(AuditWriter(database, keys)) as writer:
            writer.append([Event("note", "", {})]).result(30)
        with database.reading() as connection:
            assert list(stored_rows(connection))[:2] == before
        report = verify_database(database, heads, trusted_keys(keys))
        assert (report.ok, report.events, report.attested) == (True, 3, 2)
        for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(DBAPIError, match="append-only"), database.writing() as connection:
                connection.execute(text(statement))
