"""A generation as a step of any stage may be given it: small values, the same at every call."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from limner.generation import Embedding, EncodedImage, Generation, Image, Input, Provenance, TextConditioning

if TYPE_CHECKING:
    import torch

PROMPT = "a red circle above a blue square"
SIDE = 64  # pixels
DIMENSION = 32  # of embeddings
SPACE = "sample"
SAMPLE_MARK_ID = 0x5EED_CAFE_F00D


def sample_generation(*, reads: Collection[str] = (), **given: Any) -> Generation:  # any fields of Generation
    """A generation that has what `reads` names (in the words of the stages: `image`, `upload`, ...), unless `given`.

    `image` and `mask` may be given as Pillow images or tensors, and `embedding` as a bare vector.
    """
    fields: dict[str, Any] = {"request_id": "sample", "index": 0, "seed": 0, "prompt": PROMPT, "mark_id": SAMPLE_MARK_ID}
    for value in reads:
        if value in _SAMPLES and _SAMPLES[value][0] not in given:
            field, make = _SAMPLES[value]
            fields[field] = make()
    if "file" in reads:
        fields["provenance"] = Provenance("sample", 0, SAMPLE_MARK_ID, "generate", "2026-01-01T00:00:00Z")
    fields.update(given)
    fields.setdefault("raw_prompt", fields["prompt"])
    return Generation(**_wrapped(fields))


def _wrapped(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Bare pictures and vectors in the types that a generation holds."""
    wrapped = dict(fields)
    if (image := wrapped.get("image")) is not None and not isinstance(image, Image):
        wrapped["image"] = Image(image)
    if (vector := wrapped.get("embedding")) is not None and not isinstance(vector, Embedding):
        wrapped["embedding"] = Embedding(vector, SPACE)
    return wrapped


def _picture(side: int = SIDE) -> Image:
    """A colour gradient, in which every pixel differs from its neighbours."""
    import torch

    ramp = torch.linspace(-1, 1, side)
    return Image(torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), -ramp.expand(side, side)]))


def _upload() -> tuple[Input, ...]:
    import PIL.Image

    image, mask = Image(_picture().pillow()), Image(PIL.Image.new("L", (SIDE, SIDE), 255))
    return (Input("image", image, image.sha256()), Input("mask", mask, mask.sha256()))


def _text() -> TextConditioning:
    import torch

    def conditioning(phase: float) -> TextConditioning:
        mask = torch.arange(8) < 5
        return TextConditioning(_wave(8 * DIMENSION, phase).reshape(8, DIMENSION), mask, _wave(DIMENSION, phase), SPACE)

    empty = conditioning(1.0)
    full = conditioning(0.0)
    return TextConditioning(full.tokens, full.mask, full.pooled, SPACE, negative=empty)


def _embedding() -> Embedding:
    return Embedding(_wave(DIMENSION, 0.5), SPACE)


def _noise() -> torch.Tensor:
    import torch

    return torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def _file() -> EncodedImage:
    encoded = io.BytesIO()
    _picture().pillow().save(encoded, format="PNG")
    return EncodedImage(encoded.getvalue(), "png")


def _wave(length: int, phase: float) -> torch.Tensor:
    import torch

    return torch.sin(torch.arange(length, dtype=torch.float32) + phase)


_SAMPLES: Mapping[str, tuple[str, Callable[[], object]]] = {  # a stage's word: (field of Generation, what makes it)
    "upload": ("inputs", _upload),
    "text": ("text", _text),
    "embedding": ("embedding", _embedding),
    "noise": ("noise", _noise),
    "image": ("image", _picture),
    "file": ("file", _file),
}
