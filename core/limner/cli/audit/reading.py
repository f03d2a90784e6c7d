"""`limner audit list` and `show`: read the record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limner.cli.listing import show_lines
from limner.cli.options import AsJson
from limner.cli.plain import plain

if TYPE_CHECKING:
    from limner.audit.reading import EventRecord, RequestRecord, RequestSummary


def add(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("list")(list_requests)
    group.command()(show)


def list_requests(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only those before this index: the next page.")] = None,
    user: Annotated[str, typer.Option(help="By whom: local:ada, or a pseudonym.")] = "",
    since: Annotated[str, typer.Option(help="From this time on: 12h, 30d (ago), or 2026-11-22.")] = "",
    until: Annotated[str, typer.Option(help="Before this time.")] = "",
    pipeline: Annotated[str, typer.Option(help="Through this pipeline.")] = "",
    decision: Annotated[Literal["allow", "review", "block"] | None, typer.Option(help="With such a decision.")] = None,
    rule: Annotated[str, typer.Option(help="In which this rule did not pass.")] = "",
    model: Annotated[str, typer.Option(help="Whose pipeline names this model.")] = "",
    as_json: AsJson = False,
) -> None:
    """The newest requests first."""
    from limner.app import App
    from limner.audit.searching import Search, search
    from limner.database.timestamp import moment

    start, end = since and moment(since, ago=True), until and moment(until, ago=True)
    wanted = Search(user, start, end, pipeline, decision or "", rule, model)
    with App.open() as app:
        found = search(app.database, app.keys, wanted, limit=limit, before=before)
    if as_json:
        typer.echo(json.dumps([summary.to_json() for summary in found]))
    else:
        show_lines(map(_line, found), none="no such request is on the record")


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    as_json: AsJson = False,
) -> None:
    """Everything recorded of one request, in order."""
    from limner.app import App
    from limner.audit.reading import request

    with App.open() as app:
        record = request(app.database, app.keys, id)
    if as_json:
        typer.echo(json.dumps(record.to_json()))
    else:
        _show(record)


def _line(summary: RequestSummary) -> str:
    outcomes = ", ".join(outcome or "under way" for outcome in summary.outcomes)
    return f"{summary.index:8}  {summary.time}  {summary.id}  {summary.pipeline}  {outcomes}"


def _show(record: RequestRecord) -> None:
    typer.echo(f"request {record.id}  by {record.caller or 'someone erased'}  (pseudonym {record.subject[:16]})")
    for event in record.events:
        typer.echo(f"\n{event.index}  {event.time}  {event.kind}")
        for line in _lines(event):
            typer.echo(f"    {line}")


def _lines(event: EventRecord) -> list[str]:
    lines = [f"{key}: {plain(value)}" for key, value in event.body.items() if value not in ("", None, [], {})]
    for name, payload in event.payloads.items():
        lines.append(f"{name}: {plain(payload.shown) if payload.state == 'open' else f'[{payload.state}]'}")
    return lines
