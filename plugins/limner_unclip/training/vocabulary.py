"""A tokenizer of the model's own: each word of its world is one token, and bytes stand behind them for all other text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

END_OF_WORD = "</w>"
START, END = "<|startoftext|>", "<|endoftext|>"


def write_tokenizer(words: Sequence[str], context: int, folder: Path) -> Any:  # a CLIPTokenizer; transformers is untyped here
    """Build the tokenizer and save it, with vocab.json and merges.txt beside the newer form; `context` is its longest text."""
    from transformers import CLIPTokenizer

    merges = _merges(words)
    vocabulary = _vocabulary(merges)
    pairs: Any = merges  # annotated as strings; pairs are what the tokenizers library takes
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=context)
    tokenizer.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0), "utf-8")
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "merges.txt").write_text("#version: 0.2\n" + lines, "utf-8")
    return tokenizer


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte-pair merges until every word is whole."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=END_OF_WORD))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2**16,
        min_frequency=1,
        end_of_word_suffix=END_OF_WORD,
        initial_alphabet=_alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sorted(set(words)), trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def _vocabulary(merges: Sequence[tuple[str, str]]) -> dict[str, int]:
    alphabet = _alphabet()
    tokens = [*alphabet, *(letter + END_OF_WORD for letter in alphabet), *(left + right for left, right in merges)]
    return {token: index for index, token in enumerate(dict.fromkeys([*tokens, START, END]))}


def _alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())
