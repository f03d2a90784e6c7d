"""Each stage learns, goes on after a stop as if there had been none, and leaves networks that load."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import torch
from blocks import write_pictures, write_recipe

from limner import ConfigurationError, local_models
from limner_unclip.component_files import load_component
from limner_unclip.training.checkpoint import part, read
from limner_unclip.training.commands import Session, stages_of, train
from limner_unclip.training.export import export
from limner_unclip.training.machine import find_device

STAGES = ("clip", "prior", "direct_prior", "decoder", "upsampler")


def losses_of(stage, recipe_file, blocks):
    """Train a command's stages on the blocks; the losses of the one, as its metrics tell them."""
    train(stage, recipe_file, device="cpu", sources=lambda data: blocks, every=5)
    return metrics(recipe_file.parent, stage)


def metrics(folder, stage):
    lines = (folder / "run" / "metrics" / f"{stage}.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_every_stage_learns_and_the_model_exports_and_loads(trained, tmp_path):
    for stage in STAGES:
        losses = metrics(trained, stage)
        assert losses[-1] < 0.85 * losses[0], f"{stage}: {losses}"
        assert list((trained / "run" / "tensorboard" / stage).glob("events.out.*"))
    assert_loads(export(trained / "run", tmp_path / "weights"))


def test_the_card_is_written_from_the_run(trained):
    model = trained / "run" / "model"
    card = (model / "README.md").read_text()
    assert f"36 captioned pictures from the folder {trained / 'pictures'}, and 12 held out." in card
    assert "| ridge_prior | 272 | 1 | 36 | 0 |  | in closed form |" in card
    assert "| decoder | 50,947 | 20 | 6 | 0 |" in card
    assert "| upsampler | PSNR above bicubic enlarging |" in card
    weights = model / "prior" / "diffusion_pytorch_model.safetensors"
    assert f"| prior/{weights.name} | `{hashlib.sha256(weights.read_bytes()).hexdigest()}` |" in card
    lines = dict(reversed(line.split("  ")) for line in (model / "SHA256SUMS").read_text().splitlines())
    assert lines["README.md"] == hashlib.sha256(card.encode()).hexdigest()
    assert lines.keys() == {p.relative_to(model).as_posix() for p in model.rglob("*") if p.is_file()} - {"SHA256SUMS"}


def test_what_is_done_is_passed_over_until_its_settings_change(trained):
    session = Session(trained / "blocks.yaml", device="cpu")
    assert all(session.is_done(stage) for stage in stages_of("all", session.recipe))
    changed = session.recipe.model_copy(update={"decoder": session.recipe.decoder.model_copy(update={"steps": 21})})
    session.recipe = changed
    assert not session.is_done("decoder")


def test_what_is_done_is_trained_anew_once_its_checkpoint_is_removed(recipe_file, blocks, capsys):
    [first, *_] = losses_of("upsampler", recipe_file, blocks)
    networks = recipe_file.parent / "run" / "super_res_first"
    written = networks.stat().st_mtime_ns
    losses_of("upsampler", recipe_file, blocks)
    assert capsys.readouterr().err.endswith("upsampler: is trained\n")
    assert networks.stat().st_mtime_ns == written
    (recipe_file.parent / "run" / "upsampler.safetensors").unlink()
    assert losses_of("upsampler", recipe_file, blocks)[0] == first
    assert "upsampler: step 5 of 20" in capsys.readouterr().err


def test_a_stage_whose_networks_are_half_written_is_not_done(recipe_file, blocks, monkeypatch):
    losses_of("upsampler", recipe_file, blocks)
    recipe_file.write_text(recipe_file.read_text().replace("upsampler: {steps: 20", "upsampler: {steps: 21"))

    def full(network, folder):
        raise OSError(28, "No space left on device", str(folder))

    with monkeypatch.context() as patched:
        patched.setattr("limner_unclip.training.commands._save", full)
        with pytest.raises(OSError, match="No space left"):
            losses_of("upsampler", recipe_file, blocks)
    session = Session(recipe_file, device="cpu", sources=lambda data: blocks)
    assert not session.is_done("upsampler")
    losses_of("upsampler", recipe_file, blocks)
    assert session.is_done("upsampler")


def test_without_pictures_held_out_all_is_trained_and_nothing_examined(tmp_path, caplog):
    write_pictures(tmp_path / "pictures")
    recipe = write_recipe(tmp_path)
    text = re.sub(r"steps: \d+", "steps: 2", recipe.read_text())
    recipe.write_text(text.replace("held_out: 0.25", "held_out: 0"))
    card = (train("all", recipe, device="cpu") / "README.md").read_text()
    assert "0 pictures are held out, and examining the model takes 8: raise data.held_out" in caplog.text
    assert "and 0 held out" in card
    assert "## Health" not in card


def test_captions_that_are_too_long_are_counted(recipe_file, blocks, caplog):
    recipe_file.write_text(
        recipe_file.read_text().replace("clip: {steps: 30", "clip: {steps: 1").replace("context: 20", "context: 5")
    )
    losses_of("clip", recipe_file, blocks)
    assert "3 captions fill all 5 tokens of clip.context: words after them are not read" in caplog.text


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
    models = local_models(blocks=folder).bind(torch.device("cpu"), torch.float32)
    assert load_component(models, "blocks", "ridge_prior", "RidgePrior")[1]["weight"].shape == (16, 16)
    assert load_component(models, "blocks", "direct_prior", "DirectPrior")[0]["width"] == 16
    assert set(json.loads((folder / "model_index.json").read_text())) == {
        *classes,
        "_class_name",
        "ridge_prior",
        "direct_prior",
    }
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


def test_a_stage_learned_on_another_clip_is_not_gone_on_with_nor_published(recipe_file, blocks):
    losses_of("clip", recipe_file, blocks)
    losses_of("prior", recipe_file, blocks)
    run = recipe_file.parent / "run"
    recipe_file.write_text(recipe_file.read_text().replace("clip: {steps: 30", "clip: {seed: 1, steps: 30"))
    (run / "clip.safetensors").unlink()
    losses_of("clip", recipe_file, blocks)
    assert "prior" not in json.loads((run / "model" / "model_index.json").read_text())
    with pytest.raises(ConfigurationError, match="stands on another CLIP"):
        losses_of("prior", recipe_file, blocks)


def test_a_clip_of_other_sizes_than_the_recipes_is_refused(recipe_file, blocks):
    losses_of("clip", recipe_file, blocks)
    recipe_file.write_text(recipe_file.read_text().replace("dimension: 16,\n", "dimension: 32,\n"))
    with pytest.raises(ConfigurationError, match="a dimension of 16, the recipe asks for 32"):
        losses_of("prior", recipe_file, blocks)


def test_every_stage_trains_in_bfloat16(recipe_file, blocks):
    text = re.sub(r"steps: \d+", "steps: 2, precision: bfloat16", recipe_file.read_text())
    recipe_file.write_text(text)
    for command in ("clip", "prior", "decoder", "upsampler"):
        train(command, recipe_file, device="cpu", sources=lambda data: blocks, every=2)
    for stage in STAGES:
        [loss] = metrics(recipe_file.parent, stage)
        assert 0 < loss < 20
        tensors = part(read(recipe_file.parent / "run" / f"{stage}.safetensors")[0], "networks")
        assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.float32}
