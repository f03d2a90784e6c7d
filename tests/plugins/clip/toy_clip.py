"""A real CLIP in miniature, trained in seconds on a toy world: halves of an image say who is there and what goes on.

The left half is red for a person and blue for a house, the right half yellow for fire and green for water, grey for neither.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import PIL.Image
import tiny_models
import torch
from torch.nn import functional

WHO = {"": (128, 128, 128), "person": (220, 30, 30), "house": (30, 30, 220)}
WHAT = {"": (128, 128, 128), "fire": (230, 210, 20), "water": (20, 190, 60)}
SIDE = tiny_models.IMAGE_SIZE
STEPS = 160
COMPONENTS = ("text_encoder", "tokenizer", "image_encoder", "feature_extractor")


def picture(who: str, what: str) -> PIL.Image.Image:
    image = PIL.Image.new("RGB", (SIDE, SIDE), WHO[who])
    image.paste(WHAT[what], (SIDE // 2, 0, SIDE, SIDE))
    return image


def caption(who: str, what: str) -> str:
    return " and ".join(part for part in (who, what) if part)


def write_toy_clip(folder: Path) -> Path:
    """Train and write text encoder, tokenizer, image encoder and processor."""
    parts = {name: getattr(tiny_models, name)() for name in COMPONENTS}
    _train(parts)
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({name: tiny_models.INDEX[name] for name in COMPONENTS}))
    return folder


def _train(parts: dict[str, Any]) -> None:
    pairs = [(who, what) for who, what in product(WHO, WHAT) if who or what]
    tokens = parts["tokenizer"]([caption(*pair) for pair in pairs], padding=True, return_tensors="pt").input_ids
    pixels = parts["feature_extractor"](images=[picture(*pair) for pair in pairs], return_tensors="pt").pixel_values
    towers = [parts["text_encoder"].requires_grad_(True).train(), parts["image_encoder"].requires_grad_(True).train()]
    optimizer = torch.optim.AdamW([weight for tower in towers for weight in tower.parameters()], lr=2e-3)
    noise = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        seen = pixels + 0.3 * torch.randn(pixels.shape, generator=noise)
        texts = functional.normalize(towers[0](tokens).text_embeds, dim=-1)
        images = functional.normalize(towers[1](seen).image_embeds, dim=-1)
        logits, target = 10 * texts @ images.T, torch.arange(len(pairs))
        loss = functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for tower in towers:
        tower.eval().requires_grad_(False)
