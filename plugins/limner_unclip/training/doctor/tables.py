"""What the doctor found, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.priors import PriorFigures


def findings_table(findings: Sequence[Finding]) -> Table:
    """One row a finding: the range to expect, and outside it the likely cause."""
    table = Table("stage", "measure", "found", "expected", "")
    for finding in findings:
        style = None if finding.healthy else "red"
        table.add_row(finding.stage, finding.measure, finding.told, finding.expected, finding.verdict, style=style)
    return table


def findings_json(findings: Sequence[Finding]) -> str:
    """A JSON list of findings."""
    return json.dumps([finding.json() for finding in findings], indent=2)


def priors_table(figures: Sequence[PriorFigures]) -> Table:
    """One row a prior."""
    table = Table("prior", "parameters", "true", "unrelated", "text", "finds its picture", "ms")
    for one in figures:
        cosines = (f"{value:.2f}" for value in (one.true, one.unrelated, one.text))
        table.add_row(one.prior, f"{one.parameters:,}", *cosines, f"{one.retrieval:.0%}", f"{one.milliseconds:.1f}")
    return table


def priors_json(figures: Sequence[PriorFigures]) -> str:
    """A JSON list of figures."""
    return json.dumps([asdict(one) for one in figures], indent=2)


def show(what: Table | str) -> None:
    """Print to stdout; JSON as it is."""
    if isinstance(what, str):
        print(what)
    else:
        Console().print(what)
