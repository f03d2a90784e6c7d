"""`limner audit list` and `show`: read the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from limner.audit.events import DECISION, GENERATION_STEPS
from limner.cli.listing import show_lines
from limner.cli.options import AsJson
from limner.cli.plain import plain
from limner.readings import mark_text

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
    mark: Annotated[str, typer.Option(help="With an image that carries this mark, as `limner inspect` shows it.")] = "",
    as_json: AsJson = False,
) -> None:
    """The newest requests first, each with where its images stand now."""
    from limner.app import App
    from limner.audit.searching import Search, search
    from limner.database.timestamp import moment

    start, end = since and moment(since, ago=True), until and moment(until, ago=True)
    wanted = Search(user, start, end, pipeline, decision or "", rule, model, mark)
    with App.recorded() as app:
        found = search(app.database, app.keys, wanted, limit=limit, before=before)
    if as_json:
        typer.echo(json.dumps([summary.to_json() for summary in found]))
    else:
        show_lines(map(_line, found), none="no such request is on the record")
        if len(found) == limit:
            typer.echo(f"the next page: --before {found[-1].index}", err=True)


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The request's id, or the mark of an image of it.")],
    as_json: AsJson = False,
) -> None:
    """Where the images of one request stand, and everything recorded of it, in order."""
    from limner.app import App
    from limner.audit.reading import request

    with App.recorded() as app:
        record = request(app.database, app.keys, id)
    if as_json:
        typer.echo(json.dumps(record.to_json()))
    else:
        _show(record)


def _line(summary: RequestSummary) -> str:
    standing = ", ".join(image.told for image in summary.images)
    return f"{summary.index:8}  {summary.time}  {summary.id}  {summary.pipeline}  {standing}"


def _show(record: RequestRecord) -> None:
    typer.echo(f"request {record.id}  by {record.caller or 'someone erased'}  (pseudonym {record.subject[:16]})")
    for image in record.images:
        typer.echo(plain(f"image {image.index}: {image.told}{f', mark {image.mark}' if image.mark else ''}"))
    for event in record.events:
        typer.echo(f"\n{event.index}  {event.time}  {event.kind}")
        for line in _lines(event):
            typer.echo(f"    {line}")


def _lines(event: EventRecord) -> Iterator[str]:
    for key, value in event.body.items():
        if value in ("", None, [], {}):
            continue
        told = _told(event.kind, key, value)
        value = mark_text(value) if key == "mark_id" and isinstance(value, int) else value
        yield f"{key}:" if told else f"{key}: {plain(value)}"
        yield from (f"  {plain(line)}" for line in told)
    for name, payload in event.payloads.items():
        yield f"{name}: {plain(payload.shown) if payload.state == 'open' else f'[{payload.state}]'}"


def _told(kind: str, key: str, value: Any) -> list[str]:  # JSON
    """The lines that say it better than JSON; none where there are none, or it is not as it was ever recorded."""
    with suppress(KeyError, TypeError, AttributeError, ValueError):
        return TOLD[kind, key](value)
    return []


def _findings(findings: Any) -> list[str]:  # JSON
    """A line for each rule that did not pass, and one for all that did."""
    passed = ", ".join(str(finding["rule"]) for finding in findings if finding["result"] == "pass")
    stopped = [_finding(finding) for finding in findings if finding["result"] != "pass"]
    return [*stopped, *([f"passed: {passed}"] if passed else [])]


def _finding(finding: Any) -> str:  # JSON
    thresholds = finding["thresholds"]
    measured = ", ".join(f"{name} is {_short(value)} ({thresholds.get(name)})" for name, value in finding["values"].items())
    how = " in the shadow alone" if finding["mode"] == "shadow" else ""
    how += " as it could not be judged" if finding["result"] == "error" else ""
    return f"{finding['rule']}: {finding['action']}{how}: {measured or 'nothing measured'}"


def _steps(steps: Any) -> list[str]:  # JSON
    return [_step(step) for step in steps]


def _step(step: Any) -> str:  # JSON
    ran = f"{step['step']}: {step['outcome']}"
    if step["device"]:
        ran += f" in {step['seconds']:.3f} s on {step['device']}, {step['precision']}, batch of {step['batch']}"
    signals = ", ".join(f"{name} {_short(value)}" for name, value in step["signals"].items() if value)
    return f"{ran}: {signals}" if signals else ran


def _short(value: Any) -> str:  # JSON
    return f"{value:.4g}" if isinstance(value, float) else str(value)


TOLD: Mapping[tuple[str, str], Callable[[Any], list[str]]] = {  # by kind of event and key, the lines in the place of JSON
    (DECISION, "findings"): _findings,
    (GENERATION_STEPS, "steps"): _steps,
}
