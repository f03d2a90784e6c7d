"""Pools of pictures drawn ahead, their captions already tokens: what the stages draw their batches from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner import ConfigurationError
from limner_unclip.training.data.source import Captioned, Turns
from limner_unclip.training.swaps import Kinds, false_twin


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts as token ids (n, length) and a mask (n, length) of those that are text; both as long as the longest of them."""

    ids: torch.Tensor
    mask: torch.Tensor

    def blanked(self, drop: torch.Tensor, blank: Tokens) -> Tokens:
        """With the texts at `drop` (n,) replaced by the empty one."""
        length = self.ids.shape[1]
        return Tokens(
            torch.where(drop[:, None], blank.ids[:, :length], self.ids),
            torch.where(drop[:, None], blank.mask[:, :length], self.mask),
        )


class Pictures:
    """Pictures of one size, drawn ahead."""

    def __init__(self, drawn: Captioned, device: torch.device) -> None:
        self.device = device
        self._pictures, self._turns, self.group = drawn.pictures, drawn.turns, drawn.group

    def __len__(self) -> int:
        return len(self._pictures)

    def rows(self, rng: np.random.Generator, n: int, *, grouped: bool = False) -> NDArray[np.int64]:
        """n picture numbers at random; grouped, whole groups of them, if n is enough for one."""
        if not grouped or n < self.group:
            return rng.integers(0, len(self), n)
        groups = rng.integers(0, len(self) // self.group, n // self.group)
        rows: NDArray[np.int64] = (groups[:, None] * self.group + np.arange(self.group)).ravel()
        return rows

    def images(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Pictures as the networks see them: float32 (n, 3, side, side) in [-1, 1], channels last in memory."""
        return torch.from_numpy(self._pictures[rows]).to(self.device).permute(0, 3, 1, 2).float().div(127.5).sub(1)

    def turned(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """The same pictures with their hues turned. Raises ConfigurationError where their source cannot turn them."""
        matrices = torch.from_numpy(self._known_turns().matrices[rows]).to(self.device)
        return torch.einsum("nij,njhw->nihw", matrices, self.images(rows)).clamp(-1, 1)

    def _known_turns(self) -> Turns:
        if self._turns is None:
            raise ConfigurationError("this source of pictures cannot turn their hues", fix="set hues of clip and decoder to 0")
        return self._turns


class Pool(Pictures):
    """Pictures with their captions, already tokens; `blank` is the empty caption, as long as the text encoder reads."""

    def __init__(
        self,
        drawn: Captioned,
        tokenizer: Any,  # a CLIPTokenizer, untyped
        device: torch.device,
        swaps: Kinds = (),
    ) -> None:
        super().__init__(drawn, device)
        self.shown, self.stated = drawn.shown, drawn.stated
        texts = sorted({text for texts in drawn.captions for text in texts})
        numbers = {text: number for number, text in enumerate(texts)}
        self._wording = np.array([[numbers[text] for text in texts] for texts in drawn.captions], np.int64)
        self._ids, self._mask = _tokenize(texts, tokenizer)
        self.blank = self._tokens(*_tokenize([""], tokenizer))
        twins = [false_twin(text, swaps) for text in texts]
        self._twinned = np.array([twin is not None for twin in twins])
        self._twins = _tokenize([twin or "" for twin in twins], tokenizer) if swaps else None

    @property
    def filled(self) -> int:
        """How many different captions fill all tokens that the text encoder reads; what stands after them is lost."""
        return int(self._mask.all(axis=1).sum())

    def wordings(self, rng: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each picture, which of its captions to use."""
        return rng.integers(0, self._wording.shape[1], len(rows))

    def tokens(self, rows: NDArray[np.int64], wordings: NDArray[np.int64], *, padded: bool = False) -> Tokens:
        """The captions' tokens, cut after the longest of them; `padded`, as long as the text encoder reads."""
        chosen = self._wording[rows, wordings]
        mask = self._mask[chosen]
        length = mask.shape[1] if padded else int(mask.sum(1).max())
        return self._tokens(self._ids[chosen, :length], mask[:, :length])

    def truth(self, rows: NDArray[np.int64], wordings: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which captions (rows) are true of which pictures (columns): the picture has it too, or shows all that it states."""
        same: NDArray[np.bool_] = (self._wording[rows, wordings][:, None, None] == self._wording[rows][None]).any(-1)
        if not self.shown.shape[1]:
            return same
        result: NDArray[np.bool_] = same | holds(self.shown[rows], self.stated[rows, wordings])
        return result

    def shown_turned(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the pictures show when their hues are turned: -1 for every fact that the turn changes."""
        kept = self._known_turns().kept
        result: NDArray[np.int64] = np.where(kept, self.shown[rows], -1)
        return result

    def twins(self, rows: NDArray[np.int64], wordings: NDArray[np.int64]) -> tuple[Tokens, torch.Tensor] | None:
        """The captions' false twins, and which of the captions have one (n,); None where nothing is to be swapped."""
        if self._twins is None:
            return None
        ids, mask = self._twins
        chosen = self._wording[rows, wordings]
        mask = mask[chosen]
        length = int(mask.sum(1).max())
        there = torch.from_numpy(self._twinned[chosen]).to(self.device)
        return self._tokens(ids[chosen, :length], mask[:, :length]), there

    def _tokens(self, ids: NDArray[np.int64], mask: NDArray[np.bool_]) -> Tokens:
        return Tokens(torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device))


def holds(shown: NDArray[np.int64], stated: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which captions (rows) state nothing that a picture (columns) does not show."""
    agrees = (stated[:, None] == -1) | (stated[:, None] == shown[None])
    result: NDArray[np.bool_] = agrees.all(-1)
    return result


def _tokenize(texts: Sequence[str], tokenizer: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Ids and mask of texts, as long as the text encoder reads."""
    encoded = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="np")
    return encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(bool)
