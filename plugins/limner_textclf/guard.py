"""The step `textclf.guard`: a language model that was trained to judge prompts writes its verdict on this one.

Llama Guard (arXiv 2312.06674) and its kin write `safe`, or `unsafe` and in the next line the codes of what they see: `S1,S9`.
The score is the probability of `unsafe` against `safe` where that word begins. Any other answer is no verdict: an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

import limner
from limner_textclf.labels import Labels, categories, digest

if TYPE_CHECKING:
    import torch

VERSION = 1  # of how a score is computed; part of the digest
_VERDICT = re.compile(r"\s*(safe|unsafe)\b[^\n]*\n?(.*)", re.DOTALL)


class GuardOptions(limner.Options):
    """`categories` maps the model's codes to categories; `template` holds {prompt}, for a model without a chat template."""

    model: limner.ModelRef
    categories: Labels
    template: Annotated[str, Field(pattern=r"\{prompt\}")] | None = None
    longest_verdict: Annotated[int, Field(ge=4, le=128)] = 32
    longest_prompt: Annotated[int, Field(ge=64, le=131_072)] = 2_048


class Guard(limner.Step):
    """Measures `textclf.guard.unsafe`, and for each category the same probability where the verdict names one of its codes."""

    type = "textclf.guard"
    Options = GuardOptions
    runs_on = "accelerator"

    @classmethod
    def emits(cls, options: GuardOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for the verdict, one for each category."""
        names = ("unsafe", *categories(options.categories))
        return {f"textclf.guard.{name}": limner.Range(0.0, 1.0) for name in names}

    @classmethod
    def digest(cls, options: GuardOptions, models: limner.ModelIndex) -> str:
        """The hash of the model's files and of how it is asked."""
        return digest(options, models.digest(options.model), VERSION)

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the language model and its tokenizer."""
        self._network: Any = models.component(self.options.model, "language_model")  # transformers' models are untyped
        self._tokenizer: Any = models.component(self.options.model, "tokenizer")  # likewise its tokenizers
        self._device = device
        if self._tokenizer.chat_template is None and self.options.template is None:
            what = "its tokenizer has no chat template, so there is no telling how to ask it"
            raise limner.ModelError(
                what, where=f"model {self.options.model}", fix="set the option `template`, with {prompt} in it"
            )

    @limner.hookimpl
    def filter_prompt(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The verdict on each prompt; an ItemError where the model gives none."""
        return [self._judge(generation.prompt) for generation in generations]

    def _judge(self, prompt: str) -> list[limner.Signal] | limner.ItemError:
        asked = self._asked(prompt.encode("utf-8", "replace").decode())
        if asked.shape[1] > self.options.longest_prompt:
            return limner.ItemError(f"the prompt takes {asked.shape[1]} tokens, more than `longest_prompt`")
        tokens, logits = self._generated(asked)
        verdict = _VERDICT.fullmatch(self._tokenizer.decode(tokens, skip_special_tokens=True))
        if verdict is None:
            return limner.ItemError("the guard gave no verdict", fix="see whether its template is the one it was trained with")
        score = self._probability(verdict[1], tokens, logits)
        named = {code.strip() for code in re.split(r"[,\s]+", verdict[2])} if verdict[1] == "unsafe" else set[str]()
        seen = {category for code, category in self.options.categories.items() if code in named}
        found = {category: score if category in seen else 0.0 for category in categories(self.options.categories)}
        return [limner.Signal(f"textclf.guard.{name}", value) for name, value in ({"unsafe": score} | found).items()]

    def _asked(self, prompt: str) -> torch.Tensor:
        if self.options.template is not None:
            text = self.options.template.replace("{prompt}", prompt)
        else:
            said = [{"role": "user", "content": prompt}]
            text = self._tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        tokens: torch.Tensor = self._tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        return tokens.to(self._device)

    def _generated(self, asked: torch.Tensor) -> tuple[list[int], list[torch.Tensor]]:
        """The tokens of the verdict, and the logits (vocabulary,) that each was chosen by."""
        import torch

        with torch.no_grad():
            written = self._network.generate(
                asked,
                attention_mask=torch.ones_like(asked),
                max_new_tokens=self.options.longest_verdict,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
                pad_token_id=self._tokenizer.eos_token_id,
            )
        return written.sequences[0, asked.shape[1] :].tolist(), [step[0].float() for step in written.logits]

    def _probability(self, verdict: str, tokens: Sequence[int], logits: Sequence[torch.Tensor]) -> float:
        """The probability of `unsafe` against `safe`, where the verdict's word begins."""
        begins = next(
            i for i in range(len(tokens)) if self._tokenizer.decode(tokens[: i + 1], skip_special_tokens=True).strip()
        )
        other = self._tokenizer("safe" if verdict == "unsafe" else "unsafe", add_special_tokens=False).input_ids[0]
        chosen, against = logits[begins][tokens[begins]], logits[begins][other]
        said = float((chosen - against).sigmoid())
        return said if verdict == "unsafe" else 1.0 - said
