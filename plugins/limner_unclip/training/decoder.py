"""The third stage: the decoder, a U-Net that makes a small picture from an image embedding and a text (arXiv 2204.06125)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from limner_unclip.training.encoders import Embedded, Encoders, Text
from limner_unclip.training.layout import channels_last
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.noise import NoiseSchedule, draw_noise, draw_timesteps
from limner_unclip.training.recipe import Decoder
from limner_unclip.training.task import Draw

CHANNELS = 3
PLAIN = ("DownBlock2D", "UpBlock2D")
ATTENTIVE = ("SimpleCrossAttnDownBlock2D", "SimpleCrossAttnUpBlock2D")


class DecoderTask:
    """x0-prediction from the true image embedding and its caption, or one of them, or neither, so that both can be guided.

    Embeddings may be worn a little, because those that the prior will give are not quite true.
    """

    def __init__(self, settings: Decoder, lessons: Lessons[Embedded], encoders: Encoders) -> None:
        self.settings, self.lessons, self.encoders = settings, lessons, encoders
        first = lessons.at(0)
        self.device = first.pool.device
        self.schedule = NoiseSchedule(self.device)
        self._weights = self.schedule.weights(offset=settings.snr_offset, most=settings.snr_most)
        self._spread = first.std[0].to(self.device)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            decoder = channels_last(new_decoder(settings, encoders.width))
            projection = new_text_projection(settings, encoders.dimension, encoders.width)
        self.networks = nn.ModuleDict({"decoder": decoder, "text_proj": projection}).to(self.device)

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch."""
        lesson = self.lessons.at(draw.step)
        rows = lesson.pool.rows(draw.rng, draw.batch)
        images, embeddings, turned = self._shown(lesson, rows)
        embeddings = self._worn(draw.rng, embeddings)
        tokens = lesson.pool.tokens(rows, lesson.pool.wordings(draw.rng, rows), padded=True)
        timesteps = draw_timesteps(draw.rng, draw.batch, self.device)
        noised = self.schedule.noised(images, timesteps, draw_noise(draw.rng, images))
        no_embedding, no_text = (drop.to(self.device) for drop in draw_drops(draw.rng, draw.batch, self.settings, turned))
        text = self.encoders.text(tokens.blanked(no_text, lesson.pool.blank))
        predicted = self._predict(noised, timesteps, embeddings, no_embedding, text)
        errors = (predicted.float() - images).square().mean((1, 2, 3))
        return (errors * self._weights[timesteps]).mean()

    def _shown(self, lesson: Embedded, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Pictures, the first of them in turned hues, with their embeddings, and how many are turned."""
        images, embeddings = lesson.pool.images(rows), lesson.embeddings_at(rows)
        if turned := round(self.settings.hues * len(rows)):
            images[:turned] = lesson.pool.turned(rows[:turned])
            embeddings[:turned] = self.encoders.image(images[:turned])
        return images, embeddings, turned

    def _worn(self, rng: np.random.Generator, embeddings: torch.Tensor) -> torch.Tensor:
        n = len(embeddings)
        strength = rng.uniform(0, self.settings.embedding_noise, n) * (rng.random(n) < 0.5)
        scale = torch.from_numpy(strength).float().to(self.device)[:, None] * self._spread
        return embeddings + scale * draw_noise(rng, embeddings)

    def _predict(
        self,
        noised: torch.Tensor,
        timesteps: torch.Tensor,
        embeddings: torch.Tensor,
        no_embedding: torch.Tensor,
        text: Text,
    ) -> torch.Tensor:
        projection: Any = self.networks["text_proj"]  # diffusers' modules are untyped
        null = projection.learned_classifier_free_guidance_embeddings
        context, added = projection(
            image_embeddings=torch.where(no_embedding[:, None], null, embeddings),
            prompt_embeds=text.pooled,
            text_encoder_hidden_states=text.hidden,
            do_classifier_free_guidance=False,
        )
        mask = F.pad(text.mask, (self.settings.extra_tokens, 0), value=True)
        answer = self.networks["decoder"](noised, timesteps, context, class_labels=added, attention_mask=mask)
        return answer.sample  # type: ignore[no-any-return]  # diffusers is untyped


def draw_drops(rng: np.random.Generator, n: int, settings: Decoder, turned: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Which pictures lose their embedding and which their text, both (n,) bool: each by its own chance, or both at once.

    The first `turned` keep their embedding and lose their text.
    """
    both = rng.random(n) < settings.drop_both
    no_embedding = both | (rng.random(n) < settings.drop_embedding)
    no_text = both | (rng.random(n) < settings.drop_text)
    no_embedding[:turned], no_text[:turned] = False, True
    return torch.from_numpy(no_embedding), torch.from_numpy(no_text)


def new_decoder(settings: Decoder, width: int, outputs: int = CHANNELS) -> nn.Module:
    """A U-Net of the form Karlo has; `width` is that of the text's hidden states."""
    from diffusers import UNet2DConditionModel

    kinds = [ATTENTIVE if attends else PLAIN for attends in settings.attention]
    network: nn.Module = UNet2DConditionModel(
        sample_size=settings.picture,
        in_channels=CHANNELS,
        out_channels=outputs,
        down_block_types=tuple(down for down, _ in kinds),
        up_block_types=tuple(up for _, up in reversed(kinds)),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=settings.channels,
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=settings.head,
        norm_num_groups=settings.groups,
        time_embedding_dim=settings.time_dimension,
        resnet_time_scale_shift="scale_shift",
        class_embed_type="identity",
    )
    return network


def new_text_projection(settings: Decoder, dimension: int, width: int) -> nn.Module:
    """What turns an embedding and a text into the U-Net's context tokens and an addition to its timestep embedding."""
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel

    network: nn.Module = UnCLIPTextProjModel(
        clip_extra_context_tokens=settings.extra_tokens,
        clip_embeddings_dim=dimension,
        time_embed_dim=settings.time_dimension,
        cross_attention_dim=width,
    )
    return network
