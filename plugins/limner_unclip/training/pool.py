"""Pools of pictures drawn ahead, their captions already tokens: what the stages draw their batches from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner_unclip.training.source import Captioned


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
        self._pictures, self._group = drawn.pictures, drawn.group

    def __len__(self) -> int:
        return len(self._pictures)

    def rows(self, rng: np.random.Generator, n: int, *, grouped: bool = False) -> NDArray[np.int64]:
        """n picture numbers at random; grouped, whole groups of them."""
        if not grouped:
            return rng.integers(0, len(self), n)
        groups = rng.integers(0, len(self) // self._group, n // self._group)
        rows: NDArray[np.int64] = (groups[:, None] * self._group + np.arange(self._group)).ravel()
        return rows

    def images(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Pictures as the networks see them: float32 (n, 3, side, side) in [-1, 1], channels last in memory."""
        return torch.from_numpy(self._pictures[rows]).to(self.device).permute(0, 3, 1, 2).float().div(127.5).sub(1)


class Pool(Pictures):
    """Pictures with their captions, already tokens; `blank` is the empty caption, as long as the text encoder reads."""

    def __init__(self, drawn: Captioned, tokenizer: Any, device: torch.device) -> None:  # a CLIPTokenizer, untyped
        super().__init__(drawn, device)
        self.shown, self.stated = drawn.shown, drawn.stated
        self._ids, self._mask, self._wording = _tokenize(drawn.captions, tokenizer)
        encoded = tokenizer([""], padding="max_length", return_tensors="np")
        self.blank = self._tokens(encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(bool))

    def wordings(self, rng: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each picture, which of its captions to use."""
        return rng.integers(0, self._wording.shape[1], len(rows))

    def tokens(self, rows: NDArray[np.int64], wordings: NDArray[np.int64], *, padded: bool = False) -> Tokens:
        """The captions' tokens, cut after the longest of them; `padded`, as long as the text encoder reads."""
        chosen = self._wording[rows, wordings]
        mask = self._mask[chosen]
        length = mask.shape[1] if padded else int(mask.sum(1).max())
        return self._tokens(self._ids[chosen, :length], mask[:, :length])

    def _tokens(self, ids: NDArray[np.int64], mask: NDArray[np.bool_]) -> Tokens:
        return Tokens(torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device))


def _tokenize(captions: list[list[str]], tokenizer: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Ids and masks of the different captions, and for each picture the numbers of its own."""
    numbers = {text: number for number, text in enumerate(sorted({text for texts in captions for text in texts}))}
    encoded = tokenizer(list(numbers), padding="max_length", truncation=True, return_tensors="np")
    wording = np.array([[numbers[text] for text in texts] for texts in captions], np.int64)
    return encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(bool), wording
