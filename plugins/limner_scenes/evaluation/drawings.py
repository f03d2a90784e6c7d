"""The pictures that a model drew for an evaluation, kept as they come, so that an interrupted one goes on where it stopped.

One line of JSON for each: the digest of what drew it, prompt, seed, seconds, and the picture as PNG. Only what was drawn is
kept; what the checker says of it is found anew each time.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from limner import Image, UsageError
from limner_scenes.reader.reading import LEAST_SIDE

Picture = NDArray[np.uint8]


class Artist(Protocol):
    """What makes the images: a `Drawing` of the application."""

    @property
    def digest(self) -> str:
        """A hash over all that decides the pixels but prompt and seed."""

    def image(self, prompt: str, seed: int) -> Image | None:
        """The image for a prompt and a seed; None where a step failed."""


class Drawn(NamedTuple):
    """One picture, None where none came out, and how long it took."""

    picture: Picture | None
    seconds: float


@dataclass(slots=True)
class Drawings:
    """A file of drawings, and those of it that are known. A line cut short by a crash is passed over and drawn again."""

    path: Path
    _known: dict[tuple[str, str, int], Drawn] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> "Drawings":
        """The drawings at `path`; none yet if there is no such file. Raises OSError where the folder cannot be made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        drawings = cls(path)
        if path.exists():
            lines = path.read_bytes().split(b"\n")
            drawings._known.update(found for line in lines if (found := _parsed(line)))
            _end_line(path, lines)
        return drawings

    def missing(self, artist: Artist, prompts: Sequence[tuple[str, int]]) -> int:
        """How many of these prompts and seeds are still to be drawn."""
        return sum((artist.digest, *asked) not in self._known for asked in dict.fromkeys(prompts))

    def draw(
        self, artist: Artist, prompts: Sequence[tuple[str, int]], on_drawn: Callable[[], object] = lambda: None
    ) -> Iterator[Drawn]:
        """A picture for each prompt and seed, in order; kept if it was drawn before. `on_drawn` is told of each new one."""
        for prompt, seed in prompts:
            key = artist.digest, prompt, seed
            if key not in self._known:
                self._known[key] = _drawn(artist, prompt, seed)
                self._keep(key)
                on_drawn()
            yield self._known[key]

    def _keep(self, key: tuple[str, str, int]) -> None:
        digest, prompt, seed = key
        picture, seconds = self._known[key]
        png = None if picture is None else base64.b64encode(_png(picture)).decode()
        line = {"digest": digest, "prompt": prompt, "seed": seed, "seconds": seconds, "png": png}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _drawn(artist: Artist, prompt: str, seed: int) -> Drawn:
    began = time.perf_counter()
    image = artist.image(prompt, seed)
    seconds = round(time.perf_counter() - began, 4)
    if image is not None:
        _check(image)
    return Drawn(None if image is None else np.asarray(image.pillow()), seconds)


def _check(image: Image) -> None:
    """Raise UsageError for a picture that the checker could not read."""
    width, height = image.size
    if width != height or width < LEAST_SIDE:
        what = (
            f"the pipeline makes pictures of {width} x {height} pixels; the checker reads square ones of {LEAST_SIDE} at least"
        )
        raise UsageError(what, where="--model and --pipeline", fix="evaluate a pipeline that makes larger ones")


def _png(picture: Picture) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _parsed(line: bytes) -> tuple[tuple[str, str, int], Drawn] | None:
    try:
        row: dict[str, Any] = json.loads(line)  # of JSON values
        png = row["png"] and base64.b64decode(row["png"])
        picture = np.asarray(PillowImage.open(BytesIO(png)).convert("RGB")) if png else None
        return (row["digest"], row["prompt"], row["seed"]), Drawn(picture, row["seconds"])
    except (ValueError, KeyError, TypeError, OSError):
        return None


def _end_line(path: Path, lines: Sequence[bytes]) -> None:
    """So that what is added begins a line of its own."""
    if lines[-1]:
        with path.open("ab") as file:
            file.write(b"\n")
