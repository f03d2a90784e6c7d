"""Canonical bytes and the hashes over them: one value has one form, so equal records have equal hashes.

The form is the JSON Canonicalization Scheme, RFC 8785, as the package rfc8785 writes it. Most values are written here, in a
quarter of its time; whatever Python might write differently goes to the package. Leaf hashes are those of RFC 6962, which keep
a leaf from passing for an inner node of a Merkle tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from types import NoneType
from typing import Any

import rfc8785

INTEGERS = 2**53  # from here on, not every integer is a double
DECIMALS = 1e-4  # below, Python writes exponents before RFC 8785 does
KEYS = 4096  # that are remembered in their quotes: records have few, and again and again

quoted = encode_basestring  # the JSON string of a text as RFC 8785 has it: no character is escaped that need not be


class _Differs(Exception):
    """Python might write a value otherwise than RFC 8785 does, or write what it forbids."""


def canonical(value: Any) -> bytes:  # JSON: None, bool, int, float, str, and sequences and str-keyed dicts of these
    """The RFC 8785 bytes of a JSON value.

    Raises ValueError for what JSON cannot carry exactly: NaN and infinities, integers of 2**53 or more in size, lone
    surrogates, keys that are not strings, and foreign types.
    """
    try:
        return _WRITTEN[type(value)](value).encode()
    except (_Differs, KeyError, TypeError, UnicodeEncodeError):
        pass  # also for foreign types, keys of several types, and lone surrogates
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"not representable as canonical JSON: {error}") from error


def _object(value: Mapping[Any, Any]) -> str:  # JSON, as far as it is known
    return "{" + ",".join([_key(key) + _WRITTEN[type(value[key])](value[key]) for key in sorted(value)]) + "}"


@lru_cache(maxsize=KEYS)
def _key(key: Any) -> str:  # of a dict, so that it may be anything
    if type(key) is str and key.isascii():  # code points and UTF-16 code units sort alike
        return quoted(key) + ":"
    raise _Differs


def _array(value: Sequence[Any]) -> str:  # JSON
    return "[" + ",".join([_WRITTEN[type(inner)](inner) for inner in value]) + "]"


def _float(value: float) -> str:
    if DECIMALS <= abs(value) < INTEGERS or value == 0:
        return str(int(value)) if value.is_integer() else repr(value)
    raise _Differs


def _integer(value: int) -> str:
    if -INTEGERS < value < INTEGERS:
        return str(value)
    raise _Differs


_WRITTEN: dict[type, Callable[[Any], str]] = {
    str: quoted,
    dict: _object,
    list: _array,
    tuple: _array,
    float: _float,
    int: _integer,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda value: "null",
}


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of the bytes."""
    return hashlib.sha256(data).hexdigest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one log entry as RFC 6962, section 2.1, has it: SHA-256 over a zero byte and the entry (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()
