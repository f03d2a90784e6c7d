"""Exports: the record, or a part of it, in a folder that its holder can verify without us.

Each event goes out as its canonical bytes, with the proof that it stands under the export's own head, and, unless the export is
redacted, with what opens its commitments. Beside the events lie the head, the public keys, the texts that its events refer to
by hash, and the verifier.
"""

from __future__ import annotations

import base64
import csv
import importlib.util
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select

from limner.audit import verifier
from limner.audit.heads import sign_head, trusted_keys
from limner.audit.merkle import Tree
from limner.audit.payloads import SealedPayload, open_sealed
from limner.audit.stored import stored_rows
from limner.audit.verifier import Row
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.subjects import Subject, find_subject
from limner.database.tables import events, payloads, texts
from limner.database.timestamp import timestamp
from limner.errors import AuditError, UsageError
from limner.files import whole_folder
from limner.keys import Keys

Format = Literal["jsonl", "csv", "parquet"]
COLUMNS = ("index", "id", "request", "kind", "version", "time", "canonical", "leaf_hash", "proof", "payloads")
NUMBERS = ("index", "version")
BATCH = 1_000  # rows written at once to Parquet
HASH = re.compile(rb'"([0-9a-f]{64})"')  # as an event may name a text by it


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events go out: those of one request, those from `since` on and before `until` (as times are recorded), or all."""

    request: str = ""
    since: str = ""
    until: str = ""

    @property
    def whole(self) -> bool:
        """Whether it leaves nothing out, so that what is missing can be told."""
        return not (self.request or self.since or self.until)

    def takes(self, row: Row) -> bool:
        """Whether an event is among them."""
        return (not self.request or row.request == self.request) and self.since <= row.time < (self.until or "9999")


Opens = Callable[[str], bool]  # whether a payload of this name is opened


def export(
    database: Database,
    keys: Keys,
    folder: Path,
    *,
    format: Format = "jsonl",
    selection: Selection,
    opens: Opens,
    evidence: str = "",
) -> int:
    """Write an export into a new folder, there whole or not at all; returns the number of events in it.

    Of the texts only those go out that its events name. `evidence` is the id of the event that says which images go into the
    evidence pack that is made of it. Raises UsageError if the folder is there, or if nothing is selected.
    """
    _check_format(format)
    with _new_folder(folder) as draft, database.snapshot() as connection:
        tree = Tree(connection.scalars(select(events.c.leaf_hash).order_by(events.c.index)).all())
        chosen = (row for row in stored_rows(connection) if row.index < tree.size and selection.takes(row))
        opened, named = _Opening(connection, keys, opens), _NamedTexts(connection)
        count = _write_events(draft, format, (_exported(row, tree, opened) for row in named.noting(chosen)))
        if not count:
            raise UsageError("there is no such event on the record", fix="`limner audit list` shows the newest requests")
        (draft / "checkpoint").write_text(sign_head(keys, tree.size, tree.root).note, encoding="utf-8")
        (draft / "keys.txt").write_text("".join(f"{key.text}\n" for key in trusted_keys(keys)), encoding="utf-8")
        _write_texts(connection, draft, named.hashes)
        _write_manifest(draft, format, selection, count, tree.size, evidence)
        shutil.copyfile(verifier.__file__, draft / "verify.py")
    return count


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    if folder.exists():
        raise UsageError("there is something already", where=str(folder), fix="name a folder that is not there")
    try:
        with whole_folder(folder) as draft:
            yield draft
    except OSError as error:
        raise UsageError(f"the export cannot be written: {error.strerror}", where=str(folder)) from error


def _check_format(format: Format) -> None:
    if format == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError("Parquet needs the package pyarrow", fix="pip install 'limner[parquet]', or --format jsonl")


class _Opening:
    """Opens the payloads of events, each subject's key unwrapped once."""

    def __init__(self, connection: Connection, keys: Keys, opens: Opens) -> None:
        self._connection, self._keys, self._opens = connection, keys, opens
        self._subjects: dict[str, Subject | None] = {}

    def of(self, row: Row) -> dict[str, dict[str, str]]:
        """Salt and payload, in base64, of each payload that is to be opened and can be."""
        found = self._connection.execute(select(payloads).where(payloads.c.event == row.index)).mappings().all()
        opened = {}
        for stored in found:
            subject = self._subject(stored["subject"])
            if subject is None or stored["wrapped_key"] is None or not self._opens(stored["name"]):
                continue
            try:
                sealed = SealedPayload(stored["name"], stored["wrapped_key"], stored["sealed"], "")
                salt, payload = open_sealed(subject, row.id, sealed)
            except AuditError:
                continue  # it was altered: it does not go out, and its commitment stands unopened
            opened[stored["name"]] = {"salt": _base64(salt), "payload": _base64(payload)}
        return opened

    def _subject(self, pseudonym: str) -> Subject | None:
        if pseudonym not in self._subjects:
            self._subjects[pseudonym] = find_subject(self._connection, self._keys, pseudonym)
        return self._subjects[pseudonym]


def _exported(row: Row, tree: Tree, opening: _Opening) -> dict[str, Any]:
    """A row of the export, as COLUMNS name its parts: numbers, and texts that every format carries."""
    opened = opening.of(row) if b'"commitments"' in row.canonical else {}
    return {
        "index": row.index,
        "id": row.id,
        "request": row.request,
        "kind": row.kind,
        "version": row.version,
        "time": row.time,
        "canonical": row.canonical.decode("utf-8", "replace"),
        "leaf_hash": _base64(row.leaf_hash),
        "proof": " ".join(map(_base64, tree.proof(row.index))),
        "payloads": json.dumps(opened) if opened else "",
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write_events(folder: Path, format: Format, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the rows; returns how many there were."""
    path = folder / f"events.{format}"
    if format == "parquet":
        return _write_parquet(path, iter(rows))
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        if format == "csv":
            table.writeheader()
        for row in rows:
            if format == "csv":
                table.writerow(row)
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, rows: Iterator[Mapping[str, Any]]) -> int:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, pyarrow.int64() if name in NUMBERS else pyarrow.string()) for name in COLUMNS])
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, BATCH)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


class _NamedTexts:
    """Notes which of the texts events name: wherever in one of them the hash stands."""

    def __init__(self, connection: Connection) -> None:
        self.hashes: set[str] = set()
        self._known = {hash.encode() for hash in connection.scalars(select(texts.c.hash))}

    def noting(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, while what they name is noted."""
        for row in rows:
            self.hashes.update(hash.decode() for hash in self._known.intersection(HASH.findall(row.canonical)))
            yield row


def _write_texts(connection: Connection, folder: Path, named: set[str]) -> None:
    (folder / "texts").mkdir()
    for hash, kind, text in connection.execute(select(texts.c.hash, texts.c.kind, texts.c.text)):
        if hash not in named:
            continue
        if not kind.isidentifier() or not isinstance(text, bytes) or sha256_hex(text) != hash:
            continue  # it was altered, and might name a file elsewhere: `limner audit verify` tells
        (folder / "texts" / f"{kind}.{hash}.json").write_bytes(text)


def _write_manifest(folder: Path, format: Format, selection: Selection, count: int, size: int, evidence: str) -> None:
    manifest = {
        "made": timestamp(),
        "format": format,
        "whole": selection.whole,
        "request": selection.request,
        "since": selection.since,
        "until": selection.until,
        "events": count,
        "size": size,
        **({"evidence": evidence} if evidence else {}),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(README, encoding="utf-8")


README = """\
An export of a Limner record.

    python verify.py . --key KEY

checks it offline: Python 3.11 and the package cryptography are all it needs (and pyarrow, if the events are in Parquet).
In the place of this folder it takes a zip as well: an evidence pack as it came.
KEY is the log's public key, or a file with it, that you had from the log's owner beforehand; keys.txt only says which key
signed. With --head FILE, a head that you kept from earlier, it shows that a whole record continues the one you knew.

events.*    the events: canonical bytes (RFC 8785), leaf hash, inclusion proof (RFC 6962); opened payloads with their salts,
            where commitment = HMAC-SHA256(salt, payload)
checkpoint  the signed head that every proof leads to (C2SP tlog-checkpoint)
texts/      pipelines, policies and lists of plugins, by the SHA-256 that events name
images/     in an evidence pack: image files, of which events have the SHA-256; which went in, the event audit.evidence says

record.json and index.html of an evidence pack tell the same for reading. Nothing vouches for them, and verify.py does not look
at them: what counts is in events.*.
"""
