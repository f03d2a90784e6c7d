"""Writing a trained model in the form of a Karlo directory, so that it and a public checkpoint are loaded the same way."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from limner import ConfigurationError
from limner_unclip.training.decoder import CHANNELS
from limner_unclip.training.digests import write_hashes
from limner_unclip.training.encoders import clip_digest
from limner_unclip.training.recipe import Stage
from limner_unclip.training.records import read_records

PARTS: Mapping[Stage, Mapping[str, tuple[str, str]]] = {
    "clip": {
        "tokenizer": ("transformers", "CLIPTokenizer"),
        "text_encoder": ("transformers", "CLIPTextModelWithProjection"),
        "image_encoder": ("transformers", "CLIPVisionModelWithProjection"),
    },
    "ridge_prior": {"ridge_prior": ("limner_unclip", "RidgePrior")},
    "prior": {"prior": ("diffusers", "PriorTransformer")},
    "direct_prior": {"direct_prior": ("limner_unclip", "DirectPrior")},
    "decoder": {"decoder": ("diffusers", "UNet2DConditionModel"), "text_proj": ("unclip", "UnCLIPTextProjModel")},
    "upsampler": {"super_res_first": ("diffusers", "UNet2DModel"), "super_res_last": ("diffusers", "UNet2DModel")},
}
BESIDE: Mapping[Stage, Mapping[str, tuple[str, str]]] = {
    "clip": {"feature_extractor": ("transformers", "CLIPImageProcessor")},
    "prior": {"prior_scheduler": ("diffusers", "UnCLIPScheduler")},
    "decoder": {"decoder_scheduler": ("diffusers", "UnCLIPScheduler")},
    "upsampler": {"super_res_scheduler": ("diffusers", "UnCLIPScheduler")},
}
NEEDED: tuple[Stage, ...] = ("clip", "prior", "decoder", "upsampler")
OWN = ("ridge_prior", "direct_prior")
INDEX = "model_index.json"
SMALLEST_VARIANCE = -1.0
BOX = 4  # PIL.Image.Resampling.BOX: what the small pictures of training are of the large ones
READABLE = 0o644  # safetensors leaves its files to their owner alone


def export(run: Path, destination: Path) -> Path:
    """Write the run's finished model to `destination`. Raises ConfigurationError naming the stages it lacks."""
    lacking = [stage for stage in NEEDED if stage not in ready_stages(run)]
    if lacking:
        missing = [part for stage in lacking for part in PARTS[stage] if not (run / part).is_dir()]
        what = f"the run lacks {', '.join(missing)}" if missing else f"{', '.join(lacking)} stand on another CLIP"
        raise ConfigurationError(what, where=str(run), fix=f"train {' and '.join(lacking)} first")
    return write_model(run, destination)


def write_model(run: Path, destination: Path) -> Path:
    """Write what is ready of a model to `destination` in float16, with schedulers, model_index.json and SHA256SUMS.

    The directory appears as a whole, in place of one that is there, whose README.md it keeps.
    """
    partial = destination.with_name(f".{destination.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(run, partial)
    card = destination / "README.md"
    if card.exists():
        shutil.copy2(card, partial / "README.md")
    write_hashes(partial)
    _replace(partial, destination)
    return destination


def ready_stages(run: Path) -> list[Stage]:
    """The stages whose networks are there, and stand on the CLIP that is there."""
    there = [stage for stage, parts in PARTS.items() if all((run / part).is_dir() for part in parts)]
    if "clip" not in there:
        return [stage for stage in there if stage == "upsampler"]
    records, foundation = read_records(run), clip_digest(run)
    return [stage for stage in there if stage not in records or records[stage].foundation in ("", foundation)]


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
    stages = ready_stages(run)
    if "clip" in stages:
        shutil.copytree(run / "tokenizer", folder / "tokenizer")
        _feature_extractor(run).save_pretrained(folder / "feature_extractor")
    for stage in stages:
        for name in PARTS[stage]:
            if name in OWN:
                shutil.copytree(run / name, folder / name)
            elif name != "tokenizer":
                _network(name, run / name).half().save_pretrained(folder / name, safe_serialization=True)
    beside = {name: source for stage in stages for name, source in BESIDE.get(stage, {}).items()}
    for name, scheduler in _schedulers().items():
        if name in beside:
            scheduler.save_pretrained(folder / name)
    parts = {name: source for stage in stages for name, source in PARTS[stage].items()} | beside
    index = {"_class_name": "UnCLIPPipeline", **{name: list(source) for name, source in parts.items()}}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    for weights in folder.rglob("*.safetensors"):
        weights.chmod(READABLE)


def _network(name: str, folder: Path) -> Any:  # a module of diffusers or transformers, untyped
    from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
    from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    classes: Mapping[str, Any] = {
        "text_encoder": CLIPTextModelWithProjection,
        "image_encoder": CLIPVisionModelWithProjection,
        "prior": PriorTransformer,
        "text_proj": UnCLIPTextProjModel,
        "decoder": UNet2DConditionModel,
        "super_res_first": UNet2DModel,
        "super_res_last": UNet2DModel,
    }
    network = classes[name].from_pretrained(folder)
    return with_fixed_variance(network) if name == "decoder" else network


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
    old = destination.with_name(f".{destination.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        os.replace(destination, old)
    os.replace(partial, destination)
    shutil.rmtree(old, ignore_errors=True)
