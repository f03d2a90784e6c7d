"""Canonical bytes and the hashes over them: one value has one form, so equal records have equal hashes.

The form is the JSON Canonicalization Scheme, RFC 8785, as the package rfc8785 writes it. The standard library's encoder takes a
third of its time and writes most values the same way; those it is given, and whatever might differ goes to the package. Leaf
hashes are those of RFC 6962, which keep a leaf from passing for an inner node of a Merkle tree.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

INTEGERS = 2**53  # from here on, not every integer is a double
DECIMALS = 1e-4  # below, Python writes exponents before RFC 8785 does

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode


class _Differs(Exception):
    """The standard library might write a value otherwise than RFC 8785 does, or write what it forbids."""


def canonical(value: Any) -> bytes:  # JSON: None, bool, int, float, str, and sequences and str-keyed dicts of these
    """The RFC 8785 bytes of a JSON value.

    Raises ValueError for what JSON cannot carry exactly: NaN and infinities, integers of 2**53 or more in size, lone
    surrogates, keys that are not strings, and foreign types.
    """
    try:
        return _encode(_written_alike(value)).encode()
    except (_Differs, UnicodeEncodeError):
        pass
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"not representable as canonical JSON: {error}") from error


def _written_alike(value: Any) -> Any:  # JSON
    """The same JSON value, one that the standard library writes as RFC 8785 does. Raises _Differs where that is not sure."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int and -INTEGERS < value < INTEGERS:
        return value
    if kind is float and (DECIMALS <= abs(value) < INTEGERS or value == 0):
        return int(value) if value.is_integer() else value
    if kind is dict:
        return {_key(key): _written_alike(inner) for key, inner in value.items()}
    if kind is list or kind is tuple:
        return [_written_alike(inner) for inner in value]
    raise _Differs


def _key(key: Any) -> str:  # of a dict, so that it may be anything
    if type(key) is str and key.isascii():  # code points and UTF-16 code units sort alike
        return key
    raise _Differs


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of the bytes."""
    return hashlib.sha256(data).hexdigest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one log entry as RFC 6962, section 2.1, has it: SHA-256 over a zero byte and the entry (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()
