"""The reader's network: a small convolutional net that finds things by their centres (CenterNet, arXiv 1904.07850).

A picture of 64 × 64 pixels becomes a grid of 16 × 16 cells. Each cell has two slots, one for small things and one for large, so
that a thing inside another keeps a place of its own. A slot says whether a thing has its centre here, what it is, its colour,
where in the cell its centre lies, and its size. Style and setting are read off the whole picture.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

SIDE = 64
GRID = 16
SLOTS = 2
LARGE = 0.25
"""Things of at least this half extent, as a share of the picture's side, belong to the slot for large ones."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a reader knows. After the last kind and the last colour, one more class each stands for `none of these`."""

    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    styles: tuple[str, ...]
    settings: tuple[str, ...]


class Seen(NamedTuple):
    """What the network says of n pictures; all but `place` and `scale` are logits.

    `there` (n, slots, grid, grid); `kind` and `colour` (n, classes, slots, grid, grid); `place` (n, 2, slots, grid, grid), the
    centre's offset from the cell's in cells; `scale` (n, slots, grid, grid), the logarithm of the half extent; `style` and
    `setting` (n, classes).
    """

    there: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    place: torch.Tensor
    scale: torch.Tensor
    style: torch.Tensor
    setting: torch.Tensor


WIDTHS = (16, 48, 96, 128)


class ReaderNetwork(nn.Module):
    """The network for a vocabulary. `widths` are the channels at 32, 16, 8 and 4 pixels."""

    def __init__(self, vocabulary: Vocabulary, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.classes = len(vocabulary.kinds) + 1, len(vocabulary.colours) + 1
        fine, middle, coarse, coarsest = widths
        joined = 2 * middle
        self.stem = nn.Sequential(_convolution(3, fine, stride=2), _Residual(fine))
        self.to_16 = nn.Sequential(_convolution(fine, middle, stride=2), _Residual(middle))
        self.to_8 = nn.Sequential(_convolution(middle, coarse, stride=2), _Residual(coarse), _Residual(coarse))
        self.to_4 = nn.Sequential(_convolution(coarse, coarsest, stride=2), _Residual(coarsest))
        self.from_4 = nn.Conv2d(coarsest, coarse, 1)
        self.from_8 = nn.Conv2d(coarse, joined, 1)
        self.across = nn.Conv2d(middle, joined, 1)
        self.head = _convolution(joined, joined)
        self.cells = nn.Conv2d(joined, SLOTS * (1 + sum(self.classes) + 3), 1)
        self.whole = nn.Linear(coarsest + joined, len(vocabulary.styles) + len(vocabulary.settings))
        nn.init.zeros_(self.cells.weight)
        nn.init.constant_(self.cells.bias, -2.0)  # type: ignore[arg-type]  # it has one; few cells hold a centre

    def forward(self, pictures: torch.Tensor) -> Seen:
        """Read pictures, (n, 3, 64, 64) within [-1, 1]."""
        at_16 = self.to_16(self.stem(pictures))
        at_8 = self.to_8(at_16)
        at_4 = self.to_4(at_8)
        at_8 = functional.relu(at_8 + _doubled(self.from_4(at_4)))
        features = self.head(functional.relu(self.across(at_16) + _doubled(self.from_8(at_8))))
        whole = self.whole(torch.cat([at_4.mean((2, 3)), features.mean((2, 3))], 1))
        return self._told_apart(self.cells(features), whole)

    def _told_apart(self, cells: torch.Tensor, whole: torch.Tensor) -> Seen:
        kinds, colours = self.classes
        cells = cells.reshape(len(cells), -1, SLOTS, GRID, GRID)
        there, kind, colour, place, scale = torch.split(cells, [1, kinds, colours, 2, 1], 1)
        style, setting = torch.split(whole, [len(self.vocabulary.styles), len(self.vocabulary.settings)], 1)
        return Seen(there[:, 0], kind, colour, place, scale[:, 0], style, setting)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.second(self.first(x)))


def _convolution(narrow: int, wide: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0)


def save(network: ReaderNetwork, path: Path, about: dict[str, str]) -> None:
    """Write the weights in half precision with the vocabulary beside them, as safetensors; `about` says how they came to be."""
    from safetensors.torch import save as to_bytes

    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items() if value.is_floating_point()}
    metadata = {**about, "vocabulary": json.dumps(asdict(network.vocabulary))}
    path.write_bytes(to_bytes(tensors, metadata))


def load(path: Path, widths: tuple[int, int, int, int] = WIDTHS) -> ReaderNetwork:
    """The network with the weights at `path`, ready to read."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        words = json.loads(file.metadata()["vocabulary"])
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  not a mapping
    network = ReaderNetwork(Vocabulary(**{name: tuple(words[name]) for name in words}), widths)
    network.load_state_dict(tensors, strict=False)  # without the counters of batch normalisation, which reading does not use
    return network.eval().requires_grad_(False)
