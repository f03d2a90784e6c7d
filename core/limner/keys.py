"""The keys of one installation, in a folder that only its owner reads.

`master.key` encrypts subjects' keys, which in turn encrypt the data keys of payloads and images; destroying a subject's key
therefore erases all that was kept of that person. `lookup.key` turns a subject's name into what the database finds it by.
`signing.pem` is an Ed25519 key for the heads of the log. Encryption is AES-256-GCM; every ciphertext is bound to the ids of
what it belongs to, so that none can be moved to another row.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from limner.canonical import canonical
from limner.errors import AuditError, ConfigurationError
from limner.files import create_once, save_atomically

KEY_BYTES = 32
RETIRED = "retired-keys.txt"
NONCE_BYTES = 12  # 96 bits, as NIST SP 800-38D recommends for GCM
SEALING_BYTES = NONCE_BYTES + 16  # by which `encrypt` makes data longer: the nonce and the tag


def new_key() -> bytes:
    """A fresh random key of 256 bits."""
    return secrets.token_bytes(KEY_BYTES)


def encrypt(key: bytes, data: bytes, *context: str) -> bytes:
    """Nonce, ciphertext and tag of `data` under AES-256-GCM, bound to `context` (what it is, and the ids it belongs to)."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, canonical(context))


def decrypt(key: bytes, sealed: bytes, *context: str) -> bytes:
    """What `encrypt` was given. Raises AuditError if the key, the bytes or the context are not those of the encryption."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], canonical(context))
    except (InvalidTag, ValueError) as error:
        raise AuditError(
            "it does not decrypt: it was altered, moved, or made with another key", where=" ".join(context)
        ) from error


@dataclass(frozen=True, slots=True)
class Keys:
    """An open key folder. `master_id` names the master key in the database without telling anything about it."""

    folder: Path
    signing: Ed25519PrivateKey
    _master: bytes
    _lookup: bytes

    @property
    def master_id(self) -> str:
        """Sixteen hex digits that tell master keys apart."""
        return hmac.digest(self._master, b"limner master key id", "sha256").hex()[:16]

    def wrap(self, key: bytes, *context: str) -> bytes:
        """The key encrypted under the master key, bound to `context`."""
        return encrypt(self._master, key, *context)

    def unwrap(self, wrapped: bytes, *context: str) -> bytes:
        """The key that `wrap` was given. Raises AuditError as `decrypt` does."""
        return decrypt(self._master, wrapped, *context)

    def lookup(self, subject: str) -> str:
        """Hex HMAC-SHA256 of a subject's name: how the database finds a subject without knowing the name."""
        return hmac.digest(self._lookup, subject.encode("utf-8", "surrogatepass"), "sha256").hex()

    @property
    def origin(self) -> str:
        """The name of the log in its heads: it stays when the signing key is replaced, as the look-up key is not."""
        return f"limner/{hmac.digest(self._lookup, b'limner log origin', 'sha256').hex()[:16]}"

    def retired(self) -> tuple[str, ...]:
        """The public keys of signing keys that were replaced, a line each."""
        path = self.folder / RETIRED
        return tuple(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()

    def replace_signing(self, new: Ed25519PrivateKey, retired: str) -> Keys:
        """These keys with another signing key; the old one, destroyed here, is remembered by its public key's line."""
        save_atomically(self.folder / RETIRED, "".join(f"{line}\n" for line in (*self.retired(), retired)).encode())
        save_atomically(self.folder / "signing.pem", _pem(new), mode=0o600)
        return replace(self, signing=new)

    def __repr__(self) -> str:
        return f"Keys({str(self.folder)!r})"


def open_folder(folder: Path, *, create: bool) -> Keys:
    """Open a key folder, or with `create` make what is missing in it, once, whatever other processes do meanwhile.

    Raises ConfigurationError where a key is missing (without `create`), damaged, or readable by everyone on the machine.
    """
    if create:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, make in _MAKERS.items():
            if not (folder / name).exists():
                create_once(folder / name, make(), mode=0o600)
    return Keys(
        folder=folder,
        signing=_signing_key(folder / "signing.pem"),
        _master=_symmetric_key(folder / "master.key"),
        _lookup=_symmetric_key(folder / "lookup.key"),
    )


def new_signing_key() -> Ed25519PrivateKey:
    """A fresh key to sign heads with."""
    return Ed25519PrivateKey.generate()


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


_MAKERS: dict[str, Callable[[], bytes]] = {
    "master.key": new_key,
    "lookup.key": new_key,
    "signing.pem": lambda: _pem(new_signing_key()),
}


def read_key(path: Path) -> bytes:
    """A key file's bytes. Raises ConfigurationError where it is missing, or everyone on the machine can read it."""
    try:
        if path.stat().st_mode & 0o007:
            raise ConfigurationError("everyone on this machine can get at this key", where=str(path), fix=f"chmod 600 {path}")
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            "the key is missing, and without it the record cannot be read or added to",
            where=str(path),
            fix="set LIMNER_KEYS to the folder that holds this database's keys, or restore it from its backup",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the key cannot be read: {error.strerror}", where=str(path)) from error


def _symmetric_key(path: Path) -> bytes:
    key = read_key(path)
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"a key has {KEY_BYTES} bytes, not {len(key)}", where=str(path), fix="restore it from its backup"
        )
    return key


def _signing_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(read_key(path), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"not a private key in PEM form: {error}", where=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("heads are signed with Ed25519; this is another kind of key", where=str(path))
    return key
