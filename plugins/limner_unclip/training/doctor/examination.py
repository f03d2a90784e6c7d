"""The whole examination, in the order of the chain, of whatever a model has so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from limner import ConfigurationError
from limner_unclip.training.doctor.clip import examine_clip
from limner_unclip.training.doctor.decoder import examine_decoder
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import Patient
from limner_unclip.training.doctor.priors import PRIORS, examine_priors
from limner_unclip.training.doctor.upsampler import examine_upsampler

EXAMINATIONS: Mapping[Callable[[Patient], list[Finding]], tuple[str, ...]] = {
    examine_clip: ("image_encoder",),
    examine_priors: tuple(PRIORS),
    examine_decoder: ("decoder",),
    examine_upsampler: ("super_res_first",),
}


def examine(patient: Patient) -> list[Finding]:
    """All findings of a model; stages that it does not have are left out. Raises ConfigurationError where it has none."""
    examinations = [each for each, components in EXAMINATIONS.items() if any(map(patient.has, components))]
    if not examinations:
        raise ConfigurationError("has none of the networks of an unCLIP model", where=str(patient.folder))
    return [finding for examination in examinations for finding in examination(patient)]
