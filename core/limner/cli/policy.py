"""`limner policy`: read the policies of a project, check them, and try them. `list`, `show` and `lint` load no model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.plain import plain

if TYPE_CHECKING:
    from limner.app import App
    from limner.policy import Policy, Rule
    from limner.policy.cases import CaseRun

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The policies: what may be made, and what may leave.")

    @group.command("list")
    def list_policies() -> None:
        """Name, revision, number of rules and use of each policy."""
        from limner.app import App
        from limner.trials.projects import uses

        with App.open() as app:
            for name, pipelines in uses(app).items():
                policy = app.policies[name]
                used = ", ".join(pipelines) or "no pipeline uses it"
                typer.echo(f"{name}  {policy.revision[:12]}  {len(policy.rules)} rules\n    {used}")

    @group.command()
    def show(
        name: Name,
        revision: Annotated[str, typer.Option(help="As it stood at this revision: the hash, or how it begins.")] = "",
        as_json: AsJson = False,
    ) -> None:
        """A policy with its fragments resolved, as requests are judged by it."""
        from limner.app import App
        from limner.trials.projects import policy_of

        with App.open() as app:
            policy = _revision(app, name, revision) if revision else policy_of(app, name)
        if as_json:
            typer.echo(json.dumps({"revision": policy.revision, **json.loads(policy.canonical)}, indent=2, ensure_ascii=False))
        else:
            _show(policy)

    @group.command()
    def lint() -> None:
        """Check policies and cases against the pipelines; exit code 4 and all problems if something is wrong."""
        from limner.app import App
        from limner.trials.projects import lint as check

        with App.open() as app:
            check(app)
            rules = sum(len(policy.rules) for policy in app.policies.values())
            typer.echo(f"{app.project.policies}: {len(app.policies)} policies with {rules} rules hold")

    @group.command()
    def test(
        names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All that have cases if absent.")] = None,
        covered: Annotated[bool, typer.Option("--covered", help="Fail where no case makes a rule apply.")] = False,
    ) -> None:
        """Run the cases beside each policy. Exit code 1 where one does not hold."""
        from limner.app import App
        from limner.trials.projects import run_cases

        with App.open() as app:
            tested = run_cases(app, names or [])
        for each in tested:
            _show_tested(each)
        if any(each.failed or (covered and each.uncovered) for each in tested):
            raise typer.Exit(1)

    _add_trials(group)
    return group


def _add_trials(group: typer.Typer) -> None:
    """The commands that look back at the record, or out at examples."""

    @group.command()
    def explain(
        id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A request, or request/image.")] = None,
        prompt: Annotated[str | None, typer.Option(help="A prompt to try instead: nothing is made or recorded.")] = None,
        pipeline: Annotated[str | None, typer.Option(help="For --prompt; the first one if absent.")] = None,
    ) -> None:
        """Each rule with the values it saw."""
        from limner.app import App
        from limner.errors import UsageError
        from limner.trials.explaining import explain_prompt, explain_record, lines

        if (id is None) == (prompt is None):
            raise UsageError("give a request's id, or --prompt", where="policy explain")
        with App.open() as app:
            found = [explain_prompt(app, prompt or "", pipeline)] if id is None else explain_record(app, id)
        for explained in found:
            if len(found) > 1:
                typer.echo(f"image {explained.index}")
            for line in lines(explained):
                typer.echo(plain(line))

    @group.command()
    def diff(
        before: Annotated[str, typer.Argument(metavar="A", help="A policy, or NAME@REVISION from the record.")],
        after: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
        since: Annotated[str, typer.Option(help="Requests since: a date, or 12h or 7d ago. All if absent.")] = "",
        as_json: AsJson = False,
    ) -> None:
        """Judge recorded requests again under A and B, and list every decision that would change."""
        from limner.app import App
        from limner.trials.diffing import compare, find_policy

        with App.open() as app:
            found = compare(app, find_policy(app, before), find_policy(app, after), since)
        if as_json:
            typer.echo(json.dumps(asdict(found)))
            return
        for change in found.changes:
            ways = (f"{each.action} ({', '.join(each.rules) or 'no rule'})" for each in (change.before, change.after))
            typer.echo(f"{change.image}  {' → '.join(ways)}")
        typer.echo(f"{len(found.changes)} would change, {found.same} would not, {len(found.unjudged)} could not be judged")

    @group.command()
    def calibrate(
        signal: Annotated[str, typer.Argument(metavar="CONCEPT", help="The signal, such as clip.sword.")],
        positives: Annotated[Path, typer.Option(help="A folder of examples that show it.")],
        negatives: Annotated[Path, typer.Option(help="A folder of examples that do not.")],
        fpr: Annotated[float, typer.Option(min=0.0, max=1.0, help="The most false alarms.")] = 0.02,
        at: Annotated[str, typer.Option(help="The gate: image (image files) or prompt (lines of .txt files).")] = "image",
        pipeline: Annotated[str | None, typer.Option(help="Whose step measures; the first that does if absent.")] = None,
        output: Annotated[Path | None, typer.Option("-o", "--output", help="Draw the ROC curve there (.png, .svg).")] = None,
    ) -> None:
        """Propose a threshold for a rule, from examples."""
        from limner.app import App
        from limner.errors import UsageError
        from limner.generation import GATES
        from limner.trials.calibrating import calibrate as measure
        from limner.trials.calibrating import find_scorer
        from limner.trials.roc import plot

        gate = next((gate for gate in GATES if gate == at), None)
        if gate is None:
            raise UsageError(f"there is no gate {at!r}", where="--at", fix="image or prompt")
        with App.open() as app:
            scorer = find_scorer(app, signal, gate, pipeline)
            roc = measure(app, scorer, positives, negatives)
        chosen = roc.choose(fpr)
        typer.echo(f"{signal} at {gate}, measured by {scorer.step.id} of {scorer.pipeline.name}")
        typer.echo(f"{len(roc.positives)} positives, {len(roc.negatives)} negatives, area under the curve {roc.area:.3f}")
        typer.echo(f"at_least: {chosen.threshold:.4g}")
        typer.echo(
            f"  finds {chosen.true_positives:.1%}, false alarms {chosen.false_positives:.1%} (at most {roc.bound(chosen):.1%})"
        )
        if output is not None:
            plot(roc, chosen, f"{signal} at {gate}", output)
            typer.echo(f"wrote {output}")


def _revision(app: App, name: str, revision: str) -> Policy:
    """A policy from the texts that records refer to."""
    from limner.trials.diffing import find_policy

    return find_policy(app, f"{name}@{revision}")


def _show(policy: Policy) -> None:
    typer.echo(f"policy {policy.name}  revision {policy.revision}")
    typer.echo(f"requires {', '.join(policy.requires) or 'nothing'}; on error {policy.on_error}; previews {policy.previews}")
    for name, category in policy.categories.items():
        kept = f"kept in quarantine for {category.days} days" if category.keep == "quarantine" else "not kept"
        typer.echo(f"category {name}: {kept}{', released by two people' if category.four_eyes else ''}")
    _show_measured(policy)
    for rule in policy.rules:
        typer.echo(f"\n{rule.id}  ({rule.severity}{', shadow' if rule.mode == 'shadow' else ''})\n    {_rule(rule)}")
        if rule.message:
            typer.echo(f"    {rule.message}")


def _show_measured(policy: Policy) -> None:
    """Which categories its rules look at, and where; and which nobody looks at."""
    from limner.policy import measured_by_rules

    by_category = measured_by_rules(policy)
    for name, gates in by_category.items():
        if gates:
            typer.echo(f"{name} is measured at {', '.join(gates)}")
    if nowhere := [name for name, gates in by_category.items() if not gates]:
        typer.echo(f"not measured: {', '.join(nowhere)}")


def _rule(rule: Rule) -> str:
    """A rule in a sentence."""
    conditions = [f"{c.signal}{f' at {c.gate}' if c.gate != rule.at else ''} {c.text}" for c in rule.conditions]
    said = (" and " if rule.join == "all" else " or ").join(conditions)
    when = f", when {rule.when.text}" if rule.when else ""
    category = f" for {rule.category}" if rule.category else ""
    on_error = f"; on error {rule.on_error}" if rule.on_error else ""
    return f"at {rule.at}: if {said}{when}, then {rule.then}{category}{on_error}"


def _show_tested(tested: CaseRun) -> None:
    held = len(tested.verdicts) - len(tested.failed)
    typer.echo(f"{tested.policy} on {tested.pipeline}: {held} of {len(tested.verdicts)} cases hold")
    for verdict in tested.failed:
        typer.echo(f"  {verdict.place}: {verdict.case.title}: {'; '.join(verdict.complaints)}")
    if tested.uncovered:
        typer.echo(f"  no case makes these rules apply: {', '.join(tested.uncovered)}")
