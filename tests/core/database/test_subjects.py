from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, update

from limner.database.connection import Database
from limner.database.subjects import ensure_subject, find_subject, open_keys, subject_name
from limner.database.tables import subjects
from limner.errors import AuditError, ConfigurationError
from limner.keys import Keys, new_key, open_folder


def test_a_subject_is_made_known_once(database: Database, keys: Keys) -> None:
    with database.writing() as connection:
        first = ensure_subject(connection, keys, "local:ada")
        other = ensure_subject(connection, keys, "local:bob")
    with database.writing() as connection:
        again = ensure_subject(connection, keys, "local:ada")
    assert again == first
    assert first.pseudonym != other.pseudonym
    assert first.key != other.key


def test_the_database_alone_does_not_tell_who_a_subject_is(database: Database, keys: Keys) -> None:
    with database.writing() as connection:
        subject = ensure_subject(connection, keys, "local:violet")
        row = connection.execute(select(subjects)).one()
        assert subject_name(connection, subject) == "local:violet"
    assert "violet" not in repr(tuple(row))
    assert subject.key.hex() not in repr([value.hex() for value in row if isinstance(value, bytes)])


def test_an_erased_subject_is_gone_and_comes_back_as_another(database: Database, keys: Keys) -> None:
    with database.writing() as connection:
        before = ensure_subject(connection, keys, "local:ada")
        connection.execute(update(subjects).values(lookup=None, name=None, wrapped_key=None))
        assert find_subject(connection, keys, before.pseudonym) is None
        after = ensure_subject(connection, keys, "local:ada")
    assert after.pseudonym != before.pseudonym


def test_a_data_key_opens_for_its_subject_and_its_place_only(database: Database, keys: Keys) -> None:
    data_key = new_key()
    with database.writing() as connection:
        ada, bob = ensure_subject(connection, keys, "local:ada"), ensure_subject(connection, keys, "local:bob")
    wrapped = ada.wrap(data_key, "image key", "1")
    assert ada.unwrap(wrapped, "image key", "1") == data_key
    with pytest.raises(AuditError):
        ada.unwrap(wrapped, "image key", "2")
    with pytest.raises(AuditError):
        bob.unwrap(wrapped, "image key", "1")


def test_keys_are_made_for_a_new_record_and_never_for_one_that_has_subjects(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    keys = open_keys(folder, database)
    assert open_keys(folder, database).master_id == keys.master_id
    with database.writing() as connection:
        ensure_subject(connection, keys, "local:ada")
    shutil.rmtree(folder)
    with pytest.raises(ConfigurationError, match="key is missing"):
        open_keys(folder, database)
    assert not folder.exists()


def test_the_keys_of_another_record_are_refused(database: Database, keys: Keys, tmp_path: Path) -> None:
    with database.writing() as connection:
        ensure_subject(connection, keys, "local:ada")
    strange = open_folder(tmp_path / "strange", create=True)
    with pytest.raises(ConfigurationError, match=f"{strange.master_id}, not {keys.master_id}") as caught:
        open_keys(tmp_path / "strange", database)
    assert "LIMNER_KEYS" in caught.value.fix
