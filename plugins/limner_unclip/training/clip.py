"""The first stage: CLIP, two encoders that put a picture and its captions in one space (arXiv 2103.00020)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from limner_unclip.training.lessons import Lessons
from limner_unclip.training.noise import draw_noise
from limner_unclip.training.pool import Pool, Tokens
from limner_unclip.training.recipe import Clip
from limner_unclip.training.task import Draw

START_SCALE = 10.0
MOST_CLASSES = 32
MOST_SCALE = 100.0
IMPOSSIBLE = -1e9


class ClipTask:
    """Contrastive learning on groups of pictures that differ little: what belongs to what must be read, not only what is there.

    Beside that, linear heads name the facts of a picture from its embedding: a prior can aim at, and a decoder can read,
    what lies in an embedding in plain order. A caption that is true of several pictures of a batch, as identical ones are, has
    all of them as positives: a plain diagonal would teach that true captions are wrong. With several processes each contrasts
    its own share of the batch.
    """

    def __init__(self, settings: Clip, lessons: Lessons[Pool], tokenizer: Any, device: torch.device) -> None:
        self.settings, self.lessons = settings, lessons
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            networks = {
                "text_encoder": _text_encoder(settings, tokenizer),
                "image_encoder": _image_encoder(settings),
                "scale": _LogitScale(),
                "facts": _FactHeads(lessons.at(0).shown, settings.dimension),
            }
        self.networks = nn.ModuleDict(networks).to(device)

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch, made of whole groups."""
        pool = self.lessons.at(draw.step)
        rows = pool.rows(draw.rng, draw.batch, grouped=True)
        wordings = pool.wordings(draw.rng, rows)
        embeddings = self.networks["image_encoder"](pixel_values=self._grainy(draw.rng, pool.images(rows))).image_embeds
        images, texts = F.normalize(embeddings, dim=-1), self._texts(pool.tokens(rows, wordings))
        scale = self.networks["scale"]
        logits = scale(texts @ images.T)
        true = torch.from_numpy(pool.truth(rows, wordings)).to(logits.device)
        twins = None
        if (false := pool.twins(rows, wordings)) is not None:
            tokens, there = false
            twins = scale((self._texts(tokens) * images).sum(-1)).masked_fill(~there, IMPOSSIBLE)
        naming = self._naming(embeddings, pool.shown[rows])
        if turned := round(self.settings.hues * len(rows)):
            naming = naming + self._naming_turned(pool, draw.rng.choice(rows, turned, replace=False))
        return contrastive_loss(logits, true, twins) + self.settings.facts * naming

    def _naming_turned(self, pool: Pool, rows: NDArray[np.int64]) -> torch.Tensor:
        embeddings = self.networks["image_encoder"](pixel_values=pool.turned(rows)).image_embeds
        return self._naming(embeddings, pool.shown_turned(rows))

    def _naming(self, embeddings: torch.Tensor, shown: NDArray[np.int64]) -> torch.Tensor:
        naming: torch.Tensor = self.networks["facts"](embeddings, torch.from_numpy(shown).to(embeddings.device))
        return naming

    def _texts(self, tokens: Tokens) -> torch.Tensor:
        embeddings = self.networks["text_encoder"](input_ids=tokens.ids).text_embeds
        return F.normalize(embeddings, dim=-1)

    def _grainy(self, rng: np.random.Generator, images: torch.Tensor) -> torch.Tensor:
        """Half of the images under some noise: the encoder will also look at images that a model made."""
        n = len(images)
        strength = rng.uniform(0, self.settings.noise, n) * (rng.random(n) < 0.5)
        grain = torch.from_numpy(strength).float().to(images.device).view(-1, 1, 1, 1) * draw_noise(rng, images)
        return images + grain


def contrastive_loss(logits: torch.Tensor, true: torch.Tensor, twins: torch.Tensor | None = None) -> torch.Tensor:
    """The mean surprise at the true pictures of each caption and at the true captions of each picture.

    `logits` and `true` are (captions, pictures); `twins` (pictures,), the logits of each picture with the false twin of its own
    caption, one more caption to be told from the true ones.
    """
    logits = logits.float()
    positive = logits.masked_fill(~true, IMPOSSIBLE)
    rivals = logits if twins is None else torch.cat([logits, twins.float()[None]])
    pictures = torch.logsumexp(positive - logits.logsumexp(1, keepdim=True), 1)
    captions = torch.logsumexp(positive - rivals.logsumexp(0, keepdim=True), 0)
    return -(pictures.mean() + captions.mean()) / 2


@torch.no_grad()
def rescale(networks: nn.ModuleDict, pool: Pool, pictures: int = 4000) -> None:
    """Give both embeddings unit spread, which their cosines do not see and the networks trained on them need.

    The trained scale of the cosines goes into the text encoder's configuration as `logit_scale`, its natural logarithm, for
    whoever compares with this CLIP.
    """
    rows = np.arange(min(pictures, len(pool)))
    image_encoder: Any = networks["image_encoder"]  # transformers' modules are untyped
    text_encoder: Any = networks["text_encoder"]
    image = image_encoder(pixel_values=pool.images(rows)).image_embeds
    text = text_encoder(input_ids=pool.tokens(rows, np.zeros_like(rows)).ids).text_embeds
    image_encoder.visual_projection.weight.div_(_spread(image))
    text_encoder.text_projection.weight.div_(_spread(text))
    scale: Any = networks["scale"]
    text_encoder.config.logit_scale = min(scale.log.item(), math.log(MOST_SCALE))


def _spread(embeddings: torch.Tensor) -> torch.Tensor:
    return embeddings.var(0).mean().sqrt()


class _LogitScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(math.log(START_SCALE)))

    def forward(self, cosines: torch.Tensor) -> torch.Tensor:
        return cosines * self.log.exp().clamp(max=MOST_SCALE)


class _FactHeads(nn.Module):
    """Linear classifiers of those facts that have few classes; the loss is summed over facts.

    A fact that no picture of the batch has counts 0, through its head: several processes want a gradient for every weight.
    """

    def __init__(self, shown: NDArray[np.int64], dimension: int) -> None:
        super().__init__()
        counts = shown.max(0) + 1 if shown.size else ()
        self.columns = [column for column, count in enumerate(counts) if 1 < count <= MOST_CLASSES]
        self.heads = nn.ModuleList(nn.Linear(dimension, int(counts[column])) for column in self.columns)

    def forward(self, image: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        direction = F.normalize(image, dim=-1) * image.shape[-1] ** 0.5
        losses = [_naming(head(direction), shown[:, column]) for head, column in zip(self.heads, self.columns, strict=True)]
        return torch.stack([image.new_zeros(()), *losses]).sum()


def _naming(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy over those that have a class."""
    known = (classes >= 0).sum().clamp(min=1)
    return F.cross_entropy(logits, classes, ignore_index=-1, reduction="sum") / known


def _text_encoder(settings: Clip, tokenizer: Any) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=settings.context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **_sizes(settings),
    )
    return _begun(CLIPTextModelWithProjection(config))


def _image_encoder(settings: Clip) -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(image_size=settings.picture, patch_size=settings.patch, **_sizes(settings))
    return _begun(CLIPVisionModelWithProjection(config))


def _sizes(settings: Clip) -> dict[str, Any]:  # keyword arguments of two configuration classes
    return {
        "hidden_size": settings.width,
        "intermediate_size": 4 * settings.width,
        "projection_dim": settings.dimension,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "hidden_act": "gelu",
    }


def _begun(network: nn.Module) -> nn.Module:
    """Start from normal weights of 0.05: transformers' own start is made for encoders many times as deep."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.05)
    return network
