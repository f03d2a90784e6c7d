"""`limner audit verify` and `export`: show that the record is what it was, here and elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limner.cli.counted import counted
from limner.cli.options import AsJson
from limner.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from limner.audit.verifier import Finding, Head, Key, Report
    from limner.images.presence import Presence
    from limner.replaying import Replay

SHOWN = 50  # findings; the rest are counted


def add(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(verify)
    group.command()(export)
    group.command()(evidence)
    group.command()(replay)


def verify(
    head: Annotated[Path | None, typer.Option(help="A head that you kept: the record must agree with it.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Verify this export, a folder or an evidence pack's zip, instead of the database.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Public keys to trust, a line each, instead of our own.")] = None,
    images: Annotated[bool, typer.Option("--images", help="Read and decrypt every kept image too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every event against the heads outside the database, and that every kept image is there.

    Exit code 1, and the rows, if anything is not as it was.
    """
    if images and export is not None:
        raise UsageError("--images reads the images of the database", fix="those of an export are always read")
    heads, keys = _heads(head), _keys(key)
    if export is None:
        report, kept = _database(heads, keys, images)
    else:
        report, kept = _export(export, heads, keys), None
    typer.echo(json.dumps(_to_json(report, kept, images)) if as_json else _told(report, kept, images))
    raise typer.Exit(0 if report.ok else 1)


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")],
    format: Annotated[Literal["jsonl", "csv", "parquet"], typer.Option(help="Of the events.")] = "jsonl",
    redacted: Annotated[bool, typer.Option("--redacted", help="Open no prompt and no other payload.")] = False,
    request: Annotated[str, typer.Option(help="Only the events of this request.")] = "",
    since: Annotated[str, typer.Option(help="Only events from this time on: 30d (ago), or 2026-11-22.")] = "",
    until: Annotated[str, typer.Option(help="Only events before this time.")] = "",
) -> None:
    """Write events with proofs, head, keys and a verifier into a folder. It is recorded that this was done."""
    from limner.app import App, local_caller
    from limner.audit.administering import EXPORTED, administered
    from limner.audit.exporting import Selection
    from limner.audit.exporting import export as write
    from limner.audit.reading import whole_id
    from limner.database.timestamp import moment

    since, until = since and moment(since, ago=True), until and moment(until, ago=True)
    with App.recorded() as app:
        request = request and whole_id(app.database, request)
        selection = Selection(request, since, until)
        body = {"format": format, "redacted": redacted, "request": request, "since": since, "until": until}
        app.writer.append([administered(EXPORTED, local_caller().subject, body, request_id=request)]).result()
        count = write(app.database, app.keys, output, format=format, selection=selection, opens=lambda name: not redacted)
    typer.echo(f"{output}: {counted(count, 'event')}")


def evidence(
    id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip; evidence-ID.zip if absent.")] = None,
    opened: Annotated[list[str] | None, typer.Option("--open", help="Open this payload only; may be repeated.")] = None,
    redacted: Annotated[bool, typer.Option("--redacted", help="Open no payload, and leave the images out.")] = False,
    withheld: Annotated[
        bool, typer.Option("--withheld", help="Pack images that nobody is given too: held, withheld, recalled, denied ...")
    ] = False,
) -> None:
    """One zip about a request: record, opened commitments, proofs, policy, images, verifier, and a page to read.

    Exit code 1 if an image that should be in it is damaged or gone in the store; the pack is made without it.
    """
    from limner.app import App, local_caller
    from limner.audit.reading import whole_id
    from limner.evidence import Choice, make_pack

    if redacted and withheld:
        raise UsageError("--redacted leaves all images out, and --withheld packs even more of them", fix="give one of the two")
    path, choice = output or Path(f"evidence-{id}.zip"), Choice(tuple(opened or ()), redacted, withheld)
    with App.recorded() as app:
        id, actor = whole_id(app.database, id), local_caller().subject
        pack = make_pack(app.database, app.keys, app.images, app.writer, id, path, actor=actor, choice=choice)
    typer.echo(f"{path}: {len(pack.files)} files")
    for picture in () if redacted else pack.left_out:
        typer.echo(f"image {picture.index} is left out, it is {picture.kept_back}: with --withheld it goes in, on the record")
    for picture, loss in pack.lost.items():
        what = f"image {picture.index} is NOT in the pack: its stored file is {loss}"
        typer.secho(f"{what}; restore {picture.id} from a backup, and make the pack again", err=True, fg="red")
    raise typer.Exit(1 if pack.lost else 0)


def replay(
    id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    as_json: AsJson = False,
) -> None:
    """Draw a request's images again; exit code 1 unless the pixels are those of the record. Nothing is given out."""
    from limner.app import App

    with App.recorded() as app:
        done = app.replay(id)
    if as_json:
        typer.echo(json.dumps({"images": [image.to_json() for image in done.images], "changes": done.changes}))
    else:
        _show_replay(done)
    raise typer.Exit(0 if done.identical else 1)


def _show_replay(done: Replay) -> None:
    for image in done.images:
        apart = "" if image.decibels is None else f"  {image.decibels:.1f} dB from the kept file"
        typer.echo(f"image {image.index}  seed {image.seed}  {image.verdict}{apart}{image.error and '  ' + image.error}")
    for change in done.changes:
        typer.echo(change)


def _database(heads: list[Head], keys: list[Key], read_images: bool) -> tuple[Report, Presence]:
    from limner.app import App
    from limner.audit.checking import verify_database
    from limner.audit.heads import trusted_keys
    from limner.images.presence import check_files

    with App.recorded() as app:
        report = verify_database(app.database, app.heads, keys or trusted_keys(app.keys), heads)
        kept = check_files(app.database, root := app.project.state / "images", app.images if read_images else None)
    report.findings += _lost(kept, root)
    return report, kept


def _lost(kept: Presence, root: Path) -> list[Finding]:
    from limner.audit.verifier import Finding

    if kept.lost and not root.is_dir():
        return [Finding("image", f"none of the {kept.kept} kept images is here: there is no folder {root}")]
    return [
        Finding(
            "image",
            f"the stored file of image {lost.index} of request {lost.request_id} is {lost.loss}",
            lost.event,
            lost.event,
        )
        for lost in kept.lost
    ]


def _export(folder: Path, heads: list[Head], keys: list[Key]) -> Report:
    from limner.app import App
    from limner.audit.heads import trusted_keys
    from limner.audit.verifier import verify_export

    if not keys:
        try:
            with App.recorded() as app:
                keys = trusted_keys(app.keys)
        except ConfigurationError as error:
            raise ConfigurationError(error.what, where=error.where, fix="give the log's public key with --key") from error
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


def _told(report: Report, kept: Presence | None, read: bool) -> str:
    lines = [str(finding) for finding in report.findings[:SHOWN]]
    if len(report.findings) > SHOWN:
        lines.append(f"... and {len(report.findings) - SHOWN} more")
    attested = f"{report.attested} of them under {report.heads} heads"
    if report.part:
        attested = "a part of a record, from which what is missing cannot be told"
    ending = "all is as it was recorded" if report.ok else counted(len(report.findings), "finding")
    if report.ok and report.events and not (report.attested or report.part):
        ending = "they agree with one another, and no head tells whether they are what was recorded"
    lines.append(f"{counted(report.events, 'event')}, {attested}: {ending}")
    if kept is not None and kept.kept:
        lines.append(_images(kept, read))
    if report.unchecked:
        lines.append(f"not checked, for reading alone: {', '.join(report.unchecked)}")
    return "\n".join(lines)


def _images(kept: Presence, read: bool) -> str:
    looked = "there and whole" if read else "there, by the size of their files; what is in them is read with --images"
    return f"{counted(kept.kept, 'kept image')}, {kept.kept - len(kept.lost)} of them {looked}"


def _to_json(report: Report, kept: Presence | None, read: bool) -> dict[str, object]:
    findings = [{"kind": found.kind, "first": found.first, "last": found.last, "what": found.what} for found in report.findings]
    return {
        "ok": report.ok,
        "events": report.events,
        "root": report.root.hex(),
        "heads": report.heads,
        "attested": report.attested,
        "part": report.part,
        "findings": findings,
        "unchecked": list(report.unchecked),
        "images": {"kept": kept.kept, "lost": len(kept.lost), "read": read} if kept else None,
    }
