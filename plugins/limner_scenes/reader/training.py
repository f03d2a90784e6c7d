"""Training the reader from renders alone: `python -m limner_scenes.reader.training`.

A pool of samples is drawn, and a part of it drawn anew at every step, so that samples never run out and drawing costs a
fraction of the time. The rate falls with the share of the processor's time that is used up, so the run ends when it should,
however fast the machine is; what is written is an average of the weights over the last steps. A run that was broken off goes on
from its checkpoint.
"""

import json
import time
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import nn

from limner_scenes.reader.network import ReaderNetwork, Vocabulary, save
from limner_scenes.reader.reading import WEIGHTS, Reader, network_input
from limner_scenes.reader.samples import Sample, of_scene, strewn
from limner_scenes.reader.scoring import right
from limner_scenes.reader.spoiling import few_pixels, spoiled
from limner_scenes.reader.targets import loss, targets
from limner_scenes.sampling import sample_any
from limner_scenes.worlds import SHIPPED, WHOLE

BATCH, FRESH, POOL = 32, 6, 3000
RATE, WARM_UP, DECAY = 4e-3, 0.03, 1e-3
AVERAGED = 0.998
SCENES, OF_SHIPPED, OF_TWO, IN_FEW_PIXELS = 0.5, 0.4, 0.4, 0.35
"""Shares: of scenes as the world draws them; of the shipped world; of scenes made to be of two things, beside those that are
anyway; and of batches shown in few pixels."""
SAVED_EVERY, TOLD_EVERY = 60.0, 30.0
"""Seconds."""


def sample(rng: np.random.Generator) -> Sample:
    """A sample to train on."""
    world = SHIPPED if rng.random() < OF_SHIPPED else WHOLE
    if rng.random() >= SCENES:
        return strewn(world, rng)
    return of_scene(sample_any(rng, world, "two" if rng.random() < OF_TWO else None), rng)


@dataclass(slots=True)
class Run:
    """A run of training and all that it takes to go on with it."""

    seconds: float
    network: ReaderNetwork
    averaged: ReaderNetwork = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)
    spent: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        self.averaged = deepcopy(self.network).requires_grad_(False)
        decaying = [value for value in self.network.parameters() if value.ndim > 1]
        others = [value for value in self.network.parameters() if value.ndim <= 1]
        groups = [{"params": decaying, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.98))

    def step(self, samples: list[Sample], rng: np.random.Generator) -> float:
        """One step on a batch; gives its loss."""
        few = rng.random() < IN_FEW_PIXELS
        shown = [few_pixels(each.picture, rng) if few else each.picture for each in samples]
        pictures = network_input([spoiled(picture, rng) for picture in shown])
        wanted = targets(samples, self.network.vocabulary, few_pixels=few)
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * _share_of_rate(self.spent / self.seconds)
        value = loss(self.network(pictures), wanted)
        self.optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.steps += 1
        self._average()
        return value.item()

    def _average(self) -> None:
        share = min(AVERAGED, self.steps / (self.steps + 20))
        with torch.no_grad():
            for mean, now in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
                mean.lerp_(now, 1 - share) if mean.is_floating_point() else mean.copy_(now)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "averaged", "optimiser")}
        draft = path.with_suffix(".part")
        torch.save({**parts, "spent": self.spent, "steps": self.steps}, draft)
        draft.replace(path)

    def resume(self, path: Path) -> None:
        """Take up where a checkpoint left off."""
        parts = torch.load(path, weights_only=True)
        for name in ("network", "averaged", "optimiser"):
            getattr(self, name).load_state_dict(parts[name])
        self.spent, self.steps = parts["spent"], parts["steps"]


def train(run: Run, rng: np.random.Generator, checkpoint: Path) -> None:
    """Train until the time is used up, with a line of JSON every half minute."""
    pool = [sample(rng) for _ in range(POOL)]
    told = saved = time.process_time()
    losses: list[float] = []
    while run.spent < run.seconds:
        began = time.process_time()
        for at in rng.integers(len(pool), size=FRESH):
            pool[at] = sample(rng)
        losses.append(run.step([pool[at] for at in rng.integers(len(pool), size=BATCH)], rng))
        now = time.process_time()
        run.spent += now - began
        if now - told > TOLD_EVERY:
            print(json.dumps({"seconds": round(run.spent), "steps": run.steps, "loss": float(np.mean(losses))}), flush=True)
            told, losses = now, []
        if now - saved > SAVED_EVERY:
            run.save(checkpoint)
            saved = now
    run.save(checkpoint)


def _share_of_rate(used: float) -> float:
    return min(used / WARM_UP + 0.05, 1.0) * (0.5 + 0.5 * float(np.cos(np.pi * min(used, 1.0))) + 0.002)


def main(
    minutes: Annotated[float, typer.Option(help="How many minutes of one processor to train for.")] = 25.0,
    checkpoint: Annotated[Path, typer.Option(help="Where the run is kept; one that is there is gone on with.")] = Path(
        "reader.pt"
    ),
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = WEIGHTS,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 1,
) -> None:
    """Train the reader from renders alone."""
    vocabulary = Vocabulary(WHOLE.kinds, WHOLE.colours, WHOLE.styles, WHOLE.settings)
    torch.manual_seed(seed)
    run = Run(60 * minutes, ReaderNetwork(vocabulary))
    if checkpoint.exists():
        run.resume(checkpoint)
    train(run, np.random.default_rng([seed, run.steps]), checkpoint)
    save(run.averaged, out, {"steps": str(run.steps), "minutes": str(round(run.spent / 60)), "seed": str(seed)})
    for name, share in right(Reader.load(out)).items():
        print(json.dumps({"renders": name, "read wholly right": share}))


if __name__ == "__main__":
    typer.run(main)
