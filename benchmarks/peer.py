"""The peer in every comparison: diffusers' UnCLIPPipeline on the same weights, used as its users use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import limner_scenes

MODEL = Path(limner_scenes.__file__).parent / "weights"
STEPS = {"prior_num_inference_steps": 25, "decoder_num_inference_steps": 25, "super_res_num_inference_steps": 7}


def load(model: Path = MODEL) -> Any:  # a UnCLIPPipeline; diffusers is untyped
    """The pipeline, built from the model's components in float32: its own from_pretrained no longer loads unCLIP models."""
    from diffusers import PriorTransformer, UnCLIPPipeline, UnCLIPScheduler, UNet2DConditionModel, UNet2DModel
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    kinds: dict[str, Any] = {
        "prior": PriorTransformer,
        "decoder": UNet2DConditionModel,
        "text_encoder": CLIPTextModelWithProjection,
        "tokenizer": CLIPTokenizer,
        "text_proj": UnCLIPTextProjModel,
        "super_res_first": UNet2DModel,
        "super_res_last": UNet2DModel,
        "prior_scheduler": UnCLIPScheduler,
        "decoder_scheduler": UnCLIPScheduler,
        "super_res_scheduler": UnCLIPScheduler,
    }
    parts = {name: kind.from_pretrained(model, subfolder=name) for name, kind in kinds.items()}
    for part in parts.values():
        if hasattr(part, "eval"):
            part.float().eval()
    pipeline = UnCLIPPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: Any, prompt: str, seed: int, *, prior_guidance: float, decoder_guidance: float) -> Any:  # a PIL image
    """One image, with Limner's default steps."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    [image] = pipeline(
        prompt,
        generator=generator,
        prior_guidance_scale=prior_guidance,
        decoder_guidance_scale=decoder_guidance,
        **STEPS,
    ).images
    return image
