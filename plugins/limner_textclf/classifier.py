"""The step `textclf`: what a sequence classifier makes of the prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

import limner
from limner_textclf.labels import Labels, categories, digest, places

if TYPE_CHECKING:
    import torch

VERSION = 1  # of how a score is computed; part of the digest
MOST_WINDOWS = 64  # of one prompt; a longer one is not measured, so the gate fails closed
LONGEST_WINDOW = 512  # tokens, where neither the model nor the options tell


class ClassifierOptions(limner.Options):
    """`labels` maps the model's labels to categories. `scores` are the model's own kind if left out; `window` is in tokens."""

    model: limner.ModelRef
    labels: Labels
    scores: Literal["softmax", "sigmoid"] | None = None
    window: Annotated[int, Field(ge=8, le=8192)] | None = None


class TextClassifier(limner.Step):
    """Measures `textclf.<category>`, the probability of each category.

    That is the sum over its labels, or the highest where the model scores each label by itself. A prompt longer than the model
    reads is looked at in windows that overlap by half; the highest of their scores counts.
    """

    type = "textclf"
    Options = ClassifierOptions
    runs_on = "accelerator"
    max_batch = 16

    @classmethod
    def emits(cls, options: ClassifierOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each category."""
        return {f"textclf.{category}": limner.Range(0.0, 1.0) for category in categories(options.labels)}

    @classmethod
    def digest(cls, options: ClassifierOptions, models: limner.ModelIndex) -> str:
        """The hash of the model's files, the labels and how they are scored."""
        return digest(options, models.digest(options.model), VERSION)

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the classifier and its tokenizer, and check that it has the labels."""
        model = self.options.model
        self._network: Any = models.component(model, "sequence_classifier")  # transformers' models are untyped
        self._tokenizer: Any = models.component(model, "tokenizer")  # likewise its tokenizers
        config = self._network.config
        self._places = places(self.options.labels, config.id2label, model)
        own = "sigmoid" if config.problem_type == "multi_label_classification" or len(config.id2label) == 1 else "softmax"
        self._scores: str = self.options.scores or own
        longest = min(self._tokenizer.model_max_length, getattr(config, "max_position_embeddings", None) or LONGEST_WINDOW)
        self._window = min(self.options.window or LONGEST_WINDOW, longest)
        self._device = device

    @limner.hookimpl
    def filter_prompt(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each prompt; an ItemError for one that takes too many windows."""
        windows = [self._windows(generation.prompt) for generation in generations]
        every = [window for each in windows if isinstance(each, list) for window in each]
        scores = iter(self._classified(every) if every else ())
        return [each if isinstance(each, limner.ItemError) else self._signals([next(scores) for _ in each]) for each in windows]

    def _windows(self, prompt: str) -> list[list[int]] | limner.ItemError:
        written = prompt.encode("utf-8", "replace").decode()  # lone surrogates are no text to a tokenizer
        encoded = self._tokenizer(
            written,
            truncation=True,
            max_length=self._window,
            stride=self._window // 2 - self._tokenizer.num_special_tokens_to_add(),
            return_overflowing_tokens=True,
        )
        rows: list[list[int]] = encoded.input_ids
        if len(rows) > MOST_WINDOWS:
            return limner.ItemError(f"the prompt takes {len(rows)} windows, and no more than {MOST_WINDOWS} are looked at")
        return rows

    def _classified(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        import torch

        batch = self._tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt").to(self._device)
        with torch.no_grad():
            logits = self._network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.float()
        scores: list[list[float]] = (logits.sigmoid() if self._scores == "sigmoid" else logits.softmax(dim=-1)).tolist()
        return scores

    def _signals(self, windows: Sequence[Sequence[float]]) -> list[limner.Signal]:
        joined = max if self._scores == "sigmoid" else sum
        return [
            limner.Signal(f"textclf.{category}", max(joined([row[place] for place in several]) for row in windows))
            for category, several in self._places.items()
        ]
