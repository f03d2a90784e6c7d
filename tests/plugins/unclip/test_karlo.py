"""Miniatures of Karlo and of its image-variation sibling, in exactly their layouts, written by diffusers itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from limner import Generation, Image, Input, ModelError, Models
from limner.testing import local_models
from limner_unclip.decoder import Decoder
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.invert import Invert
from limner_unclip.prior import Prior
from limner_unclip.upsampler import Upsampler

CPU = torch.device("cpu")
SHARED = {
    "decoder": ["diffusers", "UNet2DConditionModel"],
    "decoder_scheduler": ["diffusers", "UnCLIPScheduler"],
    "super_res_first": ["diffusers", "UNet2DModel"],
    "super_res_last": ["diffusers", "UNet2DModel"],
    "super_res_scheduler": ["diffusers", "UnCLIPScheduler"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "text_proj": ["unclip", "UnCLIPTextProjModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
}
KARLO = {
    "_class_name": "UnCLIPPipeline",
    **SHARED,
    "prior": ["diffusers", "PriorTransformer"],
    "prior_scheduler": ["diffusers", "UnCLIPScheduler"],
}
VARIATIONS = {
    "_class_name": "UnCLIPImageVariationPipeline",
    **SHARED,
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
}


def laid_out(whole: Path, folder: Path, index: dict[str, Any]) -> Path:
    """The components of an index, and a tokenizer in the form of its day."""
    import tiny_models

    for name in index:
        if not name.startswith("_"):
            shutil.copytree(whole / name, folder / name)
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(tiny_models.tokenizer().get_vocab()))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def of_karlo(karlo: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A Karlo whose embeddings have a mean and a spread, as CLIP's have."""
    folder = laid_out(karlo, tmp_path_factory.mktemp("layouts") / "karlo", KARLO)
    from safetensors.torch import load_file, save_file

    weights = folder / "prior" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["clip_mean"].copy_(torch.linspace(-0.3, 0.3, 32)[None])
    tensors["clip_std"].copy_(torch.linspace(0.5, 1.5, 32)[None])
    save_file(tensors, weights, {"format": "pt"})
    return local_models(tiny=folder).bind(CPU, torch.float32)


@pytest.fixture(scope="module")
def of_variations(karlo: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The image-variation sibling, which has no prior."""
    folder = laid_out(karlo, tmp_path_factory.mktemp("layouts") / "variations", VARIATIONS)
    return local_models(tiny=folder).bind(CPU, torch.float32)


def chained(load: Callable[..., Any], models: Models, seed: int, *classes: Any, **options: Any) -> list[Any]:
    """The steps, all drawing from one generator, as diffusers' pipelines do."""
    shared = torch.Generator().manual_seed(seed)
    steps = [load(cls, models=models, **options.get(cls.__name__.lower(), {})) for cls in classes]
    for step in steps:
        step.generator = lambda _: shared
    return steps


def test_karlo_makes_what_diffusers_makes_of_it(load: Any, of_karlo: Models, oracle: Any, generation: Any) -> None:
    asked = generation(seed=11)
    prior, decoder, upsampler = chained(load, of_karlo, 11, Prior, Decoder, Upsampler)
    [(embedding, text)] = prior.sample_prior([asked])
    [small] = decoder.decode([asked.with_embedding(embedding, text)])
    [large] = upsampler.upscale([asked.with_image(small)])
    [theirs] = oracle(of_karlo)(asked.prompt, generator=torch.Generator().manual_seed(11), output_type="np").images
    assert (large.tensor() - (torch.from_numpy(theirs).permute(2, 0, 1) * 2 - 1)).abs().max() <= 1e-6


def test_embeddings_have_the_stored_mean_and_spread(load: Any, of_karlo: Models) -> None:
    network = load(Prior, models=of_karlo).network
    assert torch.allclose(network.denormalise(torch.zeros(32)), torch.linspace(-0.3, 0.3, 32))
    spread = network.denormalise(torch.ones(32)) - network.denormalise(torch.zeros(32))
    assert torch.allclose(spread, torch.linspace(0.5, 1.5, 32))


def test_six_steps_are_the_first_upsamplers_and_one_is_the_lasts(load: Any, of_karlo: Models, generation: Any) -> None:
    step = load(Upsampler, models=of_karlo)
    asked: list[str] = []
    hooks = [
        network.register_forward_hook(lambda *_, name=name: asked.append(name))
        for name, network in (("first", step.first), ("last", step.last))
    ]
    step.upscale([generation().with_image(Image(torch.zeros(3, 32, 32)))])
    for hook in hooks:
        hook.remove()
    assert asked == ["first"] * 6 + ["last"]


def test_the_decoders_variance_is_learned(load: Any, of_karlo: Models) -> None:
    step = load(Decoder, models=of_karlo)
    assert step.unet.config.out_channels == 2 * step.unet.config.in_channels
    assert step.sampler.schedule.variance == "learned_range"


def with_image(generation: Any) -> Generation:
    noise = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    asked: Generation = generation(seed=5, prompt="", inputs=(Input("image", Image(Image(noise).pillow()), ""),))
    return asked


def test_variations_are_what_diffusers_makes_of_the_sibling(load: Any, of_variations: Models, generation: Any) -> None:
    from diffusers import UnCLIPScheduler
    from diffusers.pipelines.deprecated.unclip import UnCLIPImageVariationPipeline

    asked = with_image(generation)
    encoder, decoder, upsampler = chained(load, of_variations, 5, ImageEncoder, Decoder, Upsampler)
    [embedding] = encoder.encode_image([asked])
    [small] = decoder.decode([asked.with_embedding(embedding)])
    [large] = upsampler.upscale([asked.with_image(small)])
    parts = {
        name: UnCLIPScheduler.from_config(dict(of_variations.config("tiny", name)))
        if name.endswith("scheduler")
        else of_variations.component("tiny", name)
        for name in VARIATIONS
        if not name.startswith("_")
    }
    pipeline = UnCLIPImageVariationPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    given = asked.inputs[0].image.pillow()
    assert isinstance(given, PIL.Image.Image)
    [theirs] = pipeline(given, generator=torch.Generator().manual_seed(5), output_type="np").images
    assert (large.tensor() - (torch.from_numpy(theirs).permute(2, 0, 1) * 2 - 1)).abs().max() <= 1e-5


def test_the_sibling_inverts_too_and_says_that_it_has_no_prior(load: Any, of_variations: Models, generation: Any) -> None:
    asked = with_image(generation)
    [embedding] = load(ImageEncoder, models=of_variations).encode_image([asked])
    [noise] = load(Invert, models=of_variations, steps=3).invert([asked.with_embedding(embedding)])
    assert noise.shape == (3, 32, 32)
    assert noise.isfinite().all()
    with pytest.raises(ModelError, match="prior"):
        load(Prior, models=of_variations)
