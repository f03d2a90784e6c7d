"""The decoder, given true embeddings and no text: does CLIP see in its pictures what the embeddings were of?"""

from __future__ import annotations

import torch

from limner_unclip.decoder import Decoder
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import Patient
from limner_unclip.training.doctor.similarity import centred_cosines, strangers

MOST = 32
UNTRAINED = "the decoder is trained too little, or on another CLIP than this one: train it on, on this CLIP"
DEAF = "it draws much the same whatever the embedding: train it on, or lower decoder.drop_embedding"
OPPOSED = "it draws something else than it was given: check that embeddings are fed as CLIP gives them, not normalised"
GREY = "its pictures are flat: train it on; where it is long trained, its noise schedule is not that of the checkpoint"
HARSH = "its pictures are too harsh: too much guidance, or a variance that was not learned"


def examine_decoder(patient: Patient) -> list[Finding]:
    """The embeddings of its pictures against those it was given, and its contrast against that of true pictures."""
    true, images = patient.embeddings[:MOST], patient.images[:MOST]
    decoded = decode(patient, true)
    seen, mean = patient.embed(decoded), patient.embeddings.mean(0)
    contrast = float(decoded.std((1, 2, 3)).mean() / images.std((1, 2, 3)).mean())
    back = float(centred_cosines(seen, true, mean).mean())
    other = float(centred_cosines(seen, strangers(true), mean).mean())
    return [
        Finding("decoder", "cosine of its picture with the embedding", back, 0.4, 1.0, UNTRAINED, UNTRAINED),
        Finding("decoder", "cosine of its picture with another", other, -0.3, 0.3, OPPOSED, DEAF),
        Finding("decoder", "contrast, in that of true pictures", contrast, 0.6, 1.5, GREY, HARSH),
    ]


def decode(patient: Patient, embeddings: torch.Tensor) -> torch.Tensor:
    """Small pictures of embeddings, unguided and without a text, (n, 3, side, side) in [-1, 1]."""
    step = patient.step(Decoder, guidance=1.0, steps=25)
    generations = [
        generation.with_embedding(patient.embedding(vector))
        for generation, vector in zip(patient.generations([""] * len(embeddings)), embeddings, strict=True)
    ]
    with torch.inference_mode():
        return torch.stack([image.tensor().float().cpu() for image in step.decode(generations)])
