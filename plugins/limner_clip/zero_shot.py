"""Zero-shot classification by CLIP (arXiv 2103.00020, section 3.1): embeddings against phrasings.

A concept's score is softmax(scale · cosines) over its positive and contrast phrasings, summed over the positive ones. A
phrasing in several wordings is the mean of their embeddings. Phrasings compete one by one, since the mean of many blurs: the
mean over all colours of a sword is the nearest text of no picture.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from limner import ModelError, Models
from limner_clip.concepts import Concept, Phrasing

MOST_SCALE = 100.0
"""CLIP clips its logit scale to this in training, and public checkpoints end there."""

TEXTS_AT_ONCE = 256
VERSION = 1  # of how a phrasing becomes a direction; part of the name under which directions are kept


class ZeroShot:
    """Scores image embeddings, in float32, against concepts that are encoded once.

    `scale` multiplies the cosines; None stands for the model's own.
    """

    def __init__(
        self, models: Models, model: str, concepts: Mapping[str, Concept], *, scale: float | None, device: torch.device
    ) -> None:
        sides = {name: (concept.positives(), concept.contrasts()) for name, concept in concepts.items()}
        phrasings = list(dict.fromkeys(phrasing for both in sides.values() for side in both for phrasing in side))
        row = {phrasing: index for index, phrasing in enumerate(phrasings)}
        self._rows = {
            name: [torch.tensor([row[phrasing] for phrasing in side], device=device) for side in both]
            for name, both in sides.items()
        }
        self._texts = directions(models, model, phrasings, device)
        self._scale = scale or logit_scale(models, model)

    def scores(self, embeddings: torch.Tensor) -> list[dict[str, float]]:
        """The probability of each concept, in [0, 1], for each of the embeddings (n, dimension)."""
        logits = self._scale * functional.normalize(embeddings.to(self._texts), dim=-1) @ self._texts.T
        columns = [_probability(logits[:, positive], logits[:, contrast]) for positive, contrast in self._rows.values()]
        return [dict(zip(self._rows, values, strict=True)) for values in torch.stack(columns, dim=1).tolist()]


def _probability(positive: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """The positive part of a softmax over both, (n,)."""
    return (positive.logsumexp(dim=1) - contrast.logsumexp(dim=1)).sigmoid()


def logit_scale(models: Models, model: str) -> float:
    """The scale that the model's CLIP was trained to, where its text encoder's configuration has it, else the usual one.

    The configuration has its natural logarithm, as the parameter `logit_scale` of CLIP's checkpoints.
    """
    written = models.config(model, "text_encoder").get("logit_scale")
    if written is None:
        return MOST_SCALE
    if isinstance(written, bool) or not isinstance(written, int | float) or not math.isfinite(written):
        raise ModelError(
            f"logit_scale is {written!r}, not a number",
            where=f"model {model}, component text_encoder",
            fix="mend its config.json, or set the option `logit_scale` of the step",
        )
    return min(math.exp(min(written, 10.0)), MOST_SCALE)


def directions(models: Models, model: str, phrasings: Sequence[Phrasing], device: torch.device) -> torch.Tensor:
    """The embeddings of phrasings, normalised, (n, dimension): worked out once for all steps, and kept from start to start."""
    key = hashlib.sha256(json.dumps([VERSION, phrasings], ensure_ascii=False).encode()).hexdigest()
    return models.derived(model, f"phrasings-{key}", lambda: TextEncoder(models, model, device).directions(phrasings))


class TextEncoder:
    """A model's CLIP text encoder and tokenizer, for phrasings and prompts."""

    def __init__(self, models: Models, model: str, device: torch.device) -> None:
        self._tokenizer: Any = models.component(model, "tokenizer")  # transformers' tokenizers are untyped
        self._encoder: Any = models.component(model, "text_encoder")  # likewise its models
        self._model, self._device = model, device

    def directions(self, phrasings: Sequence[Phrasing]) -> torch.Tensor:
        """The embeddings of phrasings, normalised, (n, dimension). Raises ModelError for a text longer than the model reads."""
        texts = sorted({wording for phrasing in phrasings for wording in phrasing}, key=len)  # little of a slice is padding
        encoded = dict(zip(texts, torch.cat(list(self._encoded(texts))), strict=True))
        means = [torch.stack([encoded[wording] for wording in phrasing]).mean(dim=0) for phrasing in phrasings]
        return functional.normalize(torch.stack(means), dim=-1)

    def windows(self, text: str) -> torch.Tensor:
        """The embeddings of a text of any length, in windows that overlap by half, normalised, (windows, dimension)."""
        most = self._tokenizer.model_max_length
        begin, end = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
        written = text.encode("utf-8", "replace").decode()  # lone surrogates are no text to the tokenizer
        inner = self._tokenizer(written, add_special_tokens=False, verbose=False).input_ids
        size = most - 2  # the beginning and the end of a text take one place each
        starts = range(0, max(len(inner) - size // 2, 1), max(size // 2, 1))
        rows = [[begin, *inner[start : start + size], end] for start in starts]
        return torch.cat(
            [self._embedded([row for row in rows if len(row) == length]) for length in sorted(set(map(len, rows)))]
        )

    def _embedded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        with torch.no_grad():
            embeddings = self._encoder(torch.tensor(rows, device=self._device)).text_embeds
        return functional.normalize(embeddings.float(), dim=-1)

    def _encoded(self, texts: Sequence[str]) -> Iterator[torch.Tensor]:
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            tokens = self._tokenizer(part, padding=True, return_tensors="pt", verbose=False)
            self._check_lengths(part, tokens.attention_mask.sum(dim=1).tolist())
            with torch.no_grad():
                embeddings = self._encoder(tokens.input_ids.to(self._device)).text_embeds
            yield functional.normalize(embeddings.float(), dim=-1)

    def _check_lengths(self, texts: Sequence[str], lengths: Sequence[int]) -> None:
        most = self._tokenizer.model_max_length
        for text, length in zip(texts, lengths, strict=True):
            if length > most:
                what = f"the phrasing {text!r} has {length} tokens, and the model reads no more than {most}"
                raise ModelError(
                    what,
                    where=f"model {self._model}, component text_encoder",
                    fix="give the step `concepts` whose phrasings fit",
                )
