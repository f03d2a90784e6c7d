"""The prior's Transformer as diffusers has it, checked to be of unCLIP's form."""

from __future__ import annotations

from typing import Any

import torch

from limner import ModelError
from limner_unclip.conditioning import Conditioning

FORM = {
    "additional_embeddings": 4,
    "added_emb_type": "prd",
    "encoder_hid_proj_type": "linear",
    "norm_in_type": None,
    "embedding_proj_norm_type": None,
}


class PriorNetwork:
    """A PriorTransformer, which predicts an image embedding from a noised one.

    Raises ModelError for one of another form than unCLIP's, or without the statistics of the embeddings it was trained on:
    diffusers leaves `clip_std` at zero, and then every embedding would be the same.
    """

    def __init__(self, transformer: Any, *, where: str) -> None:  # a diffusers PriorTransformer, which is untyped
        for key, value in FORM.items():
            if transformer.config[key] != value:
                what = f"{key} is {transformer.config[key]!r}"
                raise ModelError(what, where=where, fix=f"a prior of unCLIP has {value!r} there")
        if not bool(transformer.clip_std.any()):
            fix = "store mean and standard deviation of the training embeddings in clip_mean and clip_std"
            raise ModelError("clip_std is all zeros, so every embedding would be the same", where=where, fix=fix)
        self.transformer = transformer
        self.dimension: int = transformer.config.embedding_dim
        self.mean: torch.Tensor = transformer.clip_mean.detach().float()[0]
        self.std: torch.Tensor = transformer.clip_std.detach().float()[0]

    def condition(self, text: Conditioning) -> Any:  # what `__call__` takes back, with `text`, `guided` and `join`
        """What of a text is the same at every step."""
        return text

    def __call__(self, x: torch.Tensor, timesteps: torch.Tensor, text: Any) -> torch.Tensor:
        """The predicted embeddings, (n, dimension), for noised ones `x` (n, dimension) at timesteps (n,)."""
        answer: torch.Tensor = self.transformer(
            x,
            timestep=timesteps,
            proj_embedding=text.vector,
            encoder_hidden_states=text.tokens,
            attention_mask=text.mask,
        ).predicted_image_embedding
        return answer

    def denormalise(self, x: torch.Tensor) -> torch.Tensor:
        """A CLIP image embedding from what the diffusion works on, which has mean 0 and variance 1."""
        return x * self.std + self.mean
