"""The priors: how near what they give lies to the true embedding, to the text's, and to that of an unrelated picture."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from limner import ConfigurationError, Step
from limner_unclip.direct_prior import DirectPrior
from limner_unclip.prior import Prior
from limner_unclip.ridge_prior import RidgePrior
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import Patient
from limner_unclip.training.doctor.similarity import centred_cosines, retrieval, strangers

PRIORS: Mapping[str, tuple[type[Step], Mapping[str, Any]]] = {
    "prior": (Prior, {"guidance": 1.0, "steps": 25}),
    "ridge_prior": (RidgePrior, {}),
    "direct_prior": (DirectPrior, {}),
}
UNTRAINED = "the prior is trained too little, or was trained on another CLIP than this one: train it on, on this CLIP"
DEAF = "the prior gives much the same for every text: train it on, or raise its learning rate"
OPPOSED = "what it gives has the wrong sign or statistics: check clip_mean and clip_std against the CLIP they came from"
UNLIKE_TEXT = "it ignores the text, or its statistics are of another CLIP"
COPIES_TEXT = "it repeats the text embedding, and the decoder knows only image embeddings: train it on"


@dataclass(frozen=True, slots=True)
class PriorFigures:
    """A prior by measurement. `true` and `unrelated` are centred cosines, `text` a plain one, `retrieval` a share.

    `text_of_true` is the cosine that true embeddings have with their texts; `milliseconds` are those of one embedding, alone.
    """

    prior: str
    parameters: int
    true: float
    unrelated: float
    text: float
    text_of_true: float
    retrieval: float
    milliseconds: float


def measure_priors(patient: Patient) -> list[PriorFigures]:
    """Every prior that the model has. Raises ConfigurationError where it has none."""
    if not any(map(patient.has, PRIORS)):
        raise ConfigurationError("has no prior", where=str(patient.folder), fix="train one: limner train prior")
    return [measure_prior(patient, name) for name in PRIORS if patient.has(name)]


def measure_prior(patient: Patient, name: str) -> PriorFigures:
    """One prior, on the held-out captions; diffusion draws once and unguided, so that nothing but the prior is measured."""
    cls, options = PRIORS[name]
    step = patient.step(cls, **options)
    generations = patient.generations()
    with torch.inference_mode():
        step.sample_prior(generations[:1])
        began = time.perf_counter()
        step.sample_prior(generations[:1])
        seconds = time.perf_counter() - began
        given = torch.stack([embedding.vector for embedding, _ in step.sample_prior(generations)]).cpu()
    true, texts, mean = patient.embeddings, patient.text_embeddings, patient.embeddings.mean(0)
    scores = F.normalize(given - mean, dim=-1) @ F.normalize(true - mean, dim=-1).T
    return PriorFigures(
        prior=name,
        parameters=_parameters(patient, name),
        true=float(centred_cosines(given, true, mean).mean()),
        unrelated=float(centred_cosines(given, strangers(true), mean).mean()),
        text=float(F.cosine_similarity(given, texts).mean()),
        text_of_true=float(F.cosine_similarity(true, texts).mean()),
        retrieval=retrieval(scores, patient.truth),
        milliseconds=1000 * seconds,
    )


def examine_priors(patient: Patient) -> list[Finding]:
    """What of the figures is healthy."""
    return [finding for figures in measure_priors(patient) for finding in _findings(figures)]


def _findings(figures: PriorFigures) -> list[Finding]:
    name, near = figures.prior, figures.text_of_true
    return [
        Finding(name, "cosine with the true embedding", figures.true, 0.4, 1.0, UNTRAINED, UNTRAINED),
        Finding(name, "cosine with an unrelated one", figures.unrelated, -0.25, 0.25, OPPOSED, DEAF),
        Finding(name, "cosine with the text", figures.text, near - 0.15, near + 0.15, UNLIKE_TEXT, COPIES_TEXT),
    ]


def _parameters(patient: Patient, name: str) -> int:
    from safetensors import safe_open

    count = 0
    for path in (patient.folder / name).glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            count += sum(torch.Size(file.get_slice(key).get_shape()).numel() for key in file.keys())  # noqa: SIM118
    return count
