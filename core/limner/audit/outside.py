"""What is kept of the log outside the database, so that whoever can change the database cannot hide it.

A folder of heads has
- `checkpoint`: the newest head, a signed note;
- `history/<day>`: every head, a JSON string a line;
- `hashes`: the leaf hash of each event under the newest head, 32 bytes each, by which `limner audit verify` names a row;
- `frontier`: the roots of the tree's perfect subtrees, so that the next head needs only the events since the last one.

A head only ever continues the one before: what the tree held then is taken from this folder, never again from the database.
So a change behind the log's back is not signed over; it comes to light at the next verification, and a shorter log at once.
Nothing here is synced to the disk: a power cut may take the last heads, not those before them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from limner.audit.heads import sign_head
from limner.audit.verifier import Head, Range, read_heads
from limner.database.timestamp import timestamp
from limner.errors import AuditError
from limner.files import locked
from limner.keys import Keys

HASH_BYTES = 32
COMMAND_TIME = 10.0  # seconds that a command gets to take a head

RESTORE = "restore the folder from a backup, or, once `limner audit verify` has satisfied you, move it away: a new one is begun"

LeavesSince = Callable[[int], Sequence[bytes]]  # size -> those of all later events; raises AuditError if it is shorter


class Sink(Protocol):
    """Where heads go."""

    def publish(self, keys: Keys, leaves_since: LeavesSince) -> Head | None:
        """Bring it up to the log as it stands; the head, or None if there is nothing new. Raises AuditError, OSError."""


class HeadFolder:
    """A folder of heads. Several processes may publish to one: they take turns, and a smaller head never follows a larger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: tuple[str, Range] | None = None  # the note we last wrote, and its tree

    def publish(self, keys: Keys, leaves_since: LeavesSince) -> Head | None:
        """Add what the log has grown by, under a new head. Raises AuditError if the log does not continue the last one."""
        (self.folder / "history").mkdir(parents=True, exist_ok=True)
        with self.alone():
            tree = self._tree(self.newest())
            size, new = tree.size, leaves_since(tree.size)
            if not new:
                return None
            for hash in new:
                tree.append(hash)
            head = sign_head(keys, tree.size, tree.root())
            self._add_hashes(size, new)
            self._write(head, tree)
            self._known = head.note, tree
            return head

    def newest(self) -> Head | None:
        """The newest head; None if there is none yet. Raises AuditError if it cannot be read."""
        try:
            note = (self.folder / "checkpoint").read_text(encoding="utf-8")
            return Head.parse(note)
        except FileNotFoundError:
            return None
        except ValueError:
            heads = self.history()
            if not heads:
                raise AuditError("the newest head cannot be read", where=str(self.folder / "checkpoint"), fix=RESTORE) from None
            return max(heads, key=lambda head: head.size)

    def history(self) -> list[Head]:
        """Every head that was published here, oldest first."""
        days = sorted((self.folder / "history").glob("*")) if self.folder.is_dir() else []
        return [head for day in days for head in read_heads(day.read_text(encoding="utf-8", errors="replace"))]

    def heads(self) -> list[Head]:
        """The history and the newest head, which after a crash it may lack."""
        newest, history = self.newest(), self.history()
        return history if newest is None or newest in history else [*history, newest]

    def hashes(self) -> list[bytes]:
        """The leaf hash of each event that was published, in order."""
        try:
            data = (self.folder / "hashes").read_bytes()
        except FileNotFoundError:
            return []
        return [data[at : at + HASH_BYTES] for at in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]

    def alone(self) -> AbstractContextManager[None]:
        """While it is held, nobody publishes here, and all files are those of one head. The folder must be there."""
        return locked(self.folder / "lock")

    def _tree(self, head: Head | None) -> Range:
        """The tree under the newest head, from what is kept here: whatever it is taken from must lead to the head's root."""
        if head is None:
            return Range()
        if self._known is not None and self._known[0] == head.note:
            return Range(head.size, self._known[1].peaks)
        for tree in (self._frontier(head.size), _grown(self.hashes()[: head.size])):
            if tree.size == head.size and tree.root() == head.root:
                return tree
        raise AuditError("the hashes kept here are not those of the newest head", where=str(self.folder), fix=RESTORE)

    def _frontier(self, size: int) -> Range:
        try:
            return Range(size, [bytes.fromhex(line) for line in (self.folder / "frontier").read_text().split()])
        except (OSError, ValueError):
            return Range()

    def _add_hashes(self, size: int, new: Sequence[bytes]) -> None:
        descriptor = os.open(self.folder / "hashes", os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(size * HASH_BYTES)  # what a crash left behind the newest head
            file.seek(size * HASH_BYTES)
            file.write(b"".join(new))

    def _write(self, head: Head, tree: Range) -> None:
        with (self.folder / "history" / timestamp()[:10]).open("a", encoding="utf-8") as history:
            history.write(json.dumps(head.note) + "\n")
        _replace(self.folder / "frontier", "\n".join(peak.hex() for peak in tree.peaks))
        _replace(self.folder / "checkpoint", head.note)


class HeadCommand:
    """A command that is given each head on its standard input: to post it, print it, send it to a witness."""

    def __init__(self, command: Sequence[str], source: HeadFolder) -> None:
        self._command, self._source, self._sent = tuple(command), source, ""

    def publish(self, keys: Keys, leaves_since: LeavesSince) -> Head | None:
        """Run the command with the newest head of the folder it follows."""
        head = self._source.newest()
        if head is None or head.note == self._sent:
            return None
        try:
            subprocess.run(self._command, input=head.note.encode(), check=True, capture_output=True, timeout=COMMAND_TIME)
        except (subprocess.SubprocessError, OSError) as error:
            raise AuditError(f"a head could not be given out: {error}", where=" ".join(self._command)) from error
        self._sent = head.note
        return head


def sinks(own: HeadFolder, further: Sequence[str]) -> list[Sink]:
    """The folder of heads and what LIMNER_HEADS names: other folders, and commands, written after a `|`."""
    found: list[Sink] = [own]
    for where in further:
        if where.startswith("|"):
            found.append(HeadCommand(shlex.split(where[1:]), own))
        else:
            found.append(HeadFolder(Path(where).expanduser().resolve()))
    return found


def _grown(hashes: Sequence[bytes]) -> Range:
    tree = Range()
    for hash in hashes:
        tree.append(hash)
    return tree


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
