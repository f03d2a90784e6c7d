"""`limner policy`: read the policies of a project, check them, and try them. `list`, `show` and `lint` load no model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli import trials
from limner.cli.counted import counted
from limner.cli.options import AsJson

if TYPE_CHECKING:
    from limner.app import App
    from limner.policy import Policy, Rule
    from limner.policy.cases import CaseRun

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The policies: what may be made, and what may leave.")
    group.command("list")(list_policies)
    group.command()(show)
    group.command()(lint)
    group.command("test")(run_cases)
    trials.add(group)
    return group


def list_policies() -> None:
    """Name, revision, number of rules and use of each policy."""
    from limner.app import App
    from limner.trials.projects import uses

    with App.open() as app:
        for name, pipelines in uses(app).items():
            policy = app.policies[name]
            used = ", ".join(pipelines) or "no pipeline uses it"
            typer.echo(f"{name}  {policy.revision[:12]}  {counted(len(policy.rules), 'rule')}\n    {used}")


def show(
    name: Name,
    revision: Annotated[str, typer.Option(help="As it stood at this revision: the hash, or how it begins.")] = "",
    as_json: AsJson = False,
) -> None:
    """A policy with its fragments resolved, as requests are judged by it."""
    from limner.app import App
    from limner.trials.projects import policy_of

    with App.recorded() if revision else App.open() as app:
        policy = _revision(app, name, revision) if revision else policy_of(app, name)
    if as_json:
        typer.echo(json.dumps({"revision": policy.revision, **json.loads(policy.canonical)}, indent=2, ensure_ascii=False))
    else:
        _show(policy)


def lint() -> None:
    """Check policies and cases against the pipelines; exit code 4 and all problems if something is wrong."""
    from limner.app import App
    from limner.trials.projects import lint as check

    with App.open() as app:
        check(app)
        policies = counted(len(app.policies), "policy", "policies")
        rules = counted(sum(len(policy.rules) for policy in app.policies.values()), "rule")
        typer.echo(f"{app.project.policies}: {policies} with {rules} {'holds' if len(app.policies) == 1 else 'hold'}")


def run_cases(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="All that have cases if absent.")] = None,
    covered: Annotated[bool, typer.Option("--covered", help="Fail where no case makes a rule apply.")] = False,
) -> None:
    """Run the cases beside each policy. Exit code 1 where one does not hold."""
    from limner.app import App
    from limner.trials.projects import run_cases as run

    with App.open() as app:
        tested = run(app, names or [])
    for each in tested:
        _show_tested(each)
    if any(each.failed or (covered and each.uncovered) for each in tested):
        raise typer.Exit(1)


def _revision(app: App, name: str, revision: str) -> Policy:
    """A policy as it is now, or from the texts that records refer to."""
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
