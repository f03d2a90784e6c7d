"""Labels of a classifier, and the categories that they count for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

import limner

Category = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Labels = Annotated[Mapping[str, Category], Field(min_length=1)]


def categories(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The categories of a mapping, each once."""
    return tuple(dict.fromkeys(labels.values()))


def places(labels: Mapping[str, str], known: Mapping[int, str], model: str) -> dict[str, list[int]]:
    """The places of a classifier's outputs, by category. Raises ModelError for a label that the model does not have."""
    by_label = {label: place for place, label in known.items()}
    for label in labels:
        if label not in by_label:
            what = f"the classifier has no label {label!r}"
            raise limner.ModelError(what, where=f"model {model}", fix=f"its labels are {', '.join(map(repr, by_label))}")
    return {category: [by_label[label] for label, of in labels.items() if of == category] for category in categories(labels)}


def digest(options: limner.Options, model_digest: str, version: int) -> str:
    """Hex SHA-256 of what a classifier's answers depend on."""
    said = [version, options.model_dump(mode="json"), model_digest]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
