"""`limner audit verify`: show that the record is what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.audit.verifier import Head, Key, Report

SHOWN = 50  # findings; the rest are counted


def add(group: typer.Typer) -> None:
    """Add the commands."""

    @group.command()
    def verify(
        head: Annotated[Path | None, typer.Option(help="A head that you kept: the record must agree with it.")] = None,
        export: Annotated[Path | None, typer.Option(help="Verify this export instead of the database.")] = None,
        key: Annotated[Path | None, typer.Option(help="Public keys to trust, a line each, instead of our own.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Check every event against the heads outside the database; exit code 1 and the rows if anything is not as it was."""
        heads, keys = _heads(head), _keys(key)
        report = _database(heads, keys) if export is None else _export(export, heads, keys)
        typer.echo(json.dumps(_to_json(report)) if as_json else _told(report))
        raise typer.Exit(0 if report.ok else 1)


def _database(heads: list[Head], keys: list[Key]) -> Report:
    from limner.app import App
    from limner.audit.checking import verify_database
    from limner.audit.heads import trusted_keys

    with App.open() as app:
        return verify_database(app.database, app.heads, keys or trusted_keys(app.keys), heads)


def _export(folder: Path, heads: list[Head], keys: list[Key]) -> Report:
    from limner.app import App
    from limner.audit.heads import trusted_keys
    from limner.audit.verifier import verify_export

    if not keys:
        with App.open() as app:
            keys = trusted_keys(app.keys)
    try:
        return verify_export(folder, keys, heads)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UsageError(f"it is no export that can be read: {error}", where=str(folder)) from error


def _heads(path: Path | None) -> list[Head]:
    from limner.audit.verifier import Head

    if path is None:
        return []
    try:
        return [Head.parse(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError) as error:
        raise UsageError(f"it is no head of a log: {error}", where=str(path)) from error


def _keys(path: Path | None) -> list[Key]:
    from limner.audit.verifier import Key

    try:
        return [Key.parse(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()] if path else []
    except (OSError, ValueError) as error:
        raise UsageError(f"it holds no public key of a log: {error}", where=str(path), fix="limner keys export") from error


def _told(report: Report) -> str:
    lines = [str(finding) for finding in report.findings[:SHOWN]]
    if len(report.findings) > SHOWN:
        lines.append(f"... and {len(report.findings) - SHOWN} more")
    attested = f"{report.attested} of them under {report.heads} heads"
    ending = "all is as it was recorded" if report.ok else f"{len(report.findings)} findings"
    return "\n".join([*lines, f"{report.events} events, {attested}: {ending}"])


def _to_json(report: Report) -> dict[str, object]:
    findings = [{"kind": found.kind, "first": found.first, "last": found.last, "what": found.what} for found in report.findings]
    return {
        "ok": report.ok,
        "events": report.events,
        "root": report.root.hex(),
        "heads": report.heads,
        "attested": report.attested,
        "findings": findings,
    }
