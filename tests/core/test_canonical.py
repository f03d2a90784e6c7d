from __future__ import annotations

import hashlib
import json
import math
from random import Random

import pytest
import rfc8785
from properties import EDGES, for_all, json_leaf, some_float, some_json, some_text

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


def test_the_quick_way_gives_the_bytes_that_the_package_gives() -> None:
    def text(random: Random) -> str:
        return random.choice((some_text(random), "".join(random.choices('AZaz~ "\\\x00\x1f\x7f', k=random.randint(0, 5)))))

    def check(value: object) -> None:
        assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]

    for_all(lambda random: some_json(random, json_leaf, text), check, examples=1000)
    for_all(lambda random: [some_float(random) for _ in range(100)], check)
    for_all(
        lambda random: [math.nextafter(edge, toward) for edge in EDGES for toward in (-math.inf, math.inf)], check, examples=1
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {1: "a"}, object(), {"a": {1, 2}}])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical(value)


def test_a_leaf_is_hashed_apart_from_plain_bytes() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # RFC 6962 test vector
    assert leaf_hash(b"event") == hashlib.sha256(b"\x00event").digest() != bytes.fromhex(sha256_hex(b"event"))
