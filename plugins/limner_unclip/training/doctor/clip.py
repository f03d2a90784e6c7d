"""CLIP: does a picture find its caption, and a caption its picture?"""

from __future__ import annotations

from torch.nn import functional as F

from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import Patient
from limner_unclip.training.doctor.similarity import retrieval, strangers

UNTRAINED = "CLIP is trained too little, or its captions say too little of the pictures: train it on, with a larger batch"
NOT_ALONE = "every caption fits: the pictures or captions are too alike to examine a CLIP with"
COLLAPSED = "the embeddings have collapsed to one: lower clip.rate, lengthen clip.warm_up, or train on more varied pictures"
APART = "nothing is common to the embeddings, as in a CLIP that was never trained"


def examine_clip(patient: Patient) -> list[Finding]:
    """Retrieval both ways among the held-out pictures, and how alike different pictures are to CLIP."""
    images, texts = F.normalize(patient.embeddings, dim=-1), F.normalize(patient.text_embeddings, dim=-1)
    scores, true = texts @ images.T, patient.truth
    low = max(0.5, min(0.95, 3 * float(true.float().mean())))
    alike = float((images * strangers(images)).sum(-1).mean())
    return [
        Finding("clip", "picture finds its caption", retrieval(scores.T, true.T), low, 1.0, UNTRAINED, NOT_ALONE),
        Finding("clip", "caption finds its picture", retrieval(scores, true), low, 1.0, UNTRAINED, NOT_ALONE),
        Finding("clip", "cosine of unrelated pictures", alike, -0.2, 0.9, APART, COLLAPSED),
    ]
