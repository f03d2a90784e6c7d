"""How much of what it has never seen the reader reads wholly right: each thing, kind, colour and place, style and setting."""

import numpy as np

from limner_scenes.reader.reading import Reader, Reading
from limner_scenes.reader.samples import Sample, of_scene, strewn
from limner_scenes.reader.spoiling import spoiled
from limner_scenes.sampling import sample_any
from limner_scenes.worlds import SHIPPED, WHOLE

SEED = 20220506
NEAR = 0.06


def right(reader: Reader, n: int = 300) -> dict[str, float]:
    """The share read wholly right of n renders each: scenes of the shipped and the whole world, clean and spoiled; strewn."""
    rng = np.random.default_rng(SEED)
    worlds = {"shipped world": SHIPPED, "whole world": WHOLE}
    renders = {name: [of_scene(sample_any(rng, world), rng) for _ in range(n)] for name, world in worlds.items()}
    renders |= {f"{name}, spoiled": [_spoiled(each, rng) for each in samples] for name, samples in renders.items()}
    renders["strewn, with impostors"] = [strewn(SHIPPED, rng) for _ in range(n)]
    return {name: _share(reader, samples) for name, samples in renders.items()}


def is_right(reading: Reading, sample: Sample) -> bool:
    """Whether a reading says of a sample all that is so, and nothing else."""
    if reading.style != sample.style or reading.setting != sample.setting or len(reading.things) != len(sample.things):
        return False
    return all(
        any(
            (thing.kind, thing.colour) == (shown.kind, shown.colour)
            and max(abs(thing.x - shown.x), abs(thing.y - shown.y)) < NEAR
            for thing in reading.things
        )
        for shown in sample.things
    )


def _share(reader: Reader, samples: list[Sample]) -> float:
    readings = reader.read([sample.picture for sample in samples])
    return float(np.mean([is_right(reading, sample) for reading, sample in zip(readings, samples, strict=True)]))


def _spoiled(sample: Sample, rng: np.random.Generator) -> Sample:
    return sample._replace(picture=spoiled(sample.picture, rng))
