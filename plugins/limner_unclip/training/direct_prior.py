"""The prior without diffusion: one call from text to image embedding, after ECLIPSE (arXiv 2312.04655)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from limner_unclip.direct_network import DirectNetwork, DirectSizes
from limner_unclip.training.clip import contrastive_loss
from limner_unclip.training.encoders import Embedded, Encoders
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.recipe import DirectPrior
from limner_unclip.training.task import Draw


class DirectPriorTask:
    """Squared error of the normalised embedding, and a contrastive loss: each answer is to be nearest to its own text."""

    def __init__(self, settings: DirectPrior, lessons: Lessons[Embedded], encoders: Encoders) -> None:
        self.settings, self.lessons, self.encoders = settings, lessons, encoders
        first = lessons.at(0)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = new_direct_prior(settings, encoders)
        network.mean.copy_(first.mean[0])
        network.std.copy_(first.std[0])
        self.networks = nn.ModuleDict({"direct_prior": network}).to(first.pool.device)

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch."""
        lesson = self.lessons.at(draw.step)
        network: Any = self.networks["direct_prior"]  # for its buffers
        rows = lesson.pool.rows(draw.rng, draw.batch, grouped=True)
        wordings = lesson.pool.wordings(draw.rng, rows)
        text = self.encoders.text(lesson.pool.tokens(rows, wordings))
        clean = (lesson.embeddings_at(rows) - network.mean) / network.std
        predicted = network(text.hidden, text.mask, text.pooled).float()
        true = torch.from_numpy(lesson.pool.truth(rows, wordings)).to(predicted.device)
        cosines: torch.Tensor = (
            F.normalize(text.pooled.float(), dim=-1) @ F.normalize(network.denormalised(predicted), dim=-1).T
        )
        contrast = contrastive_loss(cosines / self.settings.temperature, true)
        error: torch.Tensor = predicted - clean
        return error.square().mean() + self.settings.contrast * contrast


def new_direct_prior(settings: DirectPrior, encoders: Encoders) -> DirectNetwork:
    """The network for a CLIP's embeddings."""
    return DirectNetwork(
        DirectSizes(
            dimension=encoders.dimension,
            text_width=encoders.width,
            context=encoders.context,
            width=settings.width,
            layers=settings.layers,
            heads=settings.heads,
        )
    )
