"""The second stage: the prior, a Transformer that gives image embeddings of a text (arXiv 2204.06125, section 2.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from limner_unclip.training.encoders import Embedded, Encoders
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.noise import NoiseSchedule, draw_noise, draw_timesteps
from limner_unclip.training.recipe import Prior
from limner_unclip.training.task import Draw

ADDITIONAL_TOKENS = 4  # text embedding, timestep, noised image embedding, and the query that is read out


class PriorTask:
    """x0-prediction of normalised image embeddings, plain mean squared error, some texts left out for guidance."""

    def __init__(self, settings: Prior, lessons: Lessons[Embedded], encoders: Encoders) -> None:
        self.settings, self.lessons, self.encoders = settings, lessons, encoders
        first = lessons.at(0)
        self.schedule = NoiseSchedule(first.pool.device)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = new_prior(settings, encoders)
        network.clip_mean = nn.Parameter(first.mean, requires_grad=False)
        network.clip_std = nn.Parameter(first.std, requires_grad=False)
        self.networks = nn.ModuleDict({"prior": network}).to(first.pool.device)

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch."""
        lesson = self.lessons.at(draw.step)
        network: Any = self.networks["prior"]  # diffusers' modules are untyped
        rows = lesson.pool.rows(draw.rng, draw.batch)
        clean = (lesson.embeddings_at(rows) - network.clip_mean) / network.clip_std
        tokens = lesson.pool.tokens(rows, lesson.pool.wordings(draw.rng, rows), padded=True)
        no_text = torch.from_numpy(draw.rng.random(draw.batch) < self.settings.drop_text).to(clean.device)
        text = self.encoders.text(tokens.blanked(no_text, lesson.pool.blank))
        timesteps = draw_timesteps(draw.rng, draw.batch, clean.device)
        noised = self.schedule.noised(clean, timesteps, draw_noise(draw.rng, clean))
        answer = network(
            noised, timesteps, proj_embedding=text.pooled, encoder_hidden_states=text.hidden, attention_mask=text.mask
        )
        error: torch.Tensor = answer.predicted_image_embedding - clean
        return error.square().mean()


def new_prior(settings: Prior, encoders: Encoders) -> Any:  # a diffusers PriorTransformer, untyped
    """A prior for a CLIP's embeddings. Its own width is the embeddings' dimension, which the heads share."""
    from diffusers import PriorTransformer

    return PriorTransformer(
        num_attention_heads=settings.heads,
        attention_head_dim=encoders.dimension // settings.heads,
        num_layers=settings.layers,
        embedding_dim=encoders.dimension,
        num_embeddings=encoders.context,
        additional_embeddings=ADDITIONAL_TOKENS,
    )
