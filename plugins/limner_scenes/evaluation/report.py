"""An evaluation as tables for people and as plain data for programs; no score without the checker's own errors beside it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from limner_scenes.evaluation.checker_errors import CheckerResult
from limner_scenes.evaluation.distances import COPY, Diversity
from limner_scenes.evaluation.measuring import Evaluation
from limner_scenes.evaluation.prompts import SUITES, Suite
from limner_scenes.evaluation.rates import Rate
from limner_scenes.evaluation.tasks import TASKS
from limner_scenes.evaluation.trials import TaskResult


def as_json(found: Evaluation) -> dict[str, Any]:
    """Everything that was measured (Any: nested dictionaries of JSON values)."""
    checker: dict[str, Any] = {}
    for result in found.checker:
        checker.setdefault(result.task, {})[result.condition] = result.as_json()
    if found.impostors_refused is not None:
        checker["impostors refused"] = found.impostors_refused.as_json()
    return {
        "world": found.world,
        "suites": {suite: _suite_as_json(found, suite) for suite in SUITES if _of(found, suite)},
        "unseen less seen": unseen_less_seen(found),
        "checker": checker,
        "concepts": {result.name: result.as_json() for result in found.concepts},
        "diversity": found.diversity and found.diversity.as_json(),
        "nearest training picture": found.nearest and found.nearest.as_json(),
        "ablations": {way: rate.as_json() for way, rate in found.ablations.items()},
        "seconds per image": found.seconds,
    }


def show(found: Evaluation, console: Console) -> None:
    """Print the tables of what was measured."""
    if found.tasks:
        console.print(_task_table(found))
        console.print(_checker_table(found))
        console.print(_fault_table(found))
    if found.concepts:
        console.print(_concept_table(found))
    if found.ablations:
        console.print(_ablation_table(found))
    for line in _lines(found):
        console.print(line, highlight=False)


def _of(found: Evaluation, suite: Suite) -> list[TaskResult]:
    return [result for result in found.tasks if result.suite == suite]


def _suite_as_json(found: Evaluation, suite: Suite) -> dict[str, Any]:
    return {"score": found.score(suite), "tasks": {result.task.name: result.as_json() for result in _of(found, suite)}}


def _task_table(found: Evaluation) -> Table:
    title = f"What the model made, in the world {found.world!r}, and both errors of the checker on clean renders"
    table = Table("task", "suite", "right", "share", "95 % (Wilson)", "true accepted", "false refused", title=title)
    clean = {result.task: result for result in reversed(found.checker)}
    for result in _side_by_side(found):
        errors = clean[result.task.name]
        shares = f"{errors.accepted.share:.1%}", f"{errors.refused.share:.1%}"
        table.add_row(result.task.name, result.suite, *_columns(result.rate), *shares)
        if result.swaps is not None:
            table.add_row("  attributes swapped", result.suite, *_columns(result.swaps), style="dim")
    for suite in SUITES:
        tasks = sum(result.task.geneval for result in _of(found, suite))
        if tasks:
            table.add_row(f"mean of {tasks} of GenEval's six", suite, "", f"{found.score(suite) or 0:.3f}", style="bold")
    difference = unseen_less_seen(found)
    if difference is not None:
        table.add_row("unseen less seen", "", "", f"{100 * difference:+.1f} points", style="bold")
    return table


def unseen_less_seen(found: Evaluation) -> float | None:
    """How much lower GenEval's score is on unseen prompts, below 0, or higher; None where only one was measured."""
    seen, unseen = found.score("seen"), found.score("unseen")
    return None if seen is None or unseen is None else unseen - seen


def _side_by_side(found: Evaluation) -> list[TaskResult]:
    """Each task's suites together."""
    return sorted(found.tasks, key=lambda result: TASKS.index(result.task))


def _checker_table(found: Evaluation) -> Table:
    table = Table("task", "renders", "true caption accepted", "false one refused", title="The checker itself")
    for result in found.checker:
        table.add_row(result.task, result.condition, _with_bounds(result.accepted), _refusals(result))
    if found.impostors_refused is not None:
        table.add_row("a blob, a chimera, half a thing", "clean", "", _with_bounds(found.impostors_refused))
    return table


def _refusals(result: CheckerResult) -> str:
    worst = min(result.by_swap, key=lambda name: result.by_swap[name].share)
    return f"{_with_bounds(result.refused)}; {worst} {result.by_swap[worst].share:.1%}"


def _fault_table(found: Evaluation) -> Table:
    table = Table("task", "suite", "first thing wrong", "right, by what was asked", title="Where it goes wrong")
    for result in _side_by_side(found):
        faults = ", ".join(f"{fault} {count}" for fault, count in result.faults.items())
        parts = ", ".join(f"{part} {rate.right}/{rate.of}" for part, rate in result.parts.items())
        table.add_row(result.task.name, result.suite, faults, parts)
    return table


def _concept_table(found: Evaluation) -> Table:
    table = Table(
        "concept", "on the side asked for", "by side", "true accepted", "false refused", title="Concepts, after Bongard"
    )
    for result in found.concepts:
        sides = ", ".join(f"{name} {rate.right}/{rate.of}" for name, rate in result.sides.items())
        checker = f"{result.renders_found.share:.1%}", f"{result.renders_kept_off.share:.1%}"
        table.add_row(result.name, _with_bounds(result.rate), sides, *checker)
    return table


def _ablation_table(found: Evaluation) -> Table:
    table = Table("the decoder is given", "right", "share", "95 % (Wilson)", title="What the prior is worth")
    for way, rate in found.ablations.items():
        table.add_row(way, *_columns(rate))
    return table


def _lines(found: Evaluation) -> Iterable[str]:
    if found.diversity is not None:
        yield _told_of_diversity(found.diversity)
    if found.nearest is not None:
        yield f"Distance to the nearest of {found.nearest.sample} training pictures, median and share below {COPY}:"
        model, renders = (_told_of_distances(each) for each in (found.nearest.model, found.nearest.renders))
        yield f"  the model's {model}; fresh renders of the same prompts {renders}."
    if found.seconds is not None:
        yield f"Time per image: {found.seconds:.2f} s (median)."


def _told_of_diversity(found: Diversity) -> str:
    between = f"{found.model:.3f} between pictures of one prompt and {found.renders:.3f} between renders of it"
    share = found.model / found.renders
    return f"Diversity: {share:.0%} of that of renders ({between}; {found.prompts} prompts, {found.seeds} seeds)."


def _told_of_distances(distances: NDArray[np.float32]) -> str:
    return f"{np.median(distances):.3f}, {(distances < COPY).mean():.1%}"


def _columns(rate: Rate) -> tuple[str, str, str]:
    return f"{rate.right}/{rate.of}", f"{rate.share:.1%}", f"{rate.low:.1%} to {rate.high:.1%}"


def _with_bounds(rate: Rate) -> str:
    return f"{rate.share:.1%} ({rate.low:.1%} to {rate.high:.1%})"
