"""What was fetched: of each model its licence and the hash of its files, in `models.json` of the state folder."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from limner.errors import ModelError
from limner.files import locked, save_atomically
from limner.models.store import ModelStore

SUMS = "SHA256SUMS"  # as `sha256sum` writes it
UNKNOWN = "unknown"
_TOLD = re.compile(r"^Licence: (.+)$", re.MULTILINE)  # as the cards of trained models end


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model as it was fetched: hex SHA-256 over its files, their size in bytes, and the licence they are under."""

    source: str
    revision: str
    digest: str
    bytes: int
    licence: str


class Ledger:
    """The file that tells what was fetched. Raises ModelError where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Fetched]:
        """What was fetched, by model."""
        if not self._path.exists():
            return {}
        try:
            written = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Fetched(**entry) for name, entry in written.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"it cannot be read: {error}", where=str(self._path), fix="remove it and fetch again") from error

    def add(self, name: str, fetched: Fetched) -> None:
        """Write down one model, in place of what was known of it; of several processes that do so, each keeps the others'."""
        try:
            with locked(self._path.with_suffix(".lock")):
                entries = {known: asdict(entry) for known, entry in {**self.read(), name: fetched}.items()}
                save_atomically(self._path, json.dumps(entries, indent=2, sort_keys=True).encode())
        except OSError as error:
            raise ModelError(f"it cannot be written: {error.strerror}", where=str(self._path)) from error


def fetch(models: ModelStore, ledger: Ledger, name: str) -> Fetched:
    """Have a model on this machine, and write down its licence and hash. Raises ModelError if it cannot be had."""
    folder, source = models.fetch(name), models.source(name)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    fetched = Fetched(source.source, source.revision, models.files_digest(name), size, licence(folder))
    ledger.add(name, fetched)
    return fetched


def verify(models: ModelStore, ledger: Ledger, name: str) -> str:
    """The digest of a model's files, once they are seen to be those that were fetched, or those of its own SHA256SUMS.

    Raises ModelError if they are others, or if nothing says what they should be.
    """
    source, known = models.source(name), ledger.read().get(name)
    found = models.files_digest(name)
    if known is not None and (known.source, known.revision) == (source.source, source.revision):
        if found != known.digest:
            what = f"its files are not those that were fetched: they hash to {found}, and did to {known.digest}"
            raise ModelError(
                what, where=source.where, fix=f"get it anew, or `limner models fetch {name}` if the change is meant"
            )
        return found
    sums = models.directory(name) / SUMS
    if not sums.is_file():
        what = f"nothing says what its files should be: it was not fetched, and has no {SUMS}"
        raise ModelError(what, where=source.where, fix=f"run `limner models fetch {name}`")
    for line in sums.read_text(encoding="utf-8").splitlines():
        expected, _, path = line.partition("  ")
        if not (sums.parent / path).is_file() or models.sha256(sums.parent / path) != expected:
            raise ModelError(f"{path} is not the file that {SUMS} tells of", where=source.where, fix="get the model anew")
    return found


def licence(folder: Path) -> str:
    """The licence that a model's card declares, in its front matter or by a line `Licence: …`, else that it has a file."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    front = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    declared = re.search(r"^licen[sc]e:\s*(\S.*?)\s*$", front[1], re.MULTILINE) if front else _TOLD.search(text)
    if declared:
        return declared[1]
    return "see its LICENSE file" if any(folder.glob("LICENSE*")) else UNKNOWN
