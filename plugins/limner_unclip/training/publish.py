"""The model of a run: its directory, and in it what it was made of, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from limner import ConfigurationError
from limner_unclip.training.card import INTENDED, LICENCE, LIMITS, Card, write_card
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.export import write_model
from limner_unclip.training.recipe import Data, Recipe
from limner_unclip.training.records import StageRun, read_records

MODEL = "model"
ORIGIN = "training.json"


def publish(recipe: Recipe, run: Path, findings: Sequence[Finding] = ()) -> Path:
    """Write the model of what is trained so far into the run's folder, with its card; return its directory."""
    folder = write_model(run, run / MODEL)
    records = read_records(run)
    origin = {
        "name": recipe.name,
        "data": recipe.data.model_dump(mode="json"),
        "stages": [asdict(record) for record in records.values()],
    }
    (folder / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", "utf-8")
    write_card(card_of_run(recipe, records.values(), findings), folder)
    return folder


def origin_of(folder: Path) -> Data | None:
    """What a model was trained on, where it says so. Raises ConfigurationError for a training.json that is none."""
    path = folder / ORIGIN
    if not path.exists():
        return None
    try:
        return Data.model_validate(json.loads(path.read_text("utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"does not say what the model was trained on: {error}", where=str(path)) from error


def card_of_run(recipe: Recipe, records: Collection[StageRun], findings: Sequence[Finding]) -> Card:
    """The card of a run: measured where it could be, and for the rest in the recipe's own words."""
    about = recipe.card
    data = [about.data, *dict.fromkeys(record.data for record in records if record.data)]
    return Card(
        name=recipe.name,
        summary=about.summary or "An unCLIP model (arXiv 2204.06125): CLIP, prior, decoder and upsampler.",
        data="\n\n".join(text for text in data if text),
        hardware=_hardware(records),
        stages=list(records),
        intended=about.intended or INTENDED,
        limits=about.limits or LIMITS,
        licence=about.licence or LICENCE,
        findings=findings,
    )


def _hardware(records: Collection[StageRun]) -> str:
    places = dict.fromkeys(f"{record.processes} × {record.device}" for record in records if record.device)
    hours = sum(record.minutes for record in records) / 60
    return f"Trained on {', '.join(places)}, {hours:.1f} hours in all." if places else ""
