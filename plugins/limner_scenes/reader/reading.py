"""Reading a picture: what things it shows, where, in what style and setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from limner_scenes.reader.network import ReaderNetwork, Seen

WEIGHTS = Path(__file__).parent / "weights.safetensors"
THERE = 0.35
"""Something at least this likely to be a thing is counted as one."""
SURE = 0.55
"""A kind, colour, style or setting less likely than this is not named."""
LEAST_SIDE = 32
BATCH = 64


@dataclass(frozen=True, slots=True)
class ReadThing:
    """One thing as read: None for a kind or colour that the reader does not know or is not sure of.

    `x` and `y` are its centre and `scale` half its extent, as fractions of the picture's side.
    """

    kind: str | None
    colour: str | None
    x: float
    y: float
    scale: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture shows; None for a style or setting that the reader is not sure of."""

    things: tuple[ReadThing, ...]
    style: str | None
    setting: str | None


class Reader:
    """Reads pictures with a network trained on renders alone; it shares no weights with any model it judges."""

    def __init__(self, network: ReaderNetwork) -> None:
        self.network = network

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Reader:
        """The reader that comes with this package, or another."""
        from limner_scenes.reader.network import load

        return cls(load(path))

    def read(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        """Read square sRGB pictures of shape (n, n, 3), n at least 32.

        Raises ValueError for an array of any other form.
        """
        return [reading for at in range(0, len(pictures), BATCH) for reading in self._batch(pictures[at : at + BATCH])]

    def _batch(self, pictures: Sequence[NDArray[np.uint8]]) -> Iterator[Reading]:
        import torch

        with torch.inference_mode():
            seen = self.network(network_input([at_reading_size(picture) for picture in pictures]))
        words = self.network.vocabulary
        styles, settings = (
            _sure(logits, names) for logits, names in ((seen.style, words.styles), (seen.setting, words.settings))
        )
        for number, (style, setting) in enumerate(zip(styles, settings, strict=True)):
            yield Reading(tuple(self._things(seen, number)), style, setting)

    def _things(self, seen: Seen, number: int) -> list[ReadThing]:
        """The things found, the surest first; what is found twice is one thing, and so is a thing with its marks."""
        import torch
        from torch.nn import functional

        there = seen.there[number].sigmoid()
        peaks = there * (functional.max_pool2d(there[None], 3, 1, 1)[0] == there)
        found = (peaks > THERE).nonzero()
        order = peaks[tuple(found.T)].argsort(descending=True)
        things: list[ReadThing] = []
        for slot, row, column in torch.index_select(found, 0, order).tolist():
            thing = self._thing(seen, number, slot, row, column)
            if not any(_same(thing, other) for other in things):
                things.append(thing)
        return [thing for thing in things if not any(_is_part(thing, other) for other in things)]

    def _thing(self, seen: Seen, number: int, slot: int, row: int, column: int) -> ReadThing:
        grid, words = seen.there.shape[-1], self.network.vocabulary
        [kind] = _sure(seen.kind[number, :, slot, row, column][None], (*words.kinds, None))
        [colour] = _sure(seen.colour[number, :, slot, row, column][None], (*words.colours, None))
        across, down = seen.place[number, :, slot, row, column].tolist()
        scale = float(seen.scale[number, slot, row, column].exp())
        return ReadThing(kind, colour, (column + 0.5 + across) / grid, (row + 0.5 + down) / grid, scale)


def at_reading_size(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as the network takes it. Raises ValueError for an array that is no picture."""
    from PIL import Image as PillowImage

    from limner_scenes.reader.network import SIDE

    if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.shape[2] != 3 or picture.shape[0] < LEAST_SIDE:
        raise ValueError(
            f"a picture to be read is square, RGB and at least {LEAST_SIDE} px a side, not of shape {picture.shape}"
        )
    if picture.shape[0] == SIDE:
        return picture
    way = PillowImage.Resampling.BOX if picture.shape[0] % SIDE == 0 else PillowImage.Resampling.BICUBIC
    return np.asarray(PillowImage.fromarray(picture).resize((SIDE, SIDE), way))


def network_input(pictures: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """Pictures of reading size as one tensor, (n, 3, side, side) within [-1, 1]."""
    import torch

    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _sure(logits: torch.Tensor, names: Sequence[str | None]) -> list[str | None]:
    """For each row the name of its likeliest class, where that is likely enough."""
    likely, best = logits.softmax(-1).max(-1)
    return [names[at] if chance >= SURE else None for chance, at in zip(likely.tolist(), best.tolist(), strict=True)]


def _same(one: ReadThing, other: ReadThing) -> bool:
    """Whether two finds are of one thing: as good as one place and one size."""
    smaller, larger = sorted((one.scale, other.scale))
    return _apart(one, other) < 0.5 * smaller and larger < 1.6 * smaller


def _is_part(one: ReadThing, other: ReadThing) -> bool:
    """Whether a find is but a mark on another: much smaller, upon it, and not of a colour of its own."""
    return one.scale < 0.6 * other.scale and _apart(one, other) < 0.6 * other.scale and one.colour in (None, other.colour)


def _apart(one: ReadThing, other: ReadThing) -> float:
    return max(abs(one.x - other.x), abs(one.y - other.y))
