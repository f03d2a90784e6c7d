"""Backup and restore of a project's state: the record, the image files and the heads, without the keys.

A backup is a folder, there whole or not at all; the database lies in it as an SQLite file, whichever it came from. Without the
keys nobody reads what it holds of people: they are backed up apart, by whoever keeps them. What was done after a backup and is
not to be undone by putting it back is done again: see `limner.restoring`.
"""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, insert, select

from limner.database.connection import Database
from limner.database.migration import open_database
from limner.database.tables import events, metadata
from limner.database.timestamp import timestamp
from limner.errors import ConfigurationError, UsageError

FILE, MANIFEST = "limner.db", "backup.json"
FOLDERS = ("heads", "images")
ROWS_AT_ONCE = 1_000


def back_up(database: Database, state: Path, folder: Path) -> int:
    """Copy a project's state into a new folder; returns the number of events in it. Raises UsageError if the folder is there.

    Heads are copied before the database, images after it: so no head is ahead of its record, and what file has no row is swept.
    """
    if folder.exists():
        raise UsageError("there is something already", where=str(folder), fix="name a folder that is not there")
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _copy_folder(state, draft, "heads")
        with closing(open_database(f"sqlite:///{draft / FILE}")) as copy:
            size = _copy_rows(database, copy)
        _copy_folder(state, draft, "images")
        (draft / MANIFEST).write_text(json.dumps({"made": timestamp(), "events": size}) + "\n", encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return size


def put_back(folder: Path, state: Path, database_url: str) -> Path:
    """Put a backup in the place of a project's state; what stood there is moved beside it. Returns where to.

    A PostgreSQL database must be new, with tables and no events. Raises UsageError for a folder that is no backup, and
    ConfigurationError for a PostgreSQL database that is not empty.
    """
    if not (folder / MANIFEST).is_file():
        raise UsageError("this is no backup", where=str(folder), fix="name a folder that `limner state backup` made")
    with closing(Database(database_url)) as target:
        if target.dialect == "postgresql":
            _refuse_used(target)
        replaced = state / f"replaced-{timestamp().replace(':', '')}"
        replaced.mkdir(parents=True)
        for name in FOLDERS:
            if (state / name).exists():
                (state / name).rename(replaced / name)
            _copy_folder(folder, state, name)
        if target.dialect == "postgresql":
            with closing(open_database(f"sqlite:///{folder / FILE}")) as backup:
                _copy_rows(backup, target)
        else:
            _put_file(folder / FILE, Path(str(target.url.database)), replaced)
    return replaced


def _copy_folder(source: Path, target: Path, name: str) -> None:
    if (source / name).is_dir():
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("*.part", "lock"))


def _copy_rows(source: Database, target: Database) -> int:
    """Copy every table as it stands at one moment; returns the number of events."""
    with source.snapshot() as reading, target.writing() as writing:
        for table in metadata.sorted_tables:
            result = reading.execute(select(table)).mappings()
            while rows := result.fetchmany(ROWS_AT_ONCE):
                writing.execute(insert(table), [dict(row) for row in rows])
        return int(writing.scalar(select(func.count()).select_from(events)) or 0)


def _refuse_used(database: Database) -> None:
    with closing(open_database(database.url.render_as_string(hide_password=False))) as target, target.reading() as connection:
        if connection.scalar(select(func.count()).select_from(events)):
            fix = "set LIMNER_DATABASE_URL to a new database, `limner db upgrade` it, and name this one with --replaces"
            raise ConfigurationError("there is a record in it already", where=repr(database), fix=fix)


def _put_file(source: Path, target: Path, replaced: Path) -> None:
    for path in (target, *(target.with_name(target.name + ending) for ending in ("-wal", "-shm"))):
        if path.exists():
            path.rename(replaced / path.name)
    shutil.copyfile(source, target)
