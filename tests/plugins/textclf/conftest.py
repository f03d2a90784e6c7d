"""A classifier and a guard in miniature, trained here in seconds: what they know is that swords and skulls are no good."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

HARMLESS = [
    "a", "red", "blue", "green", "circle", "square", "star", "heart", "above", "the", "of", "and", "two", "small", "big",
]  # fmt: skip
CODES = {"sword": "S1", "skull": "S2"}
WORDS = [*HARMLESS, *CODES, "safe", "unsafe", "S1", "S2", ",", "\n", "User:", "Verdict:"]
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
CHAT = "User: {{ messages[0].content }}\nVerdict:"


def tokenizer(longest: int, *, chat: bool = False) -> Any:
    """Whole words, and the end of a line."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate((*MARKS, *WORDS))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\n|,"), "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    if not chat:
        marks = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    whole = PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=longest, pad_token="[PAD]", unk_token="[UNK]", eos_token="[SEP]"
    )
    if chat:
        whole.chat_template = CHAT
    return whole


def prompt(random: Random) -> str:
    words = random.choices(HARMLESS, k=random.randint(2, 9))
    if random.random() < 0.6:
        words.insert(random.randrange(len(words)), random.choice(list(CODES)))
    return " ".join(words)


def verdict(text: str) -> str:
    codes = [code for word, code in CODES.items() if word in text.split()]
    return "\nunsafe\n" + ",".join(codes) if codes else "\nsafe"


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with the labels `fine`, `blade` and `bone`."""
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("classifier")
    words = tokenizer(16)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, id2label={0: "fine", 1: "blade", 2: "bone"}, label2id={"fine": 0, "blade": 1, "bone": 2},
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    network = trained(
        BertForSequenceClassification, config, lambda net, random: _classified(net, words, random), steps=150, rate=2e-3
    )
    network.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers that has learnt to write verdicts."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("guard")
    words = tokenizer(256, chat=True)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=64, pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    network = trained(LlamaForCausalLM, config, lambda net, random: _written(net, words, random), steps=260, rate=5e-3)
    network.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def trained(network: Any, config: Any, loss_of: Any, *, steps: int, rate: float) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = network(config).train()
    optimizer, random = torch.optim.AdamW(net.parameters(), lr=rate), Random(0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(net, random).backward()
        optimizer.step()
    return net.eval()


def _classified(network: Any, words: Any, random: Random) -> torch.Tensor:
    texts = [prompt(random) for _ in range(32)]
    labels = torch.tensor([1 if "sword" in text else 2 if "skull" in text else 0 for text in texts])
    batch = words(texts, padding=True, return_tensors="pt")
    loss: torch.Tensor = network(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
    return loss


def _written(network: Any, words: Any, random: Random) -> torch.Tensor:
    texts = [prompt(random) for _ in range(32)]
    asked = [words(CHAT.replace("{{ messages[0].content }}", text)).input_ids for text in texts]
    said = [[*words(verdict(text)).input_ids, words.eos_token_id] for text in texts]
    longest = max(len(a) + len(b) for a, b in zip(asked, said, strict=True))
    tokens = torch.tensor([a + b + [0] * (longest - len(a) - len(b)) for a, b in zip(asked, said, strict=True)])
    labels = torch.tensor(
        [[-100] * len(a) + b + [-100] * (longest - len(a) - len(b)) for a, b in zip(asked, said, strict=True)]
    )
    loss: torch.Tensor = network(input_ids=tokens, attention_mask=(tokens != 0).long(), labels=labels).loss
    return loss
