"""Limner's façade: all that a plugin imports.

`API` counts the façade's versions. Within a major version names only come, and hooks only gain arguments.
"""

from limner.errors import Cancelled, ConfigurationError, LimnerError, ModelError, StepError, UsageError
from limner.generation import (
    Caller,
    Decision,
    DecisionView,
    Embedding,
    EncodedImage,
    Evidence,
    Generation,
    Image,
    Input,
    ItemError,
    Provenance,
    ReleaseView,
    Request,
    RequestView,
    Signal,
    StepView,
    TextConditioning,
    WatermarkReading,
)
from limner.hookspecs import hookimpl
from limner.step import Asset, IterativeStep, ModelIndex, ModelRef, Models, Options, Range, Secret, Step

API = 1
__version__ = "0.1.0"

__all__ = [
    "API",
    "Asset",
    "Caller",
    "Cancelled",
    "ConfigurationError",
    "Decision",
    "DecisionView",
    "Embedding",
    "EncodedImage",
    "Evidence",
    "Generation",
    "Image",
    "Input",
    "ItemError",
    "IterativeStep",
    "LimnerError",
    "ModelError",
    "ModelIndex",
    "ModelRef",
    "Models",
    "Options",
    "Provenance",
    "Range",
    "ReleaseView",
    "Request",
    "RequestView",
    "Secret",
    "Signal",
    "Step",
    "StepError",
    "StepView",
    "TextConditioning",
    "UsageError",
    "WatermarkReading",
    "__version__",
    "hookimpl",
]
