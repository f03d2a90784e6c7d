"""Models from the hub: one pinned commit, safetensors and text files only, kept in the hub client's own cache.

A download takes minutes or hours, so none happens by itself: `limner models fetch` asks for it; all else takes what is there.
"""

from __future__ import annotations

from pathlib import Path

from limner.errors import ModelError
from limner.model_source import ModelSource, checked
from limner.models.files import LOADABLE

ABOUT = ("README.md", "LICENSE*")  # what tells the licence
WANTED = [*(f"*{suffix}" for suffix in LOADABLE), *ABOUT]


def find(source: ModelSource) -> Path:
    """The directory of a hub model that is on this machine. Raises ModelError if it is not."""
    from huggingface_hub import constants, snapshot_download

    try:
        return checked(source, Path(snapshot_download(source.source, revision=source.revision, local_files_only=True)))
    except ModelError:
        raise
    except Exception as error:  # the client raises its own errors, OSError and ValueError
        raise ModelError(
            f"{source.source} at {source.revision} is not in the cache {constants.HF_HUB_CACHE}",
            where=source.where,
            fix=f"run `limner models fetch {source.name}`; or copy its directory here and name that as `source`",
        ) from error


def fetch(source: ModelSource) -> Path:
    """Download what is missing of a hub model; returns its directory. Raises ModelError if it cannot be had.

    A commit that is wholly in the cache is taken from there without asking the hub.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(source.source, revision=source.revision, allow_patterns=WANTED)
    except Exception as error:  # the client raises its own errors, those of its HTTP library, OSError and ValueError
        raise _unreachable(source, error) from error
    return checked(source, Path(folder))


def _unreachable(source: ModelSource, error: Exception) -> ModelError:
    from huggingface_hub import constants

    cause = str(error).strip().split("\n", 1)[0]
    offline = "unset HF_HUB_OFFLINE, which forbids it; or " if constants.HF_HUB_OFFLINE else ""
    return ModelError(
        f"{source.source} at {source.revision} could not be fetched from {constants.ENDPOINT}: {type(error).__name__}: {cause}",
        where=source.where,
        fix=f"{offline}see that the hub can be reached (HF_TOKEN for a gated model), or copy its directory here and name that "
        "as `source`",
    )
