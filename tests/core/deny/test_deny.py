"""The deny list, over both databases: what is on it is refused, in every process, until it is taken off or expires."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import PIL.Image
import PIL.ImageDraw
import pytest
from sqlalchemy import select

from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import events
from limner.database.timestamp import after
from limner.deny import DenyList, add, listed, remove
from limner.deny.words import everywhere, plainly
from limner.errors import PluginError, UsageError
from limner.generation import Caller, Decision, Image, Request
from limner.images.fingerprint import fingerprint
from limner.keys import Keys

Live = Callable[..., DenyList]


@pytest.fixture
def live(database: Database, keys: Keys) -> Live:
    """A process's view of the list; its clock stands still, so `clock` moves it."""

    def make(find: Callable[[str, Sequence[str]], set[int]] = lambda text, terms: set(), **more: object) -> DenyList:
        return DenyList(database, keys, everywhere(find), **more)  # type: ignore[arg-type]

    return make


def asked(prompt: str = "a field", subject: str = "local:ann", **more: object) -> Request:
    return Request("r", "generate", "p", prompt, Caller(subject, "local"), **more)  # type: ignore[arg-type]


def picture(colour: str = "white", at: int = 20) -> Image:
    drawn = PIL.Image.new("RGB", (96, 96), colour)
    PIL.ImageDraw.Draw(drawn).ellipse((at, 30, at + 40, 80), fill="black")
    return Image(drawn)


def rule(decision: Decision | None) -> str:
    assert decision is not None
    assert (decision.action, decision.policy) == ("block", "deny list")
    return decision.rules[0]


def test_terms_subjects_and_images_are_refused(writer: AuditWriter, keys: Keys, live: Live) -> None:
    term = add(writer, "term", "Red Kite", actor="local:op", reason="a campaign")
    subject = add(writer, "subject", keys.lookup("local:eve"), actor="local:op", reason="abuse")
    image = add(writer, "image", f"{fingerprint(picture()):016x}", actor="local:op", reason="a logo")
    now = live()
    assert now.of_request(asked("a red kiteboard")) is None
    assert rule(now.of_request(asked("ＲＥＤ-kite flying"))) == f"deny:{term.id}"
    assert rule(now.of_request(asked(negative_prompt="red kite"))) == f"deny:{term.id}"
    assert rule(now.of_prompt("the red kite")) == f"deny:{term.id}"
    assert rule(now.of_request(asked(subject="local:eve"))) == f"deny:{subject.id}"
    smaller = Image(picture().pillow().resize((48, 48)))
    assert rule(now.of_image(smaller)) == f"deny:{image.id}"
    assert now.of_image(Image(PIL.Image.effect_noise((96, 96), 90).convert("RGB"))) is None


def test_a_change_is_live_within_a_second_and_has_a_revision(writer: AuditWriter, database: Database, live: Live) -> None:
    time = [0.0]
    other_process = live(clock=lambda: time[0])
    before = other_process.revision
    term = add(writer, "term", "kite", actor="local:op", reason="a campaign")
    time[0] = 1.0
    decision = other_process.of_request(asked("a kite"))
    assert decision is not None
    assert decision.deny_revision == other_process.revision != before
    remove(writer, database, term.id[:6], actor="local:op", reason="it is over")
    time[0] = 2.0
    assert other_process.of_request(asked("a kite")) is None
    assert other_process.revision == before


def test_a_look_ahead_of_time_spares_who_is_judged_soon_the_next_one(writer: AuditWriter, live: Live) -> None:
    time = [0.0]
    process = live(clock=lambda: time[0])
    before = process.revision
    add(writer, "term", "kite", actor="local:op", reason="a campaign")
    time[0] = 0.4
    process.look()  # it has just looked
    assert process.revision == before
    time[0] = 0.6
    process.look()
    assert (changed := process.revision) != before
    time[0] = 1.5
    assert process.revision == changed


def test_what_has_expired_no_longer_stands(writer: AuditWriter, database: Database, live: Live) -> None:
    kept = add(writer, "term", "kite", actor="local:op", reason="for an hour", expires=after(days=1 / 24))
    assert [denial.id for denial in listed(database)] == [kept.id]
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE denials SET expires = '2020-01-01T00:00:00.000000Z'")
    assert listed(database) == ()
    assert live().of_request(asked("a kite")) is None


def test_each_change_is_an_event_with_actor_and_reason(writer: AuditWriter, database: Database, keys: Keys) -> None:
    denial = add(writer, "subject", keys.lookup("local:eve"), actor="local:op", reason="abuse")
    remove(writer, database, denial.id, actor="local:op", reason="a mistake")
    with database.reading() as connection:
        added, removed = (json.loads(data) for data in connection.scalars(select(events.c.canonical).order_by(events.c.index)))
    assert (added["kind"], added["body"]["reason"]) == ("deny.added", "abuse")
    assert (removed["kind"], removed["body"]["reason"]) == ("deny.removed", "a mistake")
    assert added["subject"] == removed["subject"] != ""
    assert "eve" not in json.dumps(added)


@pytest.mark.parametrize("value", ["", "  ", "x" * 201])
def test_what_cannot_be_meant_is_refused(writer: AuditWriter, database: Database, value: str) -> None:
    with pytest.raises(UsageError):
        add(writer, "term", value, actor="local:op", reason="why")
    with pytest.raises(UsageError, match="reason"):
        add(writer, "term", "kite", actor="local:op", reason=" ")
    with pytest.raises(UsageError, match="expired"):
        add(writer, "term", "kite", actor="local:op", reason="why", expires=after(-1))
    with pytest.raises(UsageError, match="no entry"):
        remove(writer, database, "12ab", actor="local:op", reason="why")


def test_a_list_that_cannot_be_read_or_searched_refuses_everything(writer: AuditWriter, database: Database, live: Live) -> None:
    add(writer, "term", "kite", actor="local:op", reason="why")

    def breaks(text: str, terms: Sequence[str]) -> set[int]:
        raise PluginError("the word filter is on fire")

    broken = live(breaks).of_request(asked("a field"))
    assert broken is not None
    assert (broken.action, broken.error) == ("block", "the deny list cannot be asked: PluginError")
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE denials RENAME TO mislaid")
    try:
        unread = live().of_request(asked("a field"))
        assert unread is not None
        assert unread.error
    finally:
        with database.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE mislaid RENAME TO denials")


def test_what_a_plugin_sees_through_counts_as_well(writer: AuditWriter, live: Live) -> None:
    denial = add(writer, "term", "kite", actor="local:op", reason="why")
    assert rule(live(lambda text, terms: {0} if "k1te" in text else set()).of_prompt("a k1te")) == f"deny:{denial.id}"


def test_plain_search_takes_bounded_time() -> None:
    assert list(plainly("e" + "\u0301" * 100_000 + " kite", ["kite", "red kite"])) == [0]


@pytest.mark.parametrize("value", ["a logo", "12ab", "G" * 16])
def test_an_image_is_denied_by_a_fingerprint_alone(writer: AuditWriter, value: str) -> None:
    with pytest.raises(UsageError, match="16 hexadecimal digits"):
        add(writer, "image", value, actor="local:op", reason="why")
