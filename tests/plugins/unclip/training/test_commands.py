"""Each stage learns, goes on after a stop as if there had been none, and leaves networks that load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from limner import ConfigurationError
from limner_unclip.training.checkpoint import part, read
from limner_unclip.training.commands import find_device, train
from limner_unclip.training.export import export
from limner_unclip.training.loop import Progress

STAGES = ("clip", "prior", "decoder", "upsampler")


def losses_of(stage, recipe_file, blocks):
    reports: list[Progress] = []
    train(stage, recipe_file, reports.append, device="cpu", sources=lambda name: blocks, every=5)
    return [report.loss for report in reports]


@pytest.fixture
def trained(recipe_file: Path, blocks) -> dict[str, list[float]]:
    return {stage: losses_of(stage, recipe_file, blocks) for stage in STAGES}


def test_every_stage_learns_and_the_model_exports_and_loads(trained, recipe_file, tmp_path):
    for stage, losses in trained.items():
        assert losses[-1] < 0.85 * losses[0], f"{stage}: {losses}"
    folder = export(recipe_file.parent / "run", tmp_path / "weights")
    assert_loads(folder)


def assert_loads(folder):
    from diffusers import PriorTransformer, UnCLIPScheduler, UNet2DConditionModel, UNet2DModel
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
    from transformers import (
        CLIPImageProcessorPil,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
        CLIPVisionModelWithProjection,
    )

    classes = {
        "prior": PriorTransformer,
        "decoder": UNet2DConditionModel,
        "text_proj": UnCLIPTextProjModel,
        "super_res_first": UNet2DModel,
        "super_res_last": UNet2DModel,
        "text_encoder": CLIPTextModelWithProjection,
        "image_encoder": CLIPVisionModelWithProjection,
        "tokenizer": CLIPTokenizer,
        "feature_extractor": CLIPImageProcessorPil,
        "prior_scheduler": UnCLIPScheduler,
        "decoder_scheduler": UnCLIPScheduler,
        "super_res_scheduler": UnCLIPScheduler,
    }
    loaded = {name: cls.from_pretrained(folder / name) for name, cls in classes.items()}
    assert loaded["decoder"].config.out_channels == 6
    assert loaded["decoder"].conv_out.bias[3:].eq(-1).all()
    assert loaded["decoder_scheduler"].config.variance_type == "learned_range"
    assert loaded["prior"].clip_std.gt(0).all()
    assert loaded["tokenizer"]("a red block").input_ids[1:-1] == loaded["tokenizer"]("A  RED block").input_ids[1:-1]
    assert all(path.suffix != ".bin" for path in folder.rglob("*"))
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in folder.rglob("*.safetensors"))


def test_a_later_stage_wants_clip_first(recipe_file, blocks):
    with pytest.raises(ConfigurationError, match="has no tokenizer yet"):
        losses_of("prior", recipe_file, blocks)


def test_an_unknown_stage_and_device_are_named(recipe_file, blocks):
    with pytest.raises(ConfigurationError, match="no stage 'vae'"):
        losses_of("vae", recipe_file, blocks)
    with pytest.raises(ConfigurationError, match="'abacus'"):
        find_device("abacus")
    assert find_device("auto").type in ("cpu", "cuda", "mps")


def test_export_names_the_stages_that_are_missing(recipe_file, blocks, tmp_path):
    losses_of("upsampler", recipe_file, blocks)
    with pytest.raises(ConfigurationError, match="lacks tokenizer, text_encoder"):
        export(recipe_file.parent / "run", tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_the_trained_scale_of_cosines_is_kept_for_those_who_compare(recipe_file, blocks):
    losses_of("clip", recipe_file, blocks)
    [written] = (recipe_file.parent / "run" / "text_encoder").glob("config.json")
    assert 1 < json.loads(written.read_text())["logit_scale"] < 5


def test_the_same_recipe_trains_the_same_networks(recipe_file, blocks):
    losses_of("upsampler", recipe_file, blocks)
    first = part(read(recipe_file.parent / "run" / "upsampler.safetensors")[0], "networks")
    (recipe_file.parent / "run" / "upsampler.safetensors").unlink()
    losses_of("upsampler", recipe_file, blocks)
    again = part(read(recipe_file.parent / "run" / "upsampler.safetensors")[0], "networks")
    assert all(torch.equal(first[name], again[name]) for name in first)
