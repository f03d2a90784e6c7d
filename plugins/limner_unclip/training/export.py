"""Writing a trained model in the form of a Karlo directory, so that it and a public checkpoint are loaded the same way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from limner import ConfigurationError
from limner_unclip.training.decoder import CHANNELS

COMPONENTS = {
    "prior": ("diffusers", "PriorTransformer"),
    "decoder": ("diffusers", "UNet2DConditionModel"),
    "text_encoder": ("transformers", "CLIPTextModelWithProjection"),
    "tokenizer": ("transformers", "CLIPTokenizer"),
    "text_proj": ("unclip", "UnCLIPTextProjModel"),
    "super_res_first": ("diffusers", "UNet2DModel"),
    "super_res_last": ("diffusers", "UNet2DModel"),
    "prior_scheduler": ("diffusers", "UnCLIPScheduler"),
    "decoder_scheduler": ("diffusers", "UnCLIPScheduler"),
    "super_res_scheduler": ("diffusers", "UnCLIPScheduler"),
    "image_encoder": ("transformers", "CLIPVisionModelWithProjection"),
    "feature_extractor": ("transformers", "CLIPImageProcessor"),
}
TRAINED = ("tokenizer", "text_encoder", "image_encoder", "prior", "text_proj", "decoder", "super_res_first", "super_res_last")
SMALLEST_VARIANCE = -1.0
BOX = 4  # PIL.Image.Resampling.BOX: what the small pictures of training are of the large ones
HASHES = "SHA256SUMS"
READABLE = 0o644  # safetensors leaves its files to their owner alone


def export(run: Path, destination: Path) -> Path:
    """Write the run's networks to `destination` in float16, with schedulers, model_index.json and SHA256SUMS.

    The directory appears as a whole, in place of one that is there, whose README.md it keeps. Raises ConfigurationError
    naming the stages not trained yet.
    """
    missing = [part for part in TRAINED if not (run / part).is_dir()]
    if missing:
        raise ConfigurationError(f"the run lacks {', '.join(missing)}", where=str(run), fix="train those stages first")
    partial = destination.with_name(f".{destination.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    _write(run, partial)
    _replace(partial, destination)
    return destination


def write_hashes(folder: Path) -> None:
    """Write SHA256SUMS over all files of the folder, in the form that `sha256sum -c` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != HASHES)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / HASHES).write_text("".join(lines), "utf-8")


def with_fixed_variance(decoder: Any) -> nn.Module:  # a UNet2DConditionModel, untyped
    """The same decoder with three more outputs, always -1: as `learned_range` reads them, exactly the fixed small variance."""
    from diffusers import UNet2DConditionModel

    wide: Any = UNet2DConditionModel.from_config({**decoder.config, "out_channels": 2 * CHANNELS})
    weights = dict(decoder.state_dict())
    kernel, bias = weights["conv_out.weight"], weights["conv_out.bias"]
    weights["conv_out.weight"] = torch.cat([kernel, torch.zeros_like(kernel)])
    weights["conv_out.bias"] = torch.cat([bias, torch.full_like(bias, SMALLEST_VARIANCE)])
    wide.load_state_dict(weights)
    return wide  # type: ignore[no-any-return]  # diffusers is untyped


def _write(run: Path, folder: Path) -> None:
    shutil.copytree(run / "tokenizer", folder / "tokenizer")
    for name, network in _networks(run).items():
        network.half().save_pretrained(folder / name, safe_serialization=True)
    for name, scheduler in _schedulers().items():
        scheduler.save_pretrained(folder / name)
    _feature_extractor(run).save_pretrained(folder / "feature_extractor")
    index = {"_class_name": "UnCLIPPipeline", **{name: list(source) for name, source in COMPONENTS.items()}}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    for weights in folder.rglob("*.safetensors"):
        weights.chmod(READABLE)
    write_hashes(folder)


def _networks(run: Path) -> dict[str, Any]:  # modules of diffusers and transformers, untyped
    from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
    from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    return {
        "text_encoder": CLIPTextModelWithProjection.from_pretrained(run / "text_encoder"),
        "image_encoder": CLIPVisionModelWithProjection.from_pretrained(run / "image_encoder"),
        "prior": PriorTransformer.from_pretrained(run / "prior"),
        "text_proj": UnCLIPTextProjModel.from_pretrained(run / "text_proj"),
        "decoder": with_fixed_variance(UNet2DConditionModel.from_pretrained(run / "decoder")),
        "super_res_first": UNet2DModel.from_pretrained(run / "super_res_first"),
        "super_res_last": UNet2DModel.from_pretrained(run / "super_res_last"),
    }


def _schedulers() -> dict[str, Any]:  # UnCLIPSchedulers, untyped
    from diffusers import UnCLIPScheduler

    def scheduler(variance: str, bound: float) -> Any:
        return UnCLIPScheduler(prediction_type="sample", variance_type=variance, clip_sample=True, clip_sample_range=bound)

    return {
        "prior_scheduler": scheduler("fixed_small_log", 5.0),
        "decoder_scheduler": scheduler("learned_range", 1.0),
        "super_res_scheduler": scheduler("fixed_small_log", 1.0),
    }


def _feature_extractor(run: Path) -> Any:  # a CLIPImageProcessor, untyped
    from transformers import CLIPImageProcessorPil

    config = json.loads((run / "image_encoder" / "config.json").read_text("utf-8"))
    side = config["image_size"]
    return CLIPImageProcessorPil(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        resample=BOX,
        image_mean=[0.5] * CHANNELS,
        image_std=[0.5] * CHANNELS,
    )


def _replace(partial: Path, destination: Path) -> None:
    card = destination / "README.md"
    if card.exists():
        shutil.copy2(card, partial / "README.md")
    old = destination.with_name(f".{destination.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        os.replace(destination, old)
    os.replace(partial, destination)
    shutil.rmtree(old, ignore_errors=True)
