"""Heads of the log: how far it reached and what it held then, signed, in the form of a C2SP tlog-checkpoint."""

from __future__ import annotations

import base64

from limner.audit.verifier import Head, Key, endorsement
from limner.keys import Keys


def public_key(keys: Keys) -> Key:
    """The key that heads are checked with."""
    return Key(keys.origin, keys.signing.public_key().public_bytes_raw())


def trusted_keys(keys: Keys) -> list[Key]:
    """The key of today, and those that rotation has retired."""
    return [public_key(keys), *map(Key.parse, keys.retired())]


def sign_head(keys: Keys, size: int, root: bytes) -> Head:
    """The head of a log of `size` events with this root (32 bytes)."""
    text = f"{keys.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = public_key(keys).id + keys.signing.sign(text.encode())
    return Head(keys.origin, size, root, f"{text}\n— {keys.origin} {base64.b64encode(signature).decode()}\n")


def endorse(keys: Keys, new: Key) -> str:
    """What makes the next key trusted by whoever trusts this one: a signature, in base64."""
    return base64.b64encode(keys.signing.sign(endorsement(new))).decode()
