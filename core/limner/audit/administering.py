"""Events of those who look after the record: they concern it, or a request, and belong to whoever acted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limner.audit.event import Event, plain
from limner.audit.heads import endorse, public_key
from limner.audit.verifier import ROTATED, Key
from limner.audit.writer import AuditWriter
from limner.errors import UsageError
from limner.files import locked
from limner.keys import Keys, new_signing_key, open_folder

ERASED = "audit.erased"
EXPORTED = "audit.exported"
EVIDENCE = "audit.evidence"
HOLD_PLACED = "audit.hold_placed"
HOLD_LIFTED = "audit.hold_lifted"
MARK_KEY_ADDED = "keys.mark_key_added"
REPLAYED = "audit.replayed"
RETAINED = "audit.retention"
BACKED_UP = "state.backed_up"
RESTORED = "state.restored"


def administered(kind: str, actor: str, body: Mapping[str, Any], *, request_id: str = "") -> Event:
    """An event of this kind by `actor`, who stands in it by pseudonym. `body` is in the clear, a reason in it too."""
    return Event(kind, request_id, plain(body), subject=actor)


def rotate(writer: AuditWriter, keys: Keys, actor: str, reason: str) -> Keys:
    """Replace the signing key, on the record: the old key endorses the new one, and is then destroyed.

    Heads are signed with the new key by processes that start afterwards. Raises UsageError where `keys` have another than the
    present one: it was replaced since they were opened.
    """
    old, signing = public_key(keys), new_signing_key()
    new = Key(keys.origin, signing.public_key().public_bytes_raw())
    body = {"old": old.text, "new": new.text, "endorsement": endorse(keys, new), "reason": reason}
    with locked(keys.folder / "lock"):
        if public_key(open_folder(keys.folder, create=False)) != old:
            raise UsageError("the signing key has been replaced meanwhile", where=str(keys.folder), fix="run it again")
        writer.append([administered(ROTATED, actor, body)]).result()
        return keys.replace_signing(signing, old.text)
