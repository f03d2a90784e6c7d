"""Payloads: what an event commits to and can be erased from beside it.

Each payload gets a salt and a data key of its own. The event keeps HMAC-SHA256(salt, payload), which proves the payload while
its salt is known and tells nothing once it is gone. Salt and payload lie together under the data key, the data key under the
subject's.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from limner.database.subjects import Subject
from limner.errors import AuditError
from limner.keys import decrypt, encrypt, new_key

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A payload ready to be stored, and the hex commitment that the event keeps."""

    name: str
    wrapped_key: bytes
    sealed: bytes
    commitment: str


def seal(subject: Subject, event_id: str, name: str, payload: bytes) -> SealedPayload:
    """Commit to a payload and encrypt it for its subject, bound to the event and the name it has there."""
    salt, data_key = secrets.token_bytes(SALT_BYTES), new_key()
    return SealedPayload(
        name=name,
        wrapped_key=subject.wrap(data_key, "payload key", event_id, name),
        sealed=encrypt(data_key, salt + payload, "payload", event_id, name),
        commitment=commit(salt, payload),
    )


def unseal(subject: Subject, event_id: str, stored: SealedPayload) -> bytes:
    """The payload. Raises AuditError if what is stored does not decrypt, or is not what the event committed to."""
    salt, payload = open_sealed(subject, event_id, stored)
    if not hmac.compare_digest(commit(salt, payload), stored.commitment):
        raise AuditError("it is not what the event committed to", where=f"payload {stored.name} of event {event_id}")
    return payload


def open_sealed(subject: Subject, event_id: str, stored: SealedPayload) -> tuple[bytes, bytes]:
    """Salt and payload, not yet held against a commitment. Raises AuditError if what is stored does not decrypt."""
    data_key = subject.unwrap(stored.wrapped_key, "payload key", event_id, stored.name)
    opened = decrypt(data_key, stored.sealed, "payload", event_id, stored.name)
    return opened[:SALT_BYTES], opened[SALT_BYTES:]


def commit(salt: bytes, payload: bytes) -> str:
    """The hex commitment to a payload: HMAC-SHA256 keyed with the salt."""
    return hmac.digest(salt, payload, "sha256").hex()
