"""Backup and restore of a project's state: the record, the image files and the heads, without the keys.

A backup is a folder, there whole or not at all; the database lies in it as an SQLite file, whichever it came from. Without the
keys nobody reads what it holds of people: they are backed up apart, by whoever keeps them. What was done after a backup and is
not to be undone by putting it back is done again: see `limner.restoring`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from limner.audit.outside import HeadFolder
from limner.database.connection import Database
from limner.database.migration import open_database
from limner.database.tables import events, metadata
from limner.database.timestamp import timestamp
from limner.errors import AuditError, ConfigurationError, UsageError
from limner.files import save_atomically, sync_folder, whole_folder

FILE, MANIFEST = "limner.db", "backup.json"
FOLDERS = ("heads", "images")
ROWS_AT_ONCE = 1_000


def back_up(database: Database, state: Path, folder: Path) -> int:
    """Copy a project's state into a new folder; returns the number of events in it.

    Raises UsageError if the folder is there, and AuditError if a file cannot be copied; then there is no backup.

    The project may be in use meanwhile. Heads are copied before the database, images after it: so no head is ahead of its
    record, what file has no row is swept, and what row has no file was erased since, which a restore does again.
    """
    if folder.exists():
        raise UsageError("there is something already", where=str(folder), fix="name a folder that is not there")
    with _explained("the backup cannot be made", folder), whole_folder(folder) as draft:
        _copy_heads(state, draft)
        with _opened(draft / FILE) as copy:
            size = _copy_rows(database, copy)
            with copy.reading() as connection:
                first = connection.scalar(select(events.c.id).order_by(events.c.index).limit(1)) or ""
        _copy_folder(state, draft, "images", _copy_file_if_there)
        manifest = {"made": timestamp(), "events": size, "first": first}
        save_atomically(draft / MANIFEST, json.dumps(manifest).encode() + b"\n")
    return size


def first_of(folder: Path) -> str:
    """The id of the first event of the record in a backup; empty if it has none. Raises UsageError for what is no backup."""
    try:
        return str(json.loads((folder / MANIFEST).read_bytes()).get("first", ""))  # earlier backups do not tell
    except (OSError, ValueError, AttributeError) as error:
        fix = "name a folder that `limner state backup` made"
        raise UsageError("this is no backup", where=str(folder), fix=fix) from error


def aside(state: Path) -> Path:
    """A new folder's path, beside the state, for what a restore replaces."""
    return state / f"replaced-{timestamp().replace(':', '')}"


def put_back(
    folder: Path,
    state: Path,
    database_url: str,
    *,
    replaced: Path | None = None,
    mark: Callable[[], None] = lambda: None,
    begun: bool = False,
) -> Path:
    """Put a backup in the place of a project's state; what stood there is moved into `replaced`. Returns that folder.

    Nothing is moved before all is copied, and `mark` is called in between. Where an earlier attempt was interrupted, it is gone
    on with by giving its `replaced`, and `begun` where it was into the same database. A PostgreSQL database must be new, with
    tables and no events but those that such an attempt copied there. Raises UsageError for a folder that is no backup,
    ConfigurationError for a PostgreSQL database that is not empty, AuditError if a file cannot be copied or moved.
    """
    first_of(folder)
    replaced = replaced or aside(state)
    with (
        closing(Database(database_url)) as target,
        _explained("the backup cannot be put back", folder, f"what was moved away, if anything, is in {replaced}"),
        _draft(state / ".restored.part") as draft,
    ):
        is_new = target.dialect == "postgresql" and _is_new(target, folder / FILE, begun)
        for name in FOLDERS:
            _copy_folder(folder, draft, name)
        if target.dialect == "postgresql":
            mark()
            replaced.mkdir(exist_ok=True)
            if is_new:
                with _opened(folder / FILE) as backup:
                    _copy_rows(backup, target)
        else:
            _put_file(folder / FILE, Path(str(target.url.database)), replaced, mark)
        for name in FOLDERS:
            _put_folder(draft / name, state / name, replaced / name)
        sync_folder(state)
    return replaced


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A new folder to fill, gone at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(
    what: str, folder: Path, fix: str = "see that the disk has room, and that the files can be read"
) -> Iterator[None]:
    """Says in a LimnerError what the file system did not do."""
    try:
        yield
    except shutil.Error as several:
        (source, _, why), *more = several.args[0]  # a triple for each file
        reason = f"{source}: {why}" + (f", and {len(more)} more" if more else "")
        raise AuditError(f"{what}: {reason}", where=str(folder), fix=fix) from several
    except OSError as error:
        raise AuditError(f"{what}: {error}", where=str(folder), fix=fix) from error


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file; on return it is on the disk."""
    shutil.copyfile(source, target)
    with Path(target).open("rb") as file:
        os.fsync(file.fileno())


def _copy_file_if_there(source: str, target: str) -> None:
    """Copy a file, unless it has gone since it was found."""
    try:
        _copy_file(source, target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise


def _copy_heads(state: Path, target: Path) -> None:
    """Copy the heads as they stand at one moment: a head without the hashes under it could not be continued."""
    heads = HeadFolder(state / "heads")
    if heads.folder.is_dir():
        with heads.alone():
            _copy_folder(state, target, "heads")


def _copy_folder(source: Path, target: Path, name: str, copy: Callable[[str, str], None] = _copy_file) -> None:
    if (source / name).is_dir():
        left_out = shutil.ignore_patterns("*.part", "lock")
        shutil.copytree(source / name, target / name, ignore=left_out, copy_function=copy)


def _copy_rows(source: Database, target: Database) -> int:
    """Copy every table as it stands at one moment; returns the number of events."""
    with source.snapshot() as reading, target.writing() as writing:
        for table in metadata.sorted_tables:
            result = reading.execute(select(table)).mappings()
            while rows := result.fetchmany(ROWS_AT_ONCE):
                writing.execute(insert(table), [dict(row) for row in rows])
        return int(writing.scalar(select(func.count()).select_from(events)) or 0)


def _opened(path: Path) -> closing[Database]:
    return closing(open_database(f"sqlite:///{path}"))


def _is_new(database: Database, backup: Path, begun: bool) -> bool:
    """Whether no event is in a PostgreSQL database; False where an attempt that has begun copied those of the backup there.

    Raises ConfigurationError where there are others.
    """
    with closing(open_database(database.url.render_as_string(hide_password=False))) as target, target.reading() as connection:
        if not connection.scalar(select(func.count()).select_from(events)):
            return True
        if begun:
            with _opened(backup) as source, source.reading() as copied:
                if _holds(connection, _last(copied)):
                    return False
    fix = "set LIMNER_DATABASE_URL to a new database, `limner db upgrade` it; --replaces names the one that is replaced"
    raise ConfigurationError("there is a record in it already", where=repr(database), fix=fix)


def _last(connection: Connection) -> tuple[int, bytes] | None:
    """Index and hash of a record's last event; as its rows are copied all at once, it stands for all."""
    last = connection.execute(select(events.c.index, events.c.leaf_hash).order_by(events.c.index.desc()).limit(1)).first()
    return (last[0], last[1]) if last else None


def _holds(connection: Connection, event: tuple[int, bytes] | None) -> bool:
    if event is None:
        return False
    index, hash = event
    return bool(connection.scalar(select(events.c.leaf_hash).where(events.c.index == index)) == hash)


def _put_file(source: Path, target: Path, replaced: Path, mark: Callable[[], None]) -> None:
    """Put a database file in the place of another, which is moved away: at any moment there is one of them, whole, or none."""
    draft = target.with_name(f".{target.name}.part")
    try:
        _copy_file(source, draft)
        mark()
        replaced.mkdir(exist_ok=True)
        _move_away(target, replaced)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)


def _move_away(database: Path, replaced: Path) -> None:
    """Move a database file away, after what SQLite keeps beside it: where it has gone already, so have they."""
    beside = [database.with_name(database.name + ending) for ending in ("-wal", "-shm")]
    if (replaced / database.name).exists():  # an earlier attempt came so far: what is here now is of the copy it put there
        for path in beside:
            path.unlink(missing_ok=True)
        return
    for path in (*beside, database):
        if path.exists():
            _move(path, replaced / path.name)
    sync_folder(replaced)


def _move(path: Path, target: Path) -> None:
    """Move a file, perhaps to another disk: it is there whole before it is gone here."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        draft = target.with_name(f".{target.name}.part")
        _copy_file(path, draft)
        draft.rename(target)
        sync_folder(target.parent)
        path.unlink()


def _put_folder(draft: Path, target: Path, replaced: Path) -> None:
    if target.exists() and replaced.exists():  # an earlier attempt put it there
        shutil.rmtree(target)
    elif target.exists():
        target.rename(replaced)
    if draft.exists():
        draft.rename(target)
