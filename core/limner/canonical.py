"""Canonical bytes and the hashes over them: one value has one form, so equal records have equal hashes.

The form is the JSON Canonicalization Scheme, RFC 8785. Leaf hashes are those of RFC 6962, which keep a leaf from passing for
an inner node of a Merkle tree.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:  # JSON: None, bool, int, float, str, and sequences and str-keyed dicts of these
    """The RFC 8785 bytes of a JSON value.

    Raises ValueError for what JSON cannot carry exactly: NaN and infinities, integers of 2**53 or more in size, lone
    surrogates, keys that are not strings, and foreign types.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"not representable as canonical JSON: {error}") from error


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of the bytes."""
    return hashlib.sha256(data).hexdigest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one log entry as RFC 6962, section 2.1, has it: SHA-256 over a zero byte and the entry (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()
