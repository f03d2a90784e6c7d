from __future__ import annotations

import hashlib
import json
import math

import pytest
from properties import for_all, json_leaf, some_json, some_text

from limner.canonical import canonical, leaf_hash, sha256_hex


def test_the_example_of_the_rfc_has_the_bytes_the_rfc_gives() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value) == expected.encode()


def test_keys_are_sorted_by_utf16_code_units() -> None:
    # U+1F600 is D83D DE00 in UTF-16 and so sorts before U+FB33, though its code point is larger.
    assert list(json.loads(canonical({"\ufb33": 1, "\U0001f600": 2, "a": 3}))) == ["a", "\U0001f600", "\ufb33"]


def test_canonical_bytes_read_back_as_the_value_and_are_stable() -> None:
    def check(value: object) -> None:
        again = json.loads(canonical(value), parse_int=float)  # the RFC's numbers are doubles, all of them
        assert again == value
        assert canonical(again) == canonical(value)

    for_all(lambda random: some_json(random, json_leaf, some_text), check, examples=500)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {1: "a"}, object(), {"a": {1, 2}}])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical(value)


def test_a_leaf_is_hashed_apart_from_plain_bytes() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # RFC 6962 test vector
    assert leaf_hash(b"event") == hashlib.sha256(b"\x00event").digest() != bytes.fromhex(sha256_hex(b"event"))
