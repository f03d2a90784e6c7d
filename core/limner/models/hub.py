"""Models from the hub: one pinned commit, safetensors and text files only, kept in the hub client's own cache."""

from __future__ import annotations

from pathlib import Path

from limner.errors import ModelError
from limner.model_source import ModelSource, checked
from limner.models.files import LOADABLE


def fetch(source: ModelSource, *, offline: bool) -> Path:
    """The directory of a hub model on this machine; downloaded once, unless `offline` or HF_HUB_OFFLINE forbid it.

    A commit that is wholly in the cache is taken from there without asking the hub. Raises ModelError if it cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            source.source,
            revision=source.revision,
            allow_patterns=[f"*{suffix}" for suffix in LOADABLE],
            local_files_only=offline,
        )
    except Exception as error:  # the client raises its own errors, those of its HTTP library, OSError and ValueError
        raise _unreachable(source, error) from error
    return checked(source, Path(folder))


def _unreachable(source: ModelSource, error: Exception) -> ModelError:
    from huggingface_hub import constants

    pinned = f"{source.source} at {source.revision}"
    cause = str(error).strip().split("\n", 1)[0]
    return ModelError(
        f"{pinned} is not complete in the cache {constants.HF_HUB_CACHE} and could not be fetched: "
        f"{type(error).__name__}: {cause}",
        where=source.where,
        fix=f"with access to the hub, run `hf download {source.source} --revision {source.revision}` (HF_TOKEN for a gated "
        "model); or copy its directory here and name that as `source`; unset HF_HUB_OFFLINE if it is set by mistake",
    )
