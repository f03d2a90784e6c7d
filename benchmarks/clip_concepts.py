"""How well the concept gates tell swords and skulls from the other shapes, and which thresholds a policy should have.

    PYTHONPATH=core:plugins python benchmarks/clip_concepts.py --scenes 3000 --sampled 600

`image` measures rendered scenes. `embedding` measures what the prior makes of the same scenes' captions, and `drawn`, with
--drawn, the pictures that decoder and upsampler make of those; there a picture counts as showing what was asked for, so what
the model draws wrong is held against the gate. The embedding of a rendered scene scores as its image does.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from shipped import DECODER_GUIDANCE, PRIOR_GUIDANCE

import limner_scenes
from limner import Generation, Image, IterativeStep
from limner.models import ModelStore
from limner.testing import load_step, local_models
from limner_clip.embedding import EmbeddingConcepts
from limner_clip.image import ImageConcepts
from limner_scenes.render import render
from limner_scenes.sampling import Split, sample_scene
from limner_scenes.scene import Scene
from limner_unclip.decoder import Decoder
from limner_unclip.prior import Prior
from limner_unclip.upsampler import Upsampler

CONCEPTS = ("sword", "skull")
SPLITS: tuple[Split, ...] = ("train", "seen", "unseen")
FALSE_ALARMS = (0.001, 0.01, 0.05)
WEIGHTS = Path(limner_scenes.__file__).parent / "weights"
SIDE = 128
BATCH = 16


@dataclass(frozen=True)
class Measured:
    """Scores of one concept with what is true of each picture."""

    scores: NDArray[np.float64]
    shown: NDArray[np.bool_]
    pair: NDArray[np.bool_]

    def recall(self, threshold: float, *, pair: bool | None = None) -> float:
        """The share of pictures with the concept that reach the threshold; of one thing or two where asked."""
        of_these = self.shown if pair is None else self.shown & (self.pair == pair)
        return float((self.scores[of_these] >= threshold).mean())

    def false_alarms(self, threshold: float) -> float:
        """The share of pictures without it that do."""
        return float((self.scores[~self.shown] >= threshold).mean())

    def threshold(self, most: float) -> float:
        """The lowest threshold, in thousandths, with no more false alarms than that share."""
        harmless = np.sort(self.scores[~self.shown])[::-1]
        return min(math.floor(harmless[int(most * len(harmless))] * 1000 + 1) / 1000, 1.0)

    def area(self) -> float:
        """The area under the ROC curve: how often a picture with the concept scores above one without."""
        ranks = np.argsort(np.argsort(self.scores)) + 1
        n, m = int(self.shown.sum()), int((~self.shown).sum())
        return float((ranks[self.shown].sum() - n * (n + 1) / 2) / (n * m))


def report(name: str, scenes: Sequence[Scene], scores: Sequence[dict[str, float]]) -> None:
    for concept in CONCEPTS:
        measured = Measured(
            np.array([score[f"clip.{concept}"] for score in scores]),
            np.array([any(thing.kind == concept for thing in scene.things) for scene in scenes]),
            np.array([len(scene.things) == 2 for scene in scenes]),
        )
        print(
            f"\n{name}, {concept}: {measured.shown.sum()} of {len(scenes)} show one; area under the ROC {measured.area():.4f}"
        )
        for threshold, why in [(0.5, "")] + [(measured.threshold(most), f"<= {most:.1%}") for most in FALSE_ALARMS]:
            print(
                f"  at_least {threshold:.3f} {why:9} false alarms {measured.false_alarms(threshold):6.2%}  recall "
                f"{measured.recall(threshold):6.1%} (one thing {measured.recall(threshold, pair=False):6.1%}, "
                f"two {measured.recall(threshold, pair=True):6.1%})"
            )


def worded(scene: Scene) -> str:
    named = [f"a {thing.colour} {thing.kind}".replace("a o", "an o") for thing in scene.things]
    return f" {scene.relation} ".join(named)


def batches(generations: Sequence[Generation]) -> Iterator[Sequence[Generation]]:
    for start in range(0, len(generations), BATCH):
        yield generations[start : start + BATCH]


def scored(hook: Callable[[Sequence[Generation]], Sequence[Any]], generations: Sequence[Generation]) -> list[dict[str, float]]:
    answers = [answer for batch in batches(generations) for answer in hook(batch)]
    return [{signal.name: signal.value for signal in answer} for answer in answers]


def run(step: IterativeStep, generations: Sequence[Generation]) -> list[Any]:
    """The step's results, a batch advancing together."""
    results: list[Any] = []
    for batch in batches(generations):
        states = [step.begin(generation) for generation in batch]
        for _ in range(states[0].steps):
            states = list(step.advance(states))
        results += [step.finish(state) for state in states]
    return results


def main() -> None:
    given = arguments()
    models = local_models(scenes=given.weights)
    options = {"model": "scenes"} | ({"logit_scale": given.logit_scale} if given.logit_scale else {})
    rng = np.random.default_rng(given.seed)
    scenes = [sample_scene(rng, SPLITS[i % len(SPLITS)]) for i in range(given.scenes)]
    on_images: Any = load_step(ImageConcepts, options, models=models)
    pictures = [
        Generation("r", i, i, "", image=Image(PIL.Image.fromarray(render(scene, SIDE)))) for i, scene in enumerate(scenes)
    ]
    report("image", scenes, scored(on_images.classify_image, pictures))
    if given.sampled:
        sampled(given, models, options, scenes[: given.sampled], on_images)


def sampled(
    given: argparse.Namespace,
    models: ModelStore,
    options: dict[str, Any],
    scenes: Sequence[Scene],
    on_images: Any,
) -> None:
    """The gates on what the model makes of captions."""
    asked = [Generation("r", i, i, worded(scene)) for i, scene in enumerate(scenes)]
    prior: Any = load_step(Prior, {"model": "scenes", "steps": 25, "guidance": given.prior_guidance}, models=models)
    embedded = [generation.with_embedding(*result) for generation, result in zip(asked, run(prior, asked), strict=True)]
    on_embeddings: Any = load_step(EmbeddingConcepts, options, models=models)
    report("embedding", scenes, scored(on_embeddings.classify_embedding, embedded))
    if given.drawn:
        decoder: Any = load_step(Decoder, {"model": "scenes", "steps": 25, "guidance": given.decoder_guidance}, models=models)
        upsampler: Any = load_step(Upsampler, {"model": "scenes"}, models=models)
        small = [replace(g, image=image) for g, image in zip(embedded, run(decoder, embedded), strict=True)]
        large = [replace(g, image=image) for g, image in zip(small, run(upsampler, small), strict=True)]
        report("drawn", scenes, scored(on_images.classify_image, large))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--scenes", type=int, default=3000, help="rendered scenes, a third from each split")
    parser.add_argument("--sampled", type=int, default=600, help="captions of these given to the prior; 0 for none")
    parser.add_argument("--drawn", action="store_true", help="draw them as well")
    parser.add_argument("--logit-scale", type=float, help="in place of the model's own")
    parser.add_argument("--prior-guidance", type=float, default=PRIOR_GUIDANCE)
    parser.add_argument("--decoder-guidance", type=float, default=DECODER_GUIDANCE)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
