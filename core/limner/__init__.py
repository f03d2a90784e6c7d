"""Limner's façade: all that a plugin imports.

`API` counts the façade's versions. Within a major version names only come, and hooks only gain arguments. A name is imported
from its home at its first use, so that a module which only registers commands costs no more than it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from limner.marker import hookimpl

if TYPE_CHECKING:
    from limner.errors import (
        Cancelled,
        ConfigurationError,
        InvalidFile,
        LimnerError,
        ModelError,
        Problem,
        StepError,
        UsageError,
    )
    from limner.generation import (
        Caller,
        Decision,
        Embedding,
        EncodedImage,
        Evidence,
        Generation,
        Image,
        Input,
        ItemError,
        Provenance,
        Request,
        Signal,
        TextConditioning,
    )
    from limner.models import local_models
    from limner.readings import ManifestReading, WatermarkReading
    from limner.step import Asset, IterativeStep, KeyRings, ModelIndex, ModelRef, Models, Options, Range, Secret, Step
    from limner.views import DecisionView, ReleaseView, RequestView, StepView
    from limner.yaml_problems import read_yaml

API = 1
__version__ = "0.1.0"

_HOMES = {
    "limner.errors": (
        "Cancelled", "ConfigurationError", "InvalidFile", "LimnerError", "ModelError", "Problem", "StepError", "UsageError",
    ),
    "limner.generation": (
        "Caller", "Decision", "Embedding", "EncodedImage", "Evidence", "Generation", "Image", "Input", "ItemError",
        "Provenance", "Request", "Signal", "TextConditioning",
    ),
    "limner.models": ("local_models",),
    "limner.readings": ("ManifestReading", "WatermarkReading"),
    "limner.step": (
        "Asset", "IterativeStep", "KeyRings", "ModelIndex", "ModelRef", "Models", "Options", "Range", "Secret",
        "Step",
    ),
    "limner.views": ("DecisionView", "ReleaseView", "RequestView", "StepView"),
    "limner.yaml_problems": ("read_yaml",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "API", "Asset", "Caller", "Cancelled", "ConfigurationError", "Decision", "DecisionView", "Embedding",
    "EncodedImage", "Evidence", "Generation", "Image", "Input", "InvalidFile", "ItemError", "IterativeStep", "KeyRings",
    "LimnerError", "ManifestReading", "ModelError", "ModelIndex", "ModelRef", "Models", "Options", "Problem", "Provenance",
    "Range", "ReleaseView", "Request", "RequestView", "Secret", "Signal", "Step", "StepError", "StepView", "TextConditioning",
    "UsageError", "WatermarkReading", "__version__", "hookimpl", "local_models", "read_yaml",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'limner' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
