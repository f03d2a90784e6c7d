"""Named models: where they come from, what their files hash to, and their components, loaded once and shared."""

from limner.model_source import ModelSource
from limner.models.store import ModelStore, local_models

__all__ = ["ModelSource", "ModelStore", "local_models"]
