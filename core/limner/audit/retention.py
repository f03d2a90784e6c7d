"""Retention: how long images and payloads are kept, by class, and the erasing of what has outlived it.

    limner: 1
    retention:
      blocked: {of: payloads, outcomes: [withheld], keep: 30d}
      images: {of: images, keep: 1y}
      words: {of: payloads, keep: 2y}

The first class that fits an item decides; what fits none is kept. A class may ask for outcomes (all of a request's are among
them) and cohorts. Time counts from a request's acceptance; one that is not closed keeps everything, and so does a legal hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select

from limner.audit.administering import RETAINED, administered
from limner.audit.erasing import ALL_IMAGES, ALL_PAYLOADS, Erasable, Forget, ImageRow, PayloadRow, destroy, without_held
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import events, images, outcomes, payloads, requests
from limner.database.timestamp import FORM
from limner.errors import InvalidFile
from limner.generation import Outcome
from limner.yaml_problems import pydantic_problems
from limner.yaml_source import load_yaml

FILE = "retention.yaml"
DAYS = {"d": 1, "w": 7, "y": 365}
MOST_DAYS = 100 * 365


def _duration(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}[dwy]", text) or int(text[:-1]) * DAYS[text[-1]] > MOST_DAYS:
        raise ValueError("a duration is a number and d, w or y, 100 years at most: 30d, 8w, 2y")
    return text


class RetentionClass(BaseModel):
    """One class: what it is of, whose, and how long that is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Literal["images", "payloads"]
    keep: Annotated[str, AfterValidator(_duration)]
    outcomes: tuple[Outcome, ...] = ()
    cohorts: tuple[str, ...] = ()

    @property
    def kept_for(self) -> timedelta:
        """How long it is kept."""
        return timedelta(days=int(self.keep[:-1]) * DAYS[self.keep[-1]])

    def fits(self, request: _Request) -> bool:
        """Whether a request's items may belong to it."""
        by_cohort = not self.cohorts or request.cohort in self.cohorts
        return by_cohort and (not self.outcomes or request.outcomes <= set(self.outcomes))


class RetentionFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limner: Literal[1]
    retention: dict[str, RetentionClass]


@dataclass(frozen=True, slots=True)
class _Request:
    id: str
    time: str
    cohort: str
    outcomes: frozenset[str]


def load_retention(path: Path) -> Mapping[str, RetentionClass]:
    """The classes in the order of the file. Raises InvalidFile with all its mistakes."""
    document = load_yaml(path)
    try:
        return RetentionFile.model_validate(document.value).retention
    except ValidationError as error:
        raise InvalidFile(pydantic_problems(error, document, (), RetentionFile)) from None


def expired(connection: Connection, classes: Mapping[str, RetentionClass], now: datetime) -> Mapping[str, Erasable]:
    """By class, what has outlived it."""
    over = _over(connection)
    found_images: dict[str, list[ImageRow]] = {name: [] for name in classes}
    found_payloads: dict[str, list[PayloadRow]] = {name: [] for name in classes}
    for id, request_id, subject in connection.execute(ALL_IMAGES.where(images.c.wrapped_key.is_not(None))):
        if name := _outlived(over.get(request_id), "images", classes, now):
            found_images[name].append(ImageRow(id, request_id, subject))
    query = ALL_PAYLOADS.where(payloads.c.wrapped_key.is_not(None)).order_by(events.c.index)
    for row in (PayloadRow(*columns) for columns in connection.execute(query)):
        if name := _outlived(over.get(row.request_id), "payloads", classes, now):
            found_payloads[name].append(row)
    return {name: without_held(connection, found_images[name], found_payloads[name]) for name in classes}


def retain(
    database: Database, writer: AuditWriter, classes: Mapping[str, RetentionClass], *, actor: str, forget: Forget
) -> Mapping[str, Erasable]:
    """Erase what has outlived its class, one event a class; returns what went. Raises AuditError if it cannot be recorded."""
    with database.reading() as connection:
        found = expired(connection, classes, datetime.now(UTC))
    for name, going in found.items():
        if not going.empty:
            destroy(database, writer, administered(RETAINED, actor, _told(name, classes[name], going)), going, forget)
    return found


def _told(name: str, rule: RetentionClass, going: Erasable) -> dict[str, object]:
    return {
        "class": name,
        "of": rule.of,
        "keep": rule.keep,
        "reason": f"kept for {rule.keep} as {name}",
        "images": [image.id for image in going.images],
        "payloads": [row.told for row in going.payloads],
        "kept_by": list(going.kept_by),
    }


def _over(connection: Connection) -> dict[str, _Request]:
    """The requests that are closed."""
    ended: dict[str, set[str]] = {}
    for request_id, outcome in connection.execute(select(outcomes.c.request_id, outcomes.c.outcome)):
        ended.setdefault(request_id, set()).add(outcome)
    query = select(requests.c.id, requests.c.time, requests.c.cohort).where(requests.c.closed.is_not(None))
    return {id: _Request(id, time, cohort, frozenset(ended.get(id, ()))) for id, time, cohort in connection.execute(query)}


def _outlived(request: _Request | None, of: str, classes: Mapping[str, RetentionClass], now: datetime) -> str | None:
    """The class that a request's item has outlived; None if it is to be kept."""
    if request is None:
        return None
    name = next((name for name, rule in classes.items() if rule.of == of and rule.fits(request)), None)
    if name is None or request.time >= (now - classes[name].kept_for).strftime(FORM):
        return None
    return name
