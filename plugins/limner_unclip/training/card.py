"""The model card: how a model was made, what it can do by measurement, what it is for and where it fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner_unclip.training.digests import sha256, write_hashes
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.records import StageRun

INTENDED = ("drawing what its training captions are about",)
LIMITS = (
    "It knows the words and the things of its training pictures, and no others.",
    "It repeats what is skewed in them, and may come close to single pictures where they were few.",
    "Which pairs of words it draws well has to be measured; two things with two colours are hard for every unCLIP.",
)
LICENCE = "not stated: whoever publishes the model states one, as its training pictures allow."


@dataclass(frozen=True, slots=True)
class Card:
    """What a card tells; a section without content is left out.

    `evaluation` is the JSON of an evaluation command, `command` that command, and `defaults` the settings it was taken at;
    `findings` are the doctor's.
    """

    name: str
    summary: str
    data: str
    hardware: str
    stages: Sequence[StageRun]
    intended: Sequence[str]
    limits: Sequence[str]
    licence: str
    evaluation: Mapping[str, Any] | None = None
    command: str = ""
    defaults: Mapping[str, str] | None = None
    findings: Sequence[Finding] = ()


def write_card(card: Card, folder: Path) -> None:
    """Write the card as the folder's README.md, and the folder's hashes anew."""
    weights = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*.safetensors"))}
    (folder / "README.md").write_text(card_text(card, weights), "utf-8")
    write_hashes(folder)


def card_text(card: Card, weights: Mapping[str, str]) -> str:
    """The card as Markdown; `weights` are the hashes of the model's files of weights."""
    sections = {
        "Data": card.data,
        "Training": f"{card.hardware}\n\n{_table(_STAGE_HEAD, map(_stage_row, card.stages))}",
        "Evaluation": _evaluation(card),
        "Health": _table(_FINDING_HEAD, map(_finding_row, card.findings)) if card.findings else "",
        "Settings": _table(("setting", "value"), card.defaults.items()) if card.defaults else "",
        "Intended use": _list(card.intended),
        "Limits": _list(card.limits),
        "Files": _files(weights) + f"Licence: {card.licence}",
    }
    told = (f"## {title}\n\n{text}" for title, text in sections.items() if text)
    return "\n\n".join([f"# Model card: {card.name}\n\n{card.summary}", *told]) + "\n"


_STAGE_HEAD = ("stage", "parameters", "steps", "batch", "minutes", "last loss", "")
_RESULT_HEAD = ("suite", "task", "right", "share", "95 % interval (Wilson)")
_FINDING_HEAD = ("stage", "measure", "found", "expected", "")


def _stage_row(run: StageRun) -> tuple[str, ...]:
    loss = "" if run.loss is None else f"{run.loss:.4g}"
    return (run.stage, f"{run.parameters:,}", f"{run.steps:,}", str(run.batch), f"{run.minutes:.0f}", loss, run.remark)


def _finding_row(finding: Finding) -> tuple[str, ...]:
    return (finding.stage, finding.measure, finding.told, finding.expected, finding.verdict)


def _evaluation(card: Card) -> str:
    if card.evaluation is None:
        return ""
    return f"`{card.command}`\n\n{_table(_RESULT_HEAD, _result_rows(card.evaluation))}"


def _result_rows(evaluation: Mapping[str, Any]) -> Sequence[tuple[str, ...]]:
    return [
        (suite, task, f"{rate['right']}/{rate['of']}", f"{rate['share']:.1%}", f"{rate['low']:.1%} to {rate['high']:.1%}")
        for suite, result in evaluation["suites"].items()
        for task, rate in result["tasks"].items()
    ]


def _files(weights: Mapping[str, str]) -> str:
    table = _table(("weights", "SHA-256"), ((name, f"`{digest}`") for name, digest in weights.items())) + "\n\n"
    said = "Laid out as a Karlo directory. `sha256sum -c SHA256SUMS` checks every file.\n\n"
    return said + (table if weights else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
