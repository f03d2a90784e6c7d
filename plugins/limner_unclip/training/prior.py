"""The second stage: the prior, a Transformer that gives image embeddings of a text (arXiv 2204.06125, section 2.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from limner_unclip.training.encoders import Encoders
from limner_unclip.training.noise import NoiseSchedule, draw_noise, draw_timesteps
from limner_unclip.training.pool import Pool
from limner_unclip.training.recipe import Prior

ADDITIONAL_TOKENS = 4  # text embedding, timestep, noised image embedding, and the query that is read out


class PriorTask:
    """x0-prediction of normalised image embeddings, plain mean squared error, some texts left out for guidance."""

    def __init__(self, settings: Prior, pool: Pool, embeddings: torch.Tensor, encoders: Encoders) -> None:
        self.settings, self.pool, self.encoders = settings, pool, encoders
        self.schedule = NoiseSchedule(pool.device)
        mean, spread = embeddings.mean(0, keepdim=True), embeddings.std(0, keepdim=True)
        self._normalised = (embeddings - mean) / spread
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = new_prior(settings, encoders)
        network.clip_mean = nn.Parameter(mean, requires_grad=False)
        network.clip_std = nn.Parameter(spread, requires_grad=False)
        self.networks = nn.ModuleDict({"prior": network}).to(pool.device)

    def loss(self, rng: np.random.Generator, batch: int) -> torch.Tensor:
        """The loss of a batch."""
        rows = self.pool.rows(rng, batch)
        clean = self._normalised[torch.from_numpy(rows)].to(self.pool.device)
        tokens = self.pool.tokens(rows, self.pool.wordings(rng, rows), padded=True)
        no_text = torch.from_numpy(rng.random(batch) < self.settings.drop_text).to(clean.device)
        text = self.encoders.text(tokens.blanked(no_text, self.pool.blank))
        timesteps = draw_timesteps(rng, batch, clean.device)
        noised = self.schedule.noised(clean, timesteps, draw_noise(rng, clean))
        answer = self.networks["prior"](
            noised,
            timesteps,
            proj_embedding=text.pooled,
            encoder_hidden_states=text.hidden,
            attention_mask=text.mask,
        )
        error: torch.Tensor = answer.predicted_image_embedding - clean
        return error.square().mean()


def new_prior(settings: Prior, encoders: Encoders) -> Any:  # a diffusers PriorTransformer, untyped
    """A prior for a CLIP's embeddings. Its own width is the embeddings' dimension."""
    from diffusers import PriorTransformer

    return PriorTransformer(
        num_attention_heads=settings.heads,
        attention_head_dim=encoders.dimension // settings.heads,
        num_layers=settings.layers,
        embedding_dim=encoders.dimension,
        num_embeddings=encoders.context,
        additional_embeddings=ADDITIONAL_TOKENS,
    )
