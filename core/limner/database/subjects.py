"""Subjects and their keys: who is behind a request, kept so that it can be erased.

A subject stands in events by a pseudonym, the HMAC of its name under the subject's own random key. That key lies wrapped in
the database beside a keyed look-up value of the name. Erasure destroys all three: what was encrypted for the subject can no
longer be read, and no key that is left tells whose the pseudonym was.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, select

from limner.database.connection import Database
from limner.database.tables import subjects
from limner.database.timestamp import timestamp
from limner.errors import ConfigurationError
from limner.keys import Keys, decrypt, encrypt, new_key, open_folder

_BY_LOOKUP = select(subjects.c.pseudonym, subjects.c.wrapped_key).where(subjects.c.lookup == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's pseudonym and open key. The key wraps the data keys of what is kept of the subject."""

    pseudonym: str
    key: bytes

    def wrap(self, data_key: bytes, *context: str) -> bytes:
        """The data key encrypted under the subject's, bound to `context` and to the subject."""
        return encrypt(self.key, data_key, *context, self.pseudonym)

    def unwrap(self, wrapped: bytes, *context: str) -> bytes:
        """The data key that `wrap` was given. Raises AuditError if it was altered or moved."""
        return decrypt(self.key, wrapped, *context, self.pseudonym)


def open_keys(folder: Path, database: Database) -> Keys:
    """The keys this database's record was written with, made now if nothing was recorded of anybody yet.

    Raises ConfigurationError if the folder lacks them or holds others.
    """
    with database.reading() as connection:
        used = set(connection.scalars(select(subjects.c.master_id).distinct()))
    keys = open_folder(folder, create=not used)
    if used and keys.master_id not in used:
        written_with = ", ".join(sorted(used))
        raise ConfigurationError(
            f"these are not the keys that this record was written with: master key {keys.master_id}, not {written_with}",
            where=str(folder),
            fix="set LIMNER_KEYS to the folder that holds them, or restore it from its backup",
        )
    return keys


def ensure_subject(connection: Connection, keys: Keys, name: str) -> Subject:
    """The subject of this name, made known if it is new. The connection must hold the write lock."""
    row = connection.execute(_BY_LOOKUP, {"wanted": keys.lookup(name)}).first()
    if row is not None:
        return Subject(row.pseudonym, keys.unwrap(row.wrapped_key, "subject", row.pseudonym))
    return _introduce(connection, keys, name)


def find_subject(connection: Connection, keys: Keys, pseudonym: str) -> Subject | None:
    """The subject of this pseudonym; None once it is erased."""
    wrapped = connection.scalar(select(subjects.c.wrapped_key).where(subjects.c.pseudonym == pseudonym))
    return None if wrapped is None else Subject(pseudonym, keys.unwrap(wrapped, "subject", pseudonym))


def subject_name(connection: Connection, subject: Subject) -> str:
    """The name behind a pseudonym that is not erased."""
    sealed = connection.execute(select(subjects.c.name).where(subjects.c.pseudonym == subject.pseudonym)).scalar_one()
    return decrypt(subject.key, sealed, "subject name", subject.pseudonym).decode("utf-8", "surrogatepass")


def _introduce(connection: Connection, keys: Keys, name: str) -> Subject:
    key, encoded = new_key(), name.encode("utf-8", "surrogatepass")
    pseudonym = hmac.digest(key, encoded, "sha256").hex()
    connection.execute(
        insert(subjects).values(
            pseudonym=pseudonym,
            lookup=keys.lookup(name),
            name=encrypt(key, encoded, "subject name", pseudonym),
            wrapped_key=keys.wrap(key, "subject", pseudonym),
            master_id=keys.master_id,
            created=timestamp(),
        )
    )
    return Subject(pseudonym, key)
