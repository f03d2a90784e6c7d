"""What the doctor found, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table

from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.priors import PriorFigures


def findings_table(findings: Sequence[Finding]) -> Group:
    """One row a finding with the range to expect, and under the table the likely cause of each outside its range."""
    table = Table("stage", "measure", "found", "expected", "", box=SIMPLE_HEAD)
    for finding in findings:
        mark, style = ("healthy", None) if finding.healthy else ("look", "red")
        table.add_row(finding.stage, finding.measure, finding.told, finding.expected, mark, style=style)
    causes = [f"{finding.stage}: {finding.measure}: {finding.verdict}" for finding in findings if not finding.healthy]
    return Group(table, *causes)


def findings_json(findings: Sequence[Finding]) -> str:
    """A JSON list of findings."""
    return json.dumps([finding.json() for finding in findings], indent=2)


def priors_table(figures: Sequence[PriorFigures]) -> Table:
    """One row a prior."""
    table = Table("prior", "parameters", "true", "unrelated", "text", "finds its picture", "ms", box=SIMPLE_HEAD)
    for one in figures:
        cosines = (f"{value:.2f}" for value in (one.true, one.unrelated, one.text))
        table.add_row(one.prior, f"{one.parameters:,}", *cosines, f"{one.retrieval:.0%}", f"{one.milliseconds:.1f}")
    return table


def priors_json(figures: Sequence[PriorFigures]) -> str:
    """A JSON list of figures."""
    return json.dumps([asdict(one) for one in figures], indent=2)


def show(what: RenderableType) -> None:
    """Print to stdout; JSON as it is."""
    if isinstance(what, str):
        print(what)
    else:
        Console().print(what)
