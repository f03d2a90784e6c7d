"""Inclusion proofs: what shows that one event is under a head, without the other events (RFC 6962, section 2.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

from limner.audit.verifier import EMPTY_ROOT, node_hash


class Tree:
    """A whole tree over leaf hashes, kept level by level; a last node without a partner moves up as it is."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels: list[Sequence[bytes]] = [leaves]
        while len(level := self._levels[-1]) > 1:
            above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
            self._levels.append([*above, level[-1]] if len(level) % 2 else above)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """Its root (32 bytes)."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def proof(self, index: int) -> list[bytes]:
        """The inclusion proof of a leaf, from its sibling upwards."""
        found = []
        for level in self._levels[:-1]:
            if (sibling := index ^ 1) < len(level):
                found.append(level[sibling])
            index >>= 1
        return found
