"""Warm time per image beside diffusers' UnCLIPPipeline: the same weights, steps, guidance and threads, the same noise.

    PYTHONPATH=core:plugins python benchmarks/unclip_vs_diffusers.py

Five forms of our sampling are each paired with the peer in float32: `exact`, which takes the networks as they are; `quick`,
with the networks rearranged for speed; quick in bfloat16; and both precisions `compiled`, which takes minutes to load. Each
pair is of another seed, and how close ours is to the peer's float32 image is told beside the time. Where a CPU has no matrix
unit for bfloat16, as the report says, networks in bfloat16 compute their products in float32.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pairs
import peer
import torch
from shipped import DECODER_GUIDANCE, PRIOR_GUIDANCE

from limner import Generation
from limner.models import ModelStore
from limner.testing import local_models
from limner_unclip.decoder import Decoder
from limner_unclip.prior import Prior
from limner_unclip.upsampler import Upsampler

Draw = Callable[[int], torch.Tensor]
PROMPT = "a red circle above a blue square"


@dataclass(frozen=True)
class Form:
    """One way of ours to make the image, and what is asked of it."""

    name: str
    dtype: torch.dtype
    options: dict[str, bool]  # of the step types that know them
    ratio: float  # at most, to the peer's time
    decibels: float | None = None  # at least, to the peer's image; None for no difference over 1e-4


def largest(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference of two images in [-1, 1]."""
    return float((a - b).abs().max())


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    """Peak signal to noise of two images in [-1, 1]."""
    error = float((a - b).square().mean())
    return 10 * math.log10(4 / error) if error else math.inf


FORMS = (
    Form("float32, exact", torch.float32, {"exact": True}, 1.03),
    Form("float32, quick", torch.float32, {"exact": False}, 1.03),
    Form("bfloat16, quick", torch.bfloat16, {"exact": False}, 1 / 1.5, decibels=35),
    Form("float32, compiled", torch.float32, {"exact": False, "compile": True}, 1 / 1.5, decibels=35),
    Form("bfloat16, compiled", torch.bfloat16, {"exact": False, "compile": True}, 1 / 1.5, decibels=35),
)


class Ours:
    """The three steps of one form, drawing from one generator as the pipeline does."""

    def __init__(self, store: ModelStore, form: Form) -> None:
        device = torch.device("cpu")
        given: dict[str, Any] = {"model": "model", **form.options}
        self.steps: list[Any] = []
        for cls, guidance in ((Prior, PRIOR_GUIDANCE), (Decoder, DECODER_GUIDANCE), (Upsampler, None)):
            known = {name: value for name, value in given.items() if name in cls.Options.model_fields}
            step = cls(cls.Options(**known, **({} if guidance is None else {"guidance": guidance})))
            step.load(store.bind(device, form.dtype), device, form.dtype)
            self.steps.append(step)

    def draw(self, seed: int) -> torch.Tensor:
        """One image, (3, height, width)."""
        shared = torch.Generator().manual_seed(seed)
        for step in self.steps:
            step.generator = lambda _: shared
        prior, decoder, upsampler = self.steps
        generation = Generation("benchmark", 0, seed, PROMPT)
        with torch.inference_mode():
            [(embedding, text)] = prior.sample_prior([generation])
            generation = generation.with_embedding(embedding, text)
            [small] = decoder.decode([generation])
            [large] = upsampler.upscale([generation.with_image(small)])
        pixels: torch.Tensor = large.tensor()
        return pixels


def theirs(pipeline: Any, seed: int) -> torch.Tensor:
    """The peer's image, (3, height, width)."""
    [pixels] = pipeline(
        PROMPT,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
        prior_guidance_scale=PRIOR_GUIDANCE,
        decoder_guidance_scale=DECODER_GUIDANCE,
        **peer.STEPS,
    ).images
    return torch.from_numpy(pixels).permute(2, 0, 1) * 2 - 1


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    matrices = torch.cpu.get_capabilities().get("amx_bf16", False)
    print(f"{given.threads} threads; this CPU has {'a' if matrices else 'no'} matrix unit for bfloat16 (AMX)")
    store, pipeline = local_models(model=given.model), peer.load(given.model)
    for form in (form for form in FORMS if given.only in form.name):
        report(form, Ours(store, form).draw, lambda seed: theirs(pipeline, seed), given.pairs)


def report(form: Form, ours: Draw, peers: Draw, number: int) -> None:
    """Time and compare the images of `number` seeds, after one of each that warms up."""
    ours(0), peers(0)
    drawn: dict[Draw, list[torch.Tensor]] = {ours: [], peers: []}

    def next_of(draw: Draw) -> Callable[[], None]:
        return lambda: drawn[draw].append(draw(len(drawn[draw])))

    measured = pairs.interleave(next_of(ours), next_of(peers), number)
    images = list(zip(drawn[ours], drawn[peers], strict=True))
    worst = max(largest(a, b) for a, b in images)
    likeness = statistics.median(decibels(a, b) for a, b in images)
    close = worst <= 1e-4 if form.decibels is None else likeness >= form.decibels
    asked = "largest difference 1e-4" if form.decibels is None else f"{form.decibels} dB"
    met = "met" if close and measured.ratio <= form.ratio else "NOT met"
    print(measured.line(form.name))
    print(f"    {1 / measured.ratio:.2f} times as fast; largest difference {worst:.1e}, median likeness {likeness:.1f} dB")
    print(f"    asked: a ratio of at most {form.ratio:.2f}, {asked}: {met}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=peer.MODEL, help="a Karlo-style directory")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--only", default="", help="the forms whose name holds this")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
