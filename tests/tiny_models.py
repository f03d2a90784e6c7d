"""Real models of diffusers and transformers at tiny size, written as files: what tests load instead of fakes.

`write_karlo(folder)` writes a complete Karlo-style directory (model_index.json and twelve components, 10 MB); the fixture
`karlo` (tests/conftest.py) gives one such directory for the whole run, to read and never to write. The parts in memory come
from the functions of this file, by component: `text_encoder()`, `prior()`, `decoder()`, ... All weights are random and the
same at every call.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIMENSION = 32  # of CLIP embeddings
IMAGE_SIZE = 32  # of the decoder's images and of what the image encoder sees
START, END = 512, 513  # token ids; the 512 below are the 256 bytes, inside a word and at its end

INDEX = {
    "_class_name": "UnCLIPPipeline",
    "prior": ["diffusers", "PriorTransformer"],
    "decoder": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "text_proj": ["unclip", "UnCLIPTextProjModel"],
    "super_res_first": ["diffusers", "UNet2DModel"],
    "super_res_last": ["diffusers", "UNet2DModel"],
    "prior_scheduler": ["diffusers", "UnCLIPScheduler"],
    "decoder_scheduler": ["diffusers", "UnCLIPScheduler"],
    "super_res_scheduler": ["diffusers", "UnCLIPScheduler"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
}


def write_karlo(folder: Path) -> Path:
    """Write a Karlo-style directory with all its components, and return it."""
    with _quietly():
        for name in INDEX:
            if not name.startswith("_"):
                globals()[name]().save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps(INDEX, indent=2))
    return folder


def tokenizer() -> Any:  # a transformers class, untyped
    """A CLIP tokenizer of single bytes, without merges."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in _byte_codes()]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def text_encoder() -> Any:
    """CLIP's text tower: width 32, 5 layers, projected to 32."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514, hidden_size=32, intermediate_size=37, projection_dim=DIMENSION, num_hidden_layers=5,
        num_attention_heads=4, bos_token_id=START, eos_token_id=END, pad_token_id=END,
    )  # fmt: skip
    return _seeded(lambda: CLIPTextModelWithProjection(config))


def image_encoder() -> Any:
    """CLIP's image tower: 32 px, patches of 8, 2 layers, projected to 32."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=37, projection_dim=DIMENSION, num_hidden_layers=2, num_attention_heads=4,
        image_size=IMAGE_SIZE, patch_size=8,
    )  # fmt: skip
    return _seeded(lambda: CLIPVisionModelWithProjection(config))


def feature_extractor() -> Any:
    """CLIP's image processor for 32 px."""
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})


def prior() -> Any:
    """A prior of one layer, whose `clip_std` is one (diffusers leaves it at zero, which makes every embedding the mean)."""
    from diffusers import PriorTransformer

    model = _seeded(
        lambda: PriorTransformer(num_attention_heads=2, attention_head_dim=12, embedding_dim=DIMENSION, num_layers=1)
    )
    model.clip_std.data.fill_(1.0)
    return model


def text_proj() -> Any:
    """What turns an image embedding into time embedding and context tokens for the decoder."""
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel

    return _seeded(lambda: UnCLIPTextProjModel(clip_embeddings_dim=DIMENSION, time_embed_dim=4 * 32, cross_attention_dim=100))


def decoder() -> Any:
    """The 32 px decoder, with a learned variance (6 channels out)."""
    from diffusers import UNet2DConditionModel

    return _seeded(
        lambda: UNet2DConditionModel(
            sample_size=IMAGE_SIZE, in_channels=3, out_channels=6, layers_per_block=1, block_out_channels=(32, 64),
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            cross_attention_dim=100, attention_head_dim=4, resnet_time_scale_shift="scale_shift", class_embed_type="identity",
        )
    )  # fmt: skip


def super_res_first() -> Any:
    """The 64 px upsampler, of all its steps but the last."""
    from diffusers import UNet2DModel

    return _seeded(
        lambda: UNet2DModel(
            sample_size=2 * IMAGE_SIZE, in_channels=6, out_channels=3, layers_per_block=1, block_out_channels=(32, 64),
            down_block_types=("ResnetDownsampleBlock2D", "ResnetDownsampleBlock2D"),
            up_block_types=("ResnetUpsampleBlock2D", "ResnetUpsampleBlock2D"),
        )
    )  # fmt: skip


def super_res_last() -> Any:
    """The 64 px upsampler of the last step; other weights than the first."""
    model = super_res_first()
    for parameter in model.parameters():
        parameter.data.mul_(0.9)
    return model


def prior_scheduler() -> Any:
    """As Karlo's: predicts the embedding itself, fixed small variance."""
    return _scheduler(variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0)


def decoder_scheduler() -> Any:
    """As Karlo's: predicts the noise, learned variance."""
    return _scheduler(variance_type="learned_range", prediction_type="epsilon")


def super_res_scheduler() -> Any:
    """As Karlo's: predicts the noise, fixed small variance."""
    return _scheduler(variance_type="fixed_small_log", prediction_type="epsilon")


def _scheduler(**settings: Any) -> Any:
    from diffusers import UnCLIPScheduler

    return UnCLIPScheduler(num_train_timesteps=1000, **settings)


def _seeded(build: Callable[[], Any]) -> Any:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().eval().requires_grad_(False)


def _byte_codes() -> Iterator[int]:
    """The 256 characters by which GPT-2's byte-level BPE writes the 256 bytes, in the order of the bytes."""
    spare = 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            yield byte
        else:
            yield spare
            spare += 1


@contextmanager
def _quietly() -> Iterator[None]:
    """Writing draws a progress bar for each file; nobody waits for these."""
    import transformers

    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    level = logging.getLogger("transformers").level
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.getLogger("transformers").setLevel(level)
        if shown:
            transformers.utils.logging.enable_progress_bar()
