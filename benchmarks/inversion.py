"""How well an image comes back from its own embedding and the noise that inversion finds: `limner vary` at strength 0.

    PYTHONPATH=core:plugins python benchmarks/inversion.py --scenes 24

Scenes are rendered, of those held out of training. `decoder` compares what the decoder draws with the scene at the decoder's
size; `upsampled` what the upsampler makes of that with the scene at its size, and `bound` what it makes of the scene itself,
which no inversion can better; `other noise` is the decoder from the right embedding and another noise. Decibels of PSNR.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import torch

import limner_scenes
from limner import Generation, Image, Input, Step
from limner.testing import load_step, local_models, run_step
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_unclip.decoder import Decoder
from limner_unclip.fitting import fitted
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.invert import Invert
from limner_unclip.upsampler import Upsampler

WEIGHTS = Path(limner_scenes.__file__).parent / "weights"
COLUMNS = ("decoder", "upsampled", "bound", "other noise")
SIDE = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=WEIGHTS, help="a model's directory; the built-in one if absent")
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=1.0)
    asked = parser.parse_args()
    steps = Steps(asked.model, asked.steps, asked.guidance)
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    rows = [steps.measure(Image(PIL.Image.fromarray(render(sample_scene(rng, "seen"), SIDE)))) for _ in range(asked.scenes)]
    seconds = (time.perf_counter() - began) / asked.scenes
    print(f"{asked.scenes} scenes, {asked.steps} steps, guidance {asked.guidance:g}, {seconds:.1f} s each")
    print(f"{'':12}{'least':>8}{'median':>8}{'most':>8}{'>= 25 dB':>10}")
    for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
        print(f"{name:12}{min(values):8.1f}{np.median(values):8.1f}{max(values):8.1f}{share(values):10.0%}")


def share(values: Sequence[float]) -> float:
    return sum(value >= 25 for value in values) / len(values)


class Steps:
    """The steps of the pipeline `variations`, at strength 0."""

    def __init__(self, folder: Path, steps: int, guidance: float) -> None:
        models = local_models(model=folder)

        def load(step: type[Step], **options: object) -> Step:
            return load_step(step, {"model": "model", **options}, models=models)

        self.encoder, self.upsampler = load(ImageEncoder), load(Upsampler)
        self.invert = load(Invert, steps=steps, guidance=guidance)
        self.decoder = load(Decoder, steps=steps, guidance=guidance, scheduler="ddim")

    def measure(self, scene: Image) -> tuple[float, ...]:
        """The four figures of one scene."""
        bare = Generation("scene", 0, 0, "", inputs=(Input("image", scene, ""),))
        given = {"prompt": "", "inputs": bare.inputs}
        embedding = run_step(self.encoder, **given)
        noise = run_step(self.invert, **given, embedding=embedding)
        drawn = run_step(self.decoder, **given, embedding=embedding, noise=noise)
        other = run_step(self.decoder, **given, embedding=embedding, noise=torch.randn(noise.shape))
        small = Image(fitted(scene, drawn.size[0], torch.device("cpu")))
        large = [run_step(self.upsampler, image=image) for image in (drawn, small)]
        return (
            decibels(drawn, scene),
            *(decibels(image, scene) for image in large),
            decibels(other, scene),
        )


def decibels(image: Image, scene: Image) -> float:
    """PSNR against the scene at the image's own size, in 8 bits."""
    target = Image(fitted(scene, image.size[0], torch.device("cpu"))).pillow()
    error = (np.asarray(image.pillow(), float) - np.asarray(target, float)) ** 2
    return 10 * math.log10(255**2 / max(float(error.mean()), 1e-9))


if __name__ == "__main__":
    main()
