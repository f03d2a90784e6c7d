from __future__ import annotations

import json
import math
import time
from random import Random
from types import MappingProxyType
from uuid import RFC_4122, UUID

import pytest
from properties import for_all, json_leaf, some_integer, some_json, some_text

from limner.audit.event import Event, canonical_body, canonical_event, json_payload, plain, text_payload
from limner.canonical import canonical


def test_whatever_json_like_value_comes_has_canonical_bytes() -> None:
    def text(random: Random) -> str:
        return some_text(random, surrogates=True)

    def leaf(random: Random) -> object:
        beyond = random.choice((math.nan, math.inf, -math.inf, some_integer(random, 2**70), text(random)))
        return random.choice((json_leaf(random), beyond))

    def check(value: object) -> None:
        json.loads(canonical(plain(value)))

    for_all(lambda random: some_json(random, leaf, text), check, examples=500)


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (2**48 - 1, 2**48 - 1),
        (2**53, "9007199254740992"),
        (True, True),
        ((1, 2), [1, 2]),
        (MappingProxyType({"a": (None,)}), {"a": [None]}),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_json_numbers_cannot_carry_is_recorded_as_text(value: object, recorded: object) -> None:
    assert plain(value) == recorded


def test_bytes_and_objects_are_not_recorded() -> None:
    for value in (b"data", object(), {"a": {1}}):
        with pytest.raises(TypeError, match="is not recorded"):
            plain(value)


def test_payloads_need_someone_they_are_about() -> None:
    with pytest.raises(ValueError, match="names the subject"):
        Event("decision", "r1", {}, {"evidence": b"{}"})


def test_commitments_are_not_for_the_caller_to_fill_in() -> None:
    with pytest.raises(ValueError, match="commitments"):
        Event("decision", "r1", {"commitments": {}})


def test_the_canonical_bytes_hold_all_that_an_event_says() -> None:
    event = Event("decision", "r1", {"action": "allow"}, {"evidence": b"{}"}, "local:ada", id="0" * 32)
    data = canonical_event(event, time="2026-11-22T16:41:43.123456Z", pseudonym="abc", commitments={"evidence": "def"})
    assert data == canonical(json.loads(data))
    assert json.loads(data) == {
        "id": "0" * 32,
        "kind": "decision",
        "request": "r1",
        "subject": "abc",
        "time": "2026-11-22T16:41:43.123456Z",
        "version": 1,
        "body": {"action": "allow", "commitments": {"evidence": "def"}},
    }
    assert b"ada" not in data


def test_a_body_that_was_written_beforehand_makes_no_difference() -> None:
    event = Event('an "odd" kind', "r\n1 — 😀", {"b": [1.0, None], "a": "é"})
    for pseudonym in ("", "abc"):
        data = canonical_event(event, time="now", pseudonym=pseudonym, commitments={}, body=canonical_body(event))
        assert data == canonical_event(event, time="now", pseudonym=pseudonym, commitments={})
        assert data == canonical(json.loads(data))


def test_a_body_that_is_not_final_or_cannot_be_written_is_left_for_later() -> None:
    assert canonical_body(Event("decision", "r1", {}, {"evidence": b"{}"}, "local:ada")) is None
    assert canonical_body(Event("decision", "r1", {"value": math.nan})) is None


def test_every_event_has_an_id_of_its_own_that_begins_with_the_time() -> None:
    before = time.time()
    ids = [UUID(Event("note", "", {}).id) for _ in range(100)]
    assert len(set(ids)) == 100
    for id in ids:
        assert (id.version, id.variant) == (7, RFC_4122)
        assert before - 0.001 <= (id.int >> 80) / 1000 <= time.time()


def test_text_and_json_survive_as_payloads_even_with_lone_surrogates() -> None:
    assert text_payload("a\udcffb").decode("utf-8", "surrogatepass") == "a\udcffb"
    assert json.loads(json_payload({"before": "a\udcffb"})) == {"before": "a\\udcffb"}
