from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest

from limner.audit.payloads import SALT_BYTES, seal, unseal
from limner.database.subjects import Subject
from limner.errors import AuditError
from limner.keys import decrypt, new_key

ADA = Subject("ada's pseudonym", new_key())


def test_a_payload_opens_for_its_subject_and_is_what_was_committed_to() -> None:
    sealed = seal(ADA, "event-1", "prompt", b"a red circle")
    assert unseal(ADA, "event-1", sealed) == b"a red circle"
    data_key = ADA.unwrap(sealed.wrapped_key, "payload key", "event-1", "prompt")
    salt = decrypt(data_key, sealed.sealed, "payload", "event-1", "prompt")[:SALT_BYTES]
    assert sealed.commitment == hmac.new(salt, b"a red circle", hashlib.sha256).hexdigest()


def test_equal_payloads_cannot_be_told_to_be_equal() -> None:
    one, two = seal(ADA, "event-1", "prompt", b"a red circle"), seal(ADA, "event-2", "prompt", b"a red circle")
    assert one.commitment != two.commitment
    assert one.sealed != two.sealed


def test_a_payload_that_was_moved_changed_or_exchanged_is_refused() -> None:
    sealed, other = seal(ADA, "event-1", "prompt", b"a red circle"), seal(ADA, "event-1", "prompt", b"a blue square")
    for stored, event_id in (
        (sealed, "event-2"),
        (replace(sealed, name="negative_prompt"), "event-1"),
        (replace(sealed, sealed=other.sealed), "event-1"),
        (replace(other, commitment=sealed.commitment), "event-1"),  # whole and well encrypted, but not this event's
        (replace(sealed, wrapped_key=b""), "event-1"),
    ):
        with pytest.raises(AuditError):
            unseal(ADA, event_id, stored)
    with pytest.raises(AuditError):
        unseal(Subject("another", new_key()), "event-1", sealed)
