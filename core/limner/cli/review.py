"""`limner review` and `limner recall`: people decide what was held, and withdraw what was released."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.counted import counted
from limner.cli.listing import show_lines
from limner.cli.options import AsJson
from limner.cli.plain import plain
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.app import App
    from limner.audit.reading import EventRecord, RequestRecord
    from limner.review import Hold, Verdict

Id = Annotated[str, typer.Argument(metavar="ID", help="A hold, a request, or request/image; how an id begins will do.")]
Reason = Annotated[str, typer.Option("--reason", help="Why: it stands on the record.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write the image there.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="What waits for a person: look at it, release it, withhold it.")
    group.command("list")(list_holds)
    group.command()(show)
    group.command()(release)
    group.command()(withhold)
    group.command()(expire)
    return group


def list_holds(as_json: AsJson = False) -> None:
    """What waits, the longest first."""
    from limner.app import App
    from limner.review import waiting

    with App.recorded() as app:
        found = waiting(app.database)
    if as_json:
        typer.echo(json.dumps([hold.to_json() for hold in found]))
    else:
        show_lines(map(_line, found), none="nothing waits for a person")


def show(id: Id, output: Output = None) -> None:
    """What is held, in whose words, and by which rules; with -o the image itself, of a held input the one that was given."""
    from limner.app import App
    from limner.audit.reading import request
    from limner.review import find

    with App.recorded() as app:
        found = find(app.database, id)
        for hold in found:
            typer.echo(_line(hold))
        record = request(app.database, app.keys, found[0].request_id)
        for event in record.events:
            _show_event(event)
        if output is not None and any(hold.image_id for hold in found):
            _write(app, found, output)
        elif output is not None:
            _write_inputs(record, output)


def release(id: Id, reason: Reason, output: Output = None) -> None:
    """Let it through: an image leaves as it was marked, a held input is run on."""
    from limner.app import App, local_caller
    from limner.review import find

    with App.recorded() as app:
        for hold in find(app.database, id):
            verdict = app.desk.release(hold, actor=local_caller().subject, reason=reason)
            _show_release(app, verdict, output)


def withhold(
    id: Id,
    reason: Reason,
    days: Annotated[int | None, typer.Option("--quarantine", min=1, help="Keep the image in quarantine, for days.")] = None,
) -> None:
    """Keep it from leaving, for good. The image is destroyed unless it goes to quarantine."""
    from limner.app import App, local_caller
    from limner.review import find

    with App.recorded() as app:
        for hold in find(app.database, id):
            app.desk.withhold(hold, actor=local_caller().subject, reason=reason, quarantine_days=days)
            typer.echo(f"withheld {hold.request_id}/{hold.index}")


def expire() -> None:
    """Destroy the images whose time in quarantine is over; so does every start."""
    from limner.app import App
    from limner.review.quarantine import expire as destroy

    with App.recorded() as app:
        destroyed = destroy(app.database, app.writer, app.images)
    typer.echo(f"destroyed {counted(len(destroyed), 'image')}")


def add_recall(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("recall")(run_recall)


def run_recall(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="A request, request/image or image, or how its id begins; or conditions: pipeline= policy= cohort= since= ...",
        ),
    ],
    reason: Reason,
    show: Annotated[bool, typer.Option("--plan", help="Only list what would be recalled.")] = False,
) -> None:
    """Withdraw released images: their files are no longer given out. Copies that have left are found by their marks."""
    from limner.app import App, local_caller
    from limner.review import matching, recall

    with App.recorded() as app:
        found = matching(app.database, query)
        if not found:
            fix = "limner audit list shows the requests, limner audit show REQUEST what became of one's images"
            raise UsageError("no released image is meant", where=" ".join(query), fix=fix)
        if not show:
            recall(app.writer, found, actor=local_caller().subject, reason=reason)
    for image in found:
        typer.echo(f"{'would recall' if show else 'recalled'} {image.request_id}/{image.index}  image {image.image_id}")


def _show_release(app: App, verdict: Verdict, output: Path | None) -> None:
    from limner.cli.running import tell_broken

    hold, file = verdict.hold, verdict.file
    called = f"{hold.request_id}/{hold.index}"
    if verdict.said == "agree":
        typer.echo(f"agreed to {called}; someone else has to agree as well")
    elif verdict.resumed is not None:
        tell_broken(app)
        [image] = app.run(verdict.resumed).images
        typer.echo(f"released {called}, run on as {verdict.resumed.id}: {image.outcome}")
        file = image.file.data if image.file is not None else None
    else:
        typer.echo(f"released {called}")
    if file is not None and output is not None:
        _save(output, file)


def _write(app: App, found: Sequence[Hold], output: Path) -> None:
    kept = [hold for hold in found if hold.image_id]
    if len(kept) != 1:
        raise UsageError(f"{len(kept)} images are held there", where="-o", fix="name one: request/image")
    _save(output, app.images.read(app.database, kept[0].image_id, as_reviewer=True))


def _write_inputs(record: RequestRecord, output: Path) -> None:
    """The images that came with a held request, as they were given: the main one to `output`, each other one beside it."""
    from limner.audit.rebuilding import given_files

    given = given_files(record)
    if not given:
        what = "no image is held there: the request has words alone, and nothing is made of them yet"
        raise UsageError(what, where="-o", fix="leave -o out; with limner review release it is made")
    for role, data in given.items():
        _save(output if role == "image" else output.with_stem(f"{output.stem}-{role}"), data)


def _save(path: Path, data: bytes) -> None:
    from limner.files import save_atomically

    save_atomically(path, data)
    typer.echo(f"wrote {path}")


def _line(hold: Hold) -> str:
    what = "input" if hold.is_input else "image"
    eyes = f"  four eyes ({hold.approvals} of 2)" if hold.four_eyes else ""
    rules = ", ".join(hold.rules)
    return (
        f"{hold.id[:12]}  {hold.time}  {what} {hold.request_id}/{hold.index}  {hold.gate}: {rules} {hold.category}"
        f"  {hold.state}{eyes}"
    )


def _show_event(event: EventRecord) -> None:
    """The prompt, the rewrites, what was decided and what reviewers have said so far."""
    for name in ("prompt", "negative_prompt", "rewrites", "evidence"):
        if (payload := event.payloads.get(name)) is not None:
            typer.echo(f"  {name}: {plain(payload.value) if payload.state == 'open' else f'[{payload.state}]'}")
    if event.kind == "decision":
        for finding in event.body["findings"]:
            if finding["result"] != "pass":
                seen = ", ".join(f"{n} {v} ({finding['thresholds'].get(n, '')})" for n, v in finding["values"].items())
                typer.echo(f"  {event.body['gate']}: {finding['rule']} {finding['action']} ({finding['mode']}) {seen}")
    if event.kind == "review.decided":
        typer.echo(f"  {event.time} {event.body['action']}: {plain(event.body['reason'])}")
