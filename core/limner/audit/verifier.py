"""Verifies Limner's record without Limner: needs Python 3.11, the package `cryptography`, an export and the log's public key.

    python verify.py EXPORT --key KEY [--head FILE]

EXPORT is a folder, or a zip: an evidence pack as it came.

The record is a Merkle tree over events (RFC 6962): a leaf is the SHA-256 of a zero byte and the event's bytes, an inner node
that of a one byte and its two children. A head is the tree's size and root in a signed note (C2SP tlog-checkpoint and
signed-note), signed with Ed25519.

This file goes with every export as it stands, and Limner itself verifies with the same code. It is one file on purpose,
however long: whoever doubts a record can read all that judges it, carry it anywhere, and run it with nothing of ours installed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import hmac
import json
import re
import sys
import tempfile
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"  # the signature type of a signed note
EMPTY_ROOT = hashlib.sha256(b"").digest()
CLOCK_TOLERANCE = 5.0  # seconds that the clocks of several machines may differ
ROTATED, ACCEPTED, OUTCOME = "keys.rotated", "request.accepted", "image.outcome"  # kinds of events
TEXTS_NAMED = (b'"pipeline":{"hash":"', b'"plugins":"', b'"revision":"', b'"revision":"')  # the policy's, and a shadow's
FILE_NAMED = re.compile(rb'"file":\{[^{}]*"sha256":"(\w{64})"')
IMAGE_NAMED = re.compile(rb'"image":"(\w+)"')
SIGNATURE = re.compile(r"— [^\s+]+ [A-Za-z0-9+/]+={0,2}")  # a line of a signed note
FOR_READING = ("index.html", "record.json")  # files of an evidence pack that nothing vouches for


def leaf_hash(data: bytes) -> bytes:
    """The hash of one event (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (32 bytes)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Range:
    """A tree that grows leaf by leaf, kept as the roots of its perfect subtrees, largest first."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)

    def append(self, hash: bytes) -> None:
        """Add a leaf by its hash."""
        peaks, left = self.peaks, self.size
        while left & 1:
            hash = hashlib.sha256(b"\x01" + peaks.pop() + hash).digest()
            left >>= 1
        peaks.append(hash)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        if not self.peaks:
            return EMPTY_ROOT
        *rest, hash = self.peaks
        for peak in reversed(rest):
            hash = node_hash(peak, hash)
        return hash


def root_by_proof(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); None where it cannot be one for this place."""
    if not 0 <= index < size:
        return None
    node, last, hash = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            hash = node_hash(sibling, hash)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hash = node_hash(hash, sibling)
        node, last = node >> 1, last >> 1
    return hash if last == 0 else None


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of a log, in the form `<origin>+<id>+<base64>` that signed notes use."""

    origin: str
    public: bytes  # 32 bytes

    @property
    def id(self) -> bytes:
        """Four bytes by which a signature names its key."""
        return hashlib.sha256(self.origin.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The key in one line."""
        return f"{self.origin}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key of such a line. Raises ValueError for anything else."""
        origin, _, rest = text.strip().partition("+")
        id, _, encoded = rest.partition("+")
        data = base64.b64decode(encoded, validate=True)
        key = cls(origin, data[1:])
        if data[:1] != ED25519 or len(data) != 33 or key.id.hex() != id:
            raise ValueError(f"not a log's public key: {text.strip()!r}")
        return key

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Head:
    """A signed note that says: the log of this origin had so many events, and this root."""

    origin: str
    size: int
    root: bytes
    note: str

    @classmethod
    def parse(cls, note: str) -> Head:
        """Raises ValueError for what is no such note, from its first line to its last."""
        text, _, signatures = note.partition("\n\n")
        *lines, rest = signatures.split("\n")
        if rest or not lines or not all(map(SIGNATURE.fullmatch, lines)):
            raise ValueError("a signed head ends in its signatures, a line each and nothing else")
        origin, size, root, *_ = [*text.split("\n"), "", ""]
        hash = base64.b64decode(root, validate=True)
        if not origin or len(hash) != 32 or not (size.isascii() and size.isdigit()) or size != str(int(size)):
            raise ValueError("a signed head begins with the log's name, size and root")
        return cls(origin, int(size), hash, note)

    def is_signed(self, keys: Iterable[Key]) -> bool:
        """Whether one of the keys, of this log, has signed it."""
        text, _, signatures = self.note.partition("\n\n")
        signed = (text + "\n").encode()
        for line in signatures.splitlines():
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.rpartition(" ")
            try:
                data = base64.b64decode(encoded, validate=True)
            except ValueError:
                continue
            for key in keys:
                if dash == "—" and name == key.origin == self.origin and data[:4] == key.id and key.signed(signed, data[4:]):
                    return True
        return False


class Row(NamedTuple):
    """One event as it is stored or exported: its canonical bytes, and what stands beside them."""

    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    id: str
    request: str
    kind: str
    version: int
    time: str
    canonical: bytes
    leaf_hash: bytes


TYPES = (int, str, str, str, int, str, bytes, bytes)  # of a row


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and with which rows: from `first` to `last`, both None where it is with no row.

    `kind` is `changed`, `missing`, `inserted`, `reordered`, `forged head`, `clock`, `payload`, or, in a database, `table`: a
    table beside the events that does not agree with them, `image`: the file of a kept image is gone or damaged, and `review`:
    what takes two reviewers was released by one.
    """

    kind: str
    what: str
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return f"{self.kind}: {self.what}"
        rows = f"event {self.first}" if self.first == self.last else f"events {self.first} to {self.last}"
        return f"{self.kind}: {rows}: {self.what}"


class NamedTexts:
    """The texts that events name by their hashes."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}

    def by_hash(self) -> dict[str, int]:
        """Of each text, the first event that names it."""
        return {hash.decode("ascii", "replace"): index for hash, index in self._first.items()}

    def note(self, row: Row) -> None:
        """Add those that the acceptance of a request names. RFC 8785 fixes how its bytes say that, so they are not parsed."""
        data, at = row.canonical, 0
        for key in TEXTS_NAMED:
            at = data.find(key, at)
            if at < 0:
                return
            at += len(key)
            if data[at + 64 : at + 65] == b'"':
                self._first.setdefault(data[at : at + 64], row.index)


@dataclass(slots=True)
class Report:
    """What a verification came to: how many events it saw, to what root, under how many heads, and all that is wrong.

    Of a `part` of a record each event is proven by itself, and what is missing cannot be told. `unchecked` are files for
    people to read, of which nothing tells whether they are what was given out.
    """

    events: int = 0
    root: bytes = EMPTY_ROOT
    heads: int = 0
    attested: int = 0  # events under the newest head that holds
    findings: list[Finding] = field(default_factory=list)
    part: bool = False
    texts: NamedTexts = field(default_factory=NamedTexts)
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_log(
    rows: Iterable[Row], heads: Sequence[Head], keys: Sequence[Key], *, attested: Sequence[bytes] | None = None
) -> Report:
    """Check a whole log, from its first event on, against heads that were kept outside.

    `attested` are the leaf hashes that were kept with the heads: with them, each row that differs is named, and without them
    the heads say between which two it lies. Keys that a trusted key endorsed in the log are trusted too.
    """
    log = Log(heads)
    for row in rows:
        log.take(row)
    return log.report(keys, attested)


class Log:
    """A log that is checked row by row, in one pass, and then against the heads that were kept outside."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = heads
        self.tree, self.hashes = Range(), list[bytes]()
        self.roots: dict[int, bytes] = {0: EMPTY_ROOT}  # by size, where a head says what it was
        self.findings: list[Finding] = []
        self.rotations: list[Row] = []
        self.texts = NamedTexts()
        self._sizes = {head.size for head in heads}
        self._next, self._time = 0, ""

    def take(self, row: Row) -> None:
        """The next row."""
        if tuple(map(type, row)) != TYPES:
            row = self._of_other_types(row)
        hash = hashlib.sha256(b"\x00" + row.canonical).digest()
        if row.index != self._next:
            self._numbered_wrongly(row.index)
        if hash != row.leaf_hash:
            self._find("changed", "its bytes do not have the hash beside them", row.index)
        if not _repeats(row):
            self._find("changed", "what stands beside its bytes is not what they say", row.index)
        if row.time < self._time:
            self._clock(row)
        if row.kind == ROTATED:
            self.rotations.append(row)
        elif row.kind == ACCEPTED:
            self.texts.note(row)
        self._next, self._time = row.index + 1, row.time
        self.hashes.append(hash)
        self.tree.append(hash)
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()

    def report(self, keys: Sequence[Key], attested: Sequence[bytes] | None = None) -> Report:
        """What the rows came to, as `verify_log` tells it."""
        trusted = _endorsed(self.rotations, keys)
        report = Report(len(self.hashes), self.tree.root(), len(self.heads), findings=self.findings, texts=self.texts)
        genuine = [head for head in self.heads if _is_genuine(head, trusted, report)]
        holding = [head for head in genuine if self.roots.get(head.size) == head.root]
        report.attested = max((head.size for head in holding), default=0)
        if len(holding) < len(genuine) or (attested is not None and list(attested) != self.hashes[: len(attested)]):
            _name(self, genuine, attested, report)
        return report

    def _find(self, kind: str, what: str, first: int, last: int | None = None) -> None:
        self.findings.append(Finding(kind, what, first, first if last is None else last))

    def _numbered_wrongly(self, index: int) -> None:
        if index > self._next:
            self._find("missing", "they are not there" if index - self._next > 1 else "it is not there", self._next, index - 1)
        else:
            self._find("reordered", f"it stands after event {self._next - 1}", index)

    def _of_other_types(self, row: Row) -> Row:
        """SQLite keeps a value of any type in any column."""
        self._find("changed", "it holds values of types that are never written", row.index)
        values = [value if isinstance(value, bytes) else str(value) for value in row]
        data = [value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass") for value in values[6:]]
        id, request, kind, time = (str(values[at]) for at in (1, 2, 3, 5))
        return Row(row.index, id, request, kind, -1, time, *data)

    def _clock(self, row: Row) -> None:
        back = _seconds(self._time) - _seconds(row.time)
        if back > CLOCK_TOLERANCE:
            self._find("clock", f"it is {back:.0f} s earlier than the one before", row.index)


def _repeats(row: Row) -> bool:
    """Whether the columns beside an event's bytes say what the bytes say. RFC 8785 fixes how those end, so few are parsed."""
    head = f'"id":"{row.id}","kind":"{row.kind}","request":"{row.request}",'
    tail = f'"time":"{row.time}","version":{row.version}}}'
    data, ending = row.canonical, (head + tail).encode()
    if data.endswith(ending):
        return data[-len(ending) - 2 : -len(ending)] == b"},"
    with_subject = len(ending) + 77  # "subject":"<64 hex digits>",
    if data.endswith(tail.encode()) and data[-with_subject:].startswith(head.encode() + b'"subject":"'):
        return data[-with_subject - 2 : -with_subject] == b"},"
    return _parsed_repeats(row)


def _parsed_repeats(row: Row) -> bool:
    try:
        said = json.loads(row.canonical)
        columns = (row.id, row.request, row.kind, row.version, row.time)
        return tuple(said[name] for name in ("id", "request", "kind", "version", "time")) == columns
    except (ValueError, KeyError, TypeError):
        return False


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return float("inf")


def _endorsed(rotations: Sequence[Row], keys: Sequence[Key]) -> list[Key]:
    """The keys, and those that they, or keys endorsed before, have endorsed on the record."""
    trusted = list(keys)
    for row in rotations:
        try:
            body = json.loads(row.canonical)["body"]
            old, new = Key.parse(body["old"]), Key.parse(body["new"])
            signature = base64.b64decode(body["endorsement"])
        except (ValueError, KeyError, TypeError):
            continue
        if old in trusted and old.origin == new.origin and old.signed(endorsement(new), signature):
            trusted.append(new)
    return trusted


def endorsement(key: Key) -> bytes:
    """What an old key signs to hand over to a new one."""
    return f"the next key of this log is\n{key.text}\n".encode()


def _is_genuine(head: Head, keys: Sequence[Key], report: Report) -> bool:
    if not keys or head.is_signed(keys):
        return True
    report.findings.append(Finding("forged head", f"the head of size {head.size} is signed by no key of this log"))
    return False


def _name(log: Log, heads: Sequence[Head], attested: Sequence[bytes] | None, report: Report) -> None:
    """Say which rows are not what the heads attest."""
    newest = max(heads, key=lambda head: head.size, default=None)
    if attested is None or newest is None or not _vouched(attested, heads, report):
        return _bracket(log, heads, report)
    report.findings += differences(log.hashes, attested[: newest.size])


def _vouched(attested: Sequence[bytes], heads: Sequence[Head], report: Report) -> bool:
    """Whether the hashes that were kept outside lead to every head that was."""
    tree, roots, sizes = Range(), {0: EMPTY_ROOT}, {head.size for head in heads}
    for hash in attested:
        tree.append(hash)
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    wrong = sorted(head.size for head in heads if roots.get(head.size) != head.root)
    if wrong:
        what = f"the head of size {wrong[0]} does not fit the hashes kept outside: either is not what was written"
        report.findings.append(Finding("forged head", what))
    return not wrong


def _bracket(log: Log, heads: Sequence[Head], report: Report) -> None:
    """Say between which heads the first difference lies, and what is missing at the end."""
    count, good = len(log.hashes), 0
    for head in sorted(heads, key=lambda head: head.size):
        if head.size > count:
            report.findings.append(Finding("missing", "the record ends before them", count, head.size - 1))
            return
        if log.roots.get(head.size) != head.root:
            what = "among them, or in their order, something is not what the next head attests"
            report.findings.append(Finding("changed", what, good, head.size - 1))
            return
        good = head.size


def differences(found: Sequence[bytes], attested: Sequence[bytes]) -> list[Finding]:
    """How rows differ from what they were, told by their hashes. What follows the last attested row is new, no difference."""
    places, present = {hash: index for index, hash in enumerate(attested)}, set(found)
    known = [(now, places[hash]) for now, hash in enumerate(found) if hash in places]
    standing = _in_order(known)
    findings = [Finding("reordered", f"it was event {was}", now, now) for now, was in known if (now, was) not in standing]
    anchors = [(-1, -1), *sorted(standing), (len(found), len(attested))]
    for (now, was), (next_now, next_was) in pairwise(anchors):
        gone = [index for index in range(was + 1, next_was) if attested[index] not in present]
        new = [index for index in range(now + 1, next_now) if found[index] not in places]
        both = min(len(gone), len(new))
        findings += [Finding("changed", "it is not what it was", index, index) for index in gone[:both]]
        findings += [Finding("missing", "not there any more", first, last) for first, last in _runs(gone[both:])]
        if next_was < len(attested):
            findings += [Finding("inserted", "it was never recorded there", index, index) for index in new[both:]]
    return findings


def _in_order(known: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of rows with their place now and then, the most that stand in their old order (a longest increasing run)."""
    ends: list[int] = []
    ranks = []
    for _, was in known:
        rank = bisect_left(ends, was)
        ends[rank : rank + 1] = [was]
        ranks.append(rank)
    wanted, standing = len(ends) - 1, set[tuple[int, int]]()
    for pair, rank in zip(reversed(known), reversed(ranks), strict=True):
        if rank == wanted:
            standing.add(pair)
            wanted -= 1
    return standing


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Consecutive numbers as first and last."""
    for _, run in groupby(enumerate(indexes), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]


def verify_export(export: Path, keys: Sequence[Key], heads: Sequence[Head] = ()) -> Report:
    """Check an export: each event against the export's own head, the whole, where it is whole, against older heads too.

    And the texts and images beside the events against the hashes by which events name them; of an evidence pack, that all
    images are there that went into it. `export` is its folder, or a zip of it. Raises ValueError for older heads with a part
    of a record, which cannot be compared, and for what is no export.
    """
    with _as_folder(export) as folder:
        return _verify_folder(folder, keys, heads)


@contextmanager
def _as_folder(export: Path) -> Iterator[Path]:
    """The export's folder; of a zip, one into which it is unpacked for the while."""
    if export.is_dir():
        yield export
        return
    if not zipfile.is_zipfile(export):
        raise ValueError(f"{export} is neither the folder of an export nor a zip")
    with tempfile.TemporaryDirectory() as folder:
        _unpack(export, Path(folder))
        yield Path(folder)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [_unpacked_as(name) for name in archive.namelist() if not name.endswith("/")]
            if len(set(names)) < len(names):  # which of them somebody else is shown, nobody knows
                raise ValueError("several files have one name")
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ValueError(f"the zip cannot be unpacked: {error}") from error


def _unpacked_as(name: str) -> str:
    """The name that a file of a zip gets: /a, ./a and ../a become a, and on some systems A does."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", "..")).casefold()


def _verify_folder(folder: Path, keys: Sequence[Key], heads: Sequence[Head]) -> Report:
    head, (whole, count, evidence) = _own_head(folder), _manifest(folder)
    if heads and not whole:
        raise ValueError("it is a part of a record, and only a whole one can be compared with a head from earlier")
    findings: list[Finding] = []
    images = NamedImages(evidence)
    rows = images.noting(_proven(folder, head, findings))
    report = verify_log(rows, [*heads, head], keys) if whole else _verify_part(rows, head, keys, count)
    told = [finding.first for finding in findings if finding.first is not None]
    findings += [finding for finding in report.findings if not _repeats_one_of(told, finding)]
    beside = [*_wrong_texts(folder, report.texts.by_hash()), *_wrong_images(folder, images)]
    report.findings = [*findings, *beside]
    report.unchecked = tuple(name for name in FOR_READING if (folder / name).exists())
    return report


def _own_head(folder: Path) -> Head:
    try:
        return Head.parse(_read(folder, "checkpoint"))
    except ValueError as error:
        raise ValueError(f"the export's own head: {error}") from error


def _manifest(folder: Path) -> tuple[bool, int, str]:
    """Whether it is a whole record, of how many events, and the id of the event of an evidence pack."""
    text = _read(folder, "manifest.json")
    try:
        told = json.loads(text)
        return bool(told["whole"]), int(told["events"]), str(told.get("evidence", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("manifest.json is not that of an export") from error


def _read(folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        raise ValueError(f"{name} is missing")
    return (folder / name).read_text(encoding="utf-8")


def _verify_part(rows: Iterable[Row], head: Head, keys: Sequence[Key], count: int) -> Report:
    """Check a part that had so many events when it was made."""
    report, rotations = Report(heads=1, part=True), list[Row]()
    for row in rows:
        report.events += 1
        if row.kind == ROTATED:
            rotations.append(row)
        elif row.kind == ACCEPTED:
            report.texts.note(row)
    if not _is_genuine(head, _endorsed(rotations, keys), report):
        what = "a part does not hold the rotations of the log's key: if there was one, get the key that the log has now"
        report.findings.append(Finding("forged head", what))
    if report.events < count:
        report.findings.append(Finding("missing", f"of {count} events in this part, {report.events} are there"))
    return report


def _repeats_one_of(told: Sequence[int], finding: Finding) -> bool:
    """Whether a finding is about a row that is named already, or brackets one."""
    if finding.first is None or finding.last is None:
        return False
    return finding.kind != "missing" and any(finding.first <= row <= finding.last for row in told)


class NamedImages:
    """The image files that events name; of an evidence pack, by its own `event`, those that went into it."""

    def __init__(self, event: str) -> None:
        self.event = event
        self.index: int | None = None  # of that event, once it was seen
        self.packed: list[str] = []  # ids of images
        self.hashes = set[str]()
        self._hash_of: dict[str, str] = {}  # by the image's id

    def noting(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, while what they name is noted."""
        for row in rows:
            if row.kind == OUTCOME and (file := FILE_NAMED.search(row.canonical)):
                self.hashes.add(hash := file[1].decode())
                if image := IMAGE_NAMED.search(row.canonical):
                    self._hash_of[image[1].decode()] = hash
            elif self.event and row.id == self.event:
                self.index, self.packed = row.index, _packed(row)
            yield row

    def missing(self, present: set[str]) -> list[str]:
        """Of the images that went into the pack, those whose file is not among the hashes of what is there."""
        return [id for id in self.packed if self._hash_of.get(id) not in present]


def _packed(row: Row) -> list[str]:
    with suppress(ValueError, KeyError, TypeError):
        return list(map(str, json.loads(row.canonical)["body"]["images"]))
    return []


def _wrong_texts(folder: Path, texts: Mapping[str, int]) -> Iterator[Finding]:
    """Files of texts that are not what events name, and texts that are not there."""
    missing = dict(texts)
    for path in sorted((folder / "texts").glob("*")):
        hash = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.name.split(".")[1:2] != [hash]:
            yield Finding("changed", f"texts/{path.name} is not the text of its hash")
        missing.pop(hash, None)
    yield from missing_texts(missing)


def _wrong_images(folder: Path, images: NamedImages) -> Iterator[Finding]:
    """Image files that no event names, and those that went into an evidence pack and are not there."""
    present = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "images").glob("*"))}
    for path, hash in present.items():
        if hash not in images.hashes:
            yield Finding("changed", f"images/{path.name} is no file of which an event has the hash")
    if images.event and images.index is None:
        yield Finding("missing", "the event that says which images went into this pack is not there")
    for id in images.missing(set(present.values())):
        yield Finding("missing", f"image {id}, which by it went into this pack, is not there", images.index, images.index)


def missing_texts(missing: Mapping[str, int]) -> Iterator[Finding]:
    """The finding of each text by its hash, and the first event that names it."""
    for hash, index in missing.items():
        yield Finding("missing", f"the text of hash {hash[:16]}…, which it names, is not there", index, index)


def _proven(folder: Path, head: Head, findings: list[Finding]) -> Iterator[Row]:
    """The rows of an export, each checked by itself."""
    for number, exported in enumerate(read_export(folder), 1):
        try:
            row, proof, opened = _row(exported)
        except (ValueError, KeyError, TypeError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            findings.append(Finding("changed", f"row {number} of the export cannot be read: {why}"))
            continue
        if root_by_proof(row.index, head.size, leaf_hash(row.canonical), proof) != head.root:
            findings.append(Finding("changed", "its proof does not lead to the head of the export", row.index, row.index))
        if wrong := _wrongly_opened(row, opened):
            what = f"{', '.join(wrong)}: not what the event committed to"
            findings.append(Finding("payload", what, row.index, row.index))
        yield row


def read_export(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of an export, whatever its format."""
    if (folder / "events.jsonl").exists():
        with (folder / "events.jsonl").open(encoding="utf-8") as lines:
            yield from map(_line, lines)
    elif (folder / "events.csv").exists():
        csv.field_size_limit(sys.maxsize)
        with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    elif not (folder / "events.parquet").exists():
        raise ValueError("the events are missing: there is no events.jsonl, events.csv or events.parquet")
    else:
        import pyarrow.parquet  # of the formats, the only one that the standard library cannot read

        for batch in pyarrow.parquet.ParquetFile(folder / "events.parquet").iter_batches():
            yield from batch.to_pylist()


def _line(line: str) -> Mapping[str, Any]:  # JSON
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _row(exported: Mapping[str, Any]) -> tuple[Row, list[bytes], Mapping[str, Any]]:
    row = Row(
        index=int(exported["index"]),
        id=exported["id"],
        request=exported["request"],
        kind=exported["kind"],
        version=int(exported["version"]),
        time=exported["time"],
        canonical=exported["canonical"].encode(),
        leaf_hash=base64.b64decode(exported["leaf_hash"]),
    )
    proof = [base64.b64decode(hash) for hash in exported["proof"].split()]
    return row, proof, json.loads(exported["payloads"] or "{}")


def _wrongly_opened(row: Row, opened: Mapping[str, Any]) -> list[str]:
    """The payloads of an event that do not fit their commitments: HMAC-SHA256, keyed with the salt."""
    if not opened:
        return []
    try:
        commitments = json.loads(row.canonical)["body"]["commitments"]
    except (ValueError, KeyError, TypeError):
        return list(opened)
    return [name for name, payload in opened.items() if not _fits(payload, commitments.get(name, ""))]


def _fits(payload: Mapping[str, str], commitment: str) -> bool:
    salt, data = base64.b64decode(payload["salt"]), base64.b64decode(payload["payload"])
    return hmac.compare_digest(hmac.digest(salt, data, "sha256").hex(), commitment)


def read_heads(text: str) -> list[Head]:
    """The heads in a history: a JSON string a line. What cannot be read is passed over, as a crash may cut the last one."""
    heads = []
    for line in text.splitlines():
        with suppress(ValueError, AttributeError):
            heads.append(Head.parse(json.loads(line)))
    return heads


def main() -> int:
    """Verify an export from the command line: 0 if all is well, 1 if not, 2 if it cannot be told."""
    parser = argparse.ArgumentParser(description="Verify an export of a Limner record, offline.")
    parser.add_argument("export", type=Path, help="the export's folder, or its zip")
    parser.add_argument("--key", required=True, help="the log's public key, or a file with it, had from its owner beforehand")
    parser.add_argument("--head", type=Path, help="an older head that you kept; a whole export must agree with it")
    asked = parser.parse_args()
    try:
        text = Path(asked.key).read_text(encoding="utf-8") if Path(asked.key).exists() else asked.key
        keys = [Key.parse(line) for line in text.splitlines() if line.strip()]
        heads = [Head.parse(asked.head.read_text(encoding="utf-8"))] if asked.head else []
        report = verify_export(asked.export, keys, heads)
    except (OSError, ValueError, KeyError, ImportError) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    for finding in report.findings:
        print(finding)
    part = " of a record, a part from which what is missing cannot be told" if report.part else ""
    found = f"{len(report.findings)} {'finding' if len(report.findings) == 1 else 'findings'}"
    print(f"{report.events} events{part}: {'all is as it was recorded' if report.ok else found}")
    if report.unchecked:
        print(f"not checked, for reading alone: {', '.join(report.unchecked)}")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
