"""What is read back from a final file: marks, and content credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


def mark_text(mark_id: int) -> str:
    """A mark id as people read it, everywhere: twelve hex digits."""
    return f"{mark_id:012x}"


@dataclass(frozen=True, slots=True)
class WatermarkReading:
    """What a watermark reader found: the mark id, the key that fits, and its score (standard deviations over chance)."""

    mark_id: int
    key_id: str
    score: float


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """What a file's content credentials say, and whether they hold.

    `state` is `trusted` (they hold, and this installation or an authority on its list signed them), `valid` (they hold, and
    anybody signed them), `invalid` (`problems` says why), or `remote` (they lie elsewhere and were not fetched). The ids are
    Limner's own, empty or None in others' manifests.
    """

    state: Literal["trusted", "valid", "invalid", "remote"]
    problems: tuple[str, ...] = ()
    generator: str = ""
    signer: str = ""
    request_id: str = ""
    index: int | None = None
    mark_id: int | None = None
    created: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark as it was read back from a final file: its id, the key it was made with, the reader's score.

    `psnr` says how far the mark moved the pixels, in decibels.
    """

    id: int
    key_id: str
    score: float
    psnr: float
