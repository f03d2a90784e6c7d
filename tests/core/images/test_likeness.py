from __future__ import annotations

from collections.abc import Callable

import pytest

from limner.audit.events import Pinned, image_outcome, request_accepted
from limner.audit.reading import request as record_of
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.generation import Caller, Request
from limner.images.likeness import AddFingerprint, RemoveFingerprints, alike
from limner.images.store import ImageStore
from limner.keys import Keys

HIGH = 2**63 + 5  # past what the database's signed integers hold


@pytest.fixture
def keep(tmp_path, keys: Keys, writer: AuditWriter) -> Callable[[str, int], str]:
    """Records a request with one image of this fingerprint; gives the image's id."""
    store = ImageStore(tmp_path / "images", keys)

    def record(id: str, fingerprint: int) -> str:
        asked = Request(id, "generate", "text-to-image", "a red circle", Caller("local:ada", "local"))
        stored = store.write(b"file", "local:ada", request_id=id, index=0, pixels_sha256="")
        ended = image_outcome(id, 0, "released", image_id=stored.id, fingerprint=fingerprint, subject="local:ada")
        events = [request_accepted(asked, Pinned("", "standard", "", {}, "", {}, "lease")), ended]
        writer.append(events, [*stored.changes, AddFingerprint(stored.id, fingerprint)]).result(30)
        return stored.id

    return record


def test_the_nearest_come_first_and_none_from_afar(database: Database, keep: Callable[[str, int], str]):
    same, near, _ = keep("same", HIGH), keep("near", HIGH ^ 0b111), keep("far", HIGH ^ (2**20 - 1))
    found = alike(database, HIGH)
    assert [(image.image_id, image.request_id, image.index, image.distance) for image in found] == [
        (same, "same", 0, 0),
        (near, "near", 0, 3),
    ]
    assert [image.request_id for image in alike(database, HIGH, within=64)] == ["same", "near", "far"]
    assert [image.request_id for image in alike(database, HIGH, limit=1)] == ["same"]


def test_what_is_removed_is_not_found(database: Database, writer: AuditWriter, keep: Callable[[str, int], str]):
    gone, stays = keep("gone", 7), keep("stays", 7)
    writer.append([], [RemoveFingerprints([gone])]).result(30)
    assert [image.image_id for image in alike(database, 7)] == [stays]


def test_on_the_record_a_fingerprint_is_a_payload(database: Database, keys: Keys, keep: Callable[[str, int], str]):
    keep("r1", HIGH)
    ended = record_of(database, keys, "r1").events[1]
    assert ended.payloads["fingerprint"].value == f"{HIGH:016x}"
    assert "fingerprint" not in ended.body
