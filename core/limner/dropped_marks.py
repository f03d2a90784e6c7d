"""Noticing that images are no longer marked: a pipeline whose policy asked for marks runs under one that does not.

Marks and content credentials are on by default. Turning one off is the operator's right, and is itself on the record: an event
at the first start after which a pipeline's requests go without what its last request had to have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from sqlalchemy import select

from limner.admission import Checked
from limner.audit.event import Event
from limner.audit.recorded import as_recorded
from limner.audit.texts import read_text
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import events, requests
from limner.policy import Policy
from limner.policy.bundle import from_bundle
from limner.stage_call import stage_of
from limner.step import Step

MARKS_DROPPED = "policy.marks_dropped"
STAGES = ("watermark", "attest")


def record_dropped_marks(
    database: Database, writer: AuditWriter, pipelines: Mapping[str, Checked], steps: Mapping[str, type[Step]]
) -> None:
    """Record each pipeline whose policy no longer requires a mark or credentials that its last request had to have."""
    found = [event for name, checked in pipelines.items() for event in _dropped(database, name, checked.policy.policy, steps)]
    if found:
        writer.append(found).result()


def _dropped(database: Database, pipeline: str, policy: Policy, steps: Mapping[str, type[Step]]) -> Iterator[Event]:
    before = _last_policy(database, pipeline)
    if before is None or before.revision == policy.revision:
        return
    dropped = [name for name in before.requires if name not in policy.requires and _is_mark(name, steps)]
    if dropped:
        body = {
            "pipeline": pipeline,
            "policy": {"name": policy.name, "revision": policy.revision},
            "before": {"name": before.name, "revision": before.revision},
            "dropped": dropped,
        }
        told = f"{MARKS_DROPPED} {pipeline} {before.revision} {policy.revision}"
        yield Event(MARKS_DROPPED, "", body, id=hashlib.sha256(told.encode()).hexdigest()[:32])  # once, however often it starts


def _last_policy(database: Database, pipeline: str) -> Policy | None:
    """The policy of the pipeline's last request, as it stood; None if it never had one."""
    accepted = events.c.index == requests.c.event
    query = select(events.c.index, events.c.canonical).join(requests, accepted).where(requests.c.pipeline == pipeline)
    with database.reading() as connection:
        last = connection.execute(query.order_by(requests.c.event.desc()).limit(1)).first()
    if last is None:
        return None
    with as_recorded(last[0]):
        text = read_text(database, json.loads(last[1])["body"]["policy"]["revision"])
        return from_bundle(text) if text else None


def _is_mark(name: str, steps: Mapping[str, type[Step]]) -> bool:
    """Whether a requirement, a stage's name or a step's, is one for marks or credentials."""
    return name in STAGES or (name in steps and stage_of(steps[name]).name in STAGES)
