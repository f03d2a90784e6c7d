from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from limner.errors import AuditError, ConfigurationError
from limner.keys import Keys, decrypt, encrypt, new_key, open_folder


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return open_folder(tmp_path / "keys", create=True)


def test_what_is_encrypted_reads_back_and_says_nothing(keys: Keys) -> None:
    key = new_key()
    sealed = encrypt(key, b"a red circle", "payload", "event-1", "prompt")
    assert decrypt(key, sealed, "payload", "event-1", "prompt") == b"a red circle"
    assert b"circle" not in sealed
    assert encrypt(key, b"a red circle", "payload", "event-1", "prompt") != sealed


@pytest.mark.parametrize(
    "context", [("payload", "event-2", "prompt"), ("payload", "event-1"), ("payload", "event-1prompt"), ("payload",)]
)
def test_a_ciphertext_cannot_be_moved(context: tuple[str, ...]) -> None:
    key = new_key()
    sealed = encrypt(key, b"data", "payload", "event-1", "prompt")
    with pytest.raises(AuditError, match="does not decrypt"):
        decrypt(key, sealed, *context)


def test_a_ciphertext_cannot_be_changed_or_cut() -> None:
    key = new_key()
    sealed = encrypt(key, b"data", "x")
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for other in [*changed, sealed[:-1], sealed[:5], b""]:
        with pytest.raises(AuditError):
            decrypt(key, other, "x")
    with pytest.raises(AuditError):
        decrypt(new_key(), sealed, "x")


def test_keys_are_made_once_and_only_for_their_owner(keys: Keys, tmp_path: Path) -> None:
    again = open_folder(tmp_path / "keys", create=True)
    assert again.master_id == keys.master_id
    assert again.lookup("local:ada") == keys.lookup("local:ada")
    assert again.signing.public_key() == keys.signing.public_key()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / "keys").iterdir())
    assert sorted(file.name for file in files) == ["lookup.key", "master.key", "signing.pem"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_those_who_make_keys_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: open_folder(tmp_path / "keys", create=True), range(16)))
    assert len({keys.master_id for keys in opened}) == 1
    assert len({keys.signing.public_key().public_bytes_raw() for keys in opened}) == 1


def test_no_keys_are_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="key is missing") as caught:
        open_folder(tmp_path / "keys", create=False)
    assert "LIMNER_KEYS" in caught.value.fix
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("name", ["master.key", "lookup.key", "signing.pem"])
def test_a_key_that_is_damaged_or_missing_is_named(keys: Keys, name: str) -> None:
    path = keys.folder / name
    path.write_bytes(b"short")
    with pytest.raises(ConfigurationError) as caught:
        open_folder(keys.folder, create=False)
    assert caught.value.where == str(path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="missing") as caught:
        open_folder(keys.folder, create=False)
    assert caught.value.where == str(path)


def test_a_signing_key_of_another_kind_is_refused(keys: Keys) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (keys.folder / "signing.pem").write_bytes(other)
    with pytest.raises(ConfigurationError, match="Ed25519"):
        open_folder(keys.folder, create=False)


def test_a_key_that_everyone_can_read_is_refused(keys: Keys) -> None:
    (keys.folder / "master.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="everyone on this machine"):
        open_folder(keys.folder, create=True)


def test_a_wrapped_key_comes_back_only_under_its_own_master_key(keys: Keys, tmp_path: Path) -> None:
    key = new_key()
    wrapped = keys.wrap(key, "subject", "abc")
    assert keys.unwrap(wrapped, "subject", "abc") == key
    with pytest.raises(AuditError):
        open_folder(tmp_path / "others", create=True).unwrap(wrapped, "subject", "abc")


def test_lookup_tells_subjects_apart_and_not_who_they_are(keys: Keys, tmp_path: Path) -> None:
    assert keys.lookup("local:ada") != keys.lookup("local:bob")
    assert keys.lookup("local:ada") != open_folder(tmp_path / "others", create=True).lookup("local:ada")


def test_keys_do_not_show_themselves(keys: Keys) -> None:
    secret = (keys.folder / "master.key").read_bytes()
    assert repr(secret) not in repr(keys)
    assert repr(keys) == f"Keys('{keys.folder}')"
