"""The deny list as one process sees it: read again from the database when it has changed, and asked at every gate.

What is denied is refused by a decision like any other, under the policy `deny list`, whose revision names the list as it stood.
A list that cannot be read refuses everything: so does a word filter that breaks while it looks for denied terms.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from limner.canonical import canonical, sha256_hex
from limner.database.connection import Database
from limner.database.tables import denials
from limner.database.timestamp import timestamp
from limner.deny.denials import Denial, read
from limner.errors import LimnerError
from limner.generation import Decision, Finding, Gate, Image, Request
from limner.images.fingerprint import distance, fingerprint
from limner.images.likeness import ALIKE
from limner.keys import Keys

POLICY = "deny list"
MESSAGE = "This service does not make this."
FRESH = 1.0  # seconds that a look at the database lasts

FindTerms = Callable[[str, Sequence[str]], Iterable[int]]  # (text, terms) -> the indexes of the terms in it


@dataclass(frozen=True, slots=True)
class _Seen:
    """The list as it was read: `change` is the number of its last change, `at` when it was looked for.

    `revisions` are by how many entries stand: as time goes on they only expire, so the number tells which.
    """

    denials: tuple[Denial, ...]
    change: int
    at: float
    revisions: dict[int, str] = field(default_factory=dict)

    def standing(self) -> _Standing:
        now = timestamp()
        entries = tuple(denial for denial in self.denials if denial.stands(now))
        if len(entries) not in self.revisions:
            self.revisions[len(entries)] = sha256_hex(canonical(sorted(denial.id for denial in entries)))[:16]
        return _Standing(entries, self.revisions[len(entries)])


class _Standing(NamedTuple):
    """The entries that stand, and what they are called by."""

    entries: tuple[Denial, ...]
    revision: str


class DenyList:
    """What is denied now. Thread-safe. `find_terms` looks for terms as word filters do; `clock` is in seconds."""

    def __init__(
        self, database: Database, keys: Keys, find_terms: FindTerms, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._keys, self._find_terms, self._clock = database, keys, find_terms, clock
        self._lock = threading.Lock()
        self._seen: _Seen | None = None

    def _standing(self, fresh: float = FRESH) -> _Standing:
        """The list as it stood at most `fresh` seconds ago. Raises DBAPIError where the database is away."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen.at >= fresh:
                self._seen = self._look(self._seen)
            return self._seen.standing()

    def look(self) -> None:
        """Look at the database now, if it soon has to be: so a request that is judged then need not wait for that."""
        with suppress(SQLAlchemyError, LimnerError):  # it is asked again when something is judged, and then refused
            self._standing(FRESH / 2)

    def of_request(self, request: Request) -> Decision | None:
        """The refusal of a request for its caller, words or inputs; None where nothing is denied."""
        lookup = self._keys.lookup(request.caller.subject)
        inputs = [given.image for given in request.inputs if given.role != "mask"]

        def in_words(entries: Sequence[Denial]) -> Iterator[Denial]:
            yield from (denial for denial in entries if denial.kind == "subject" and denial.value == lookup)
            yield from self._terms_in(request.prompt, entries)
            yield from self._terms_in(request.negative_prompt, entries)

        def in_inputs(entries: Sequence[Denial]) -> Iterator[Denial]:
            return (denial for image in inputs for denial in _alike(image, entries))

        return self._decide("prompt", in_words) or self._decide("upload", in_inputs)

    def of_prompt(self, prompt: str) -> Decision | None:
        """The refusal of a prompt as a step has rewritten it."""
        return self._decide("prompt", lambda entries: self._terms_in(prompt, entries))

    def of_image(self, image: Image) -> Decision | None:
        """The refusal of an image that is about to leave."""
        return self._decide("image", lambda entries: _alike(image, entries))

    def of_made(self, request: Request, prompts: Sequence[str], image: Image | None) -> Decision | None:
        """The refusal, now, of what was made some time ago, by any of the three: `prompts` are as steps had rewritten them."""
        refused = self.of_request(request)
        for prompt in prompts:
            refused = refused or self.of_prompt(prompt)
        return refused or (self.of_image(image) if image else None)

    @property
    def revision(self) -> str:
        """Sixteen hex digits of the hash of the entries that stand; empty where they cannot be read."""
        try:
            return self._standing().revision
        except DBAPIError:
            return ""

    def _decide(self, gate: Gate, find: Callable[[Sequence[Denial]], Iterable[Denial]]) -> Decision | None:
        started = time.perf_counter()
        revision, error = "", ""
        findings: tuple[Finding, ...] = ()
        try:
            entries, revision = self._standing()
            findings = tuple(_finding(denial) for denial in {denial.id: denial for denial in find(entries)}.values())
        except (DBAPIError, LimnerError) as broken:
            error = f"the deny list cannot be asked: {type(broken).__name__}"
            findings = (Finding("deny:list", "error", "block", "enforce", detail=error),)
        if not findings:
            return None
        seconds = time.perf_counter() - started
        return Decision(
            gate, "block", POLICY, revision, findings, message=MESSAGE, error=error, seconds=seconds, deny_revision=revision
        )

    def _terms_in(self, text: str, entries: Sequence[Denial]) -> Iterator[Denial]:
        terms = [denial for denial in entries if denial.kind == "term"]
        if text and terms:
            yield from (terms[index] for index in sorted(set(self._find_terms(text, [denial.value for denial in terms]))))

    def _look(self, before: _Seen | None) -> _Seen:
        """The list, read again only where it has changed."""
        at = self._clock()
        with self._database.reading() as connection:
            change = connection.scalar(select(func.max(denials.c.changed))) or 0
            if before is not None and before.change == change:
                return replace(before, at=at)
            return _Seen(read(connection), change, at)


def _alike(image: Image, entries: Sequence[Denial]) -> Iterator[Denial]:
    denied = [denial for denial in entries if denial.kind == "image"]
    if denied:
        seen = fingerprint(image)
        yield from (denial for denial in denied if distance(seen, int(denial.value, 16)) <= ALIKE)


def _finding(denial: Denial) -> Finding:
    return Finding(f"deny:{denial.id}", "fail", "block", "enforce", message=MESSAGE)
