"""Every hook is documented to one standard: what it reads and returns, what a failure means, and an example that is code."""

from __future__ import annotations

import ast
import inspect
from textwrap import dedent, indent

import pytest

from limner.generation import GATES
from limner.hookspecs import PLUGIN_HOOKS, STAGES, LifecycleHooks, StageHooks
from limner.marker import PROJECT, hookimpl

VALUES = {"upload": "inputs", "mask": "inputs"}  # how a generation calls what a stage table calls otherwise


def hooks_of(*owners: type) -> dict[str, object]:
    return {name: value for owner in owners for name, value in vars(owner).items() if hasattr(value, f"{PROJECT}_spec")}


STAGE_HOOKS = hooks_of(StageHooks)
ALL_HOOKS = STAGE_HOOKS | hooks_of(*PLUGIN_HOOKS)


def doc_of(name: str) -> str:
    return inspect.cleandoc(ALL_HOOKS[name].__doc__ or "")


def example_of(name: str) -> str:
    """The indented end of a hook's docstring."""
    return dedent("    " + doc_of(name).rpartition("\n\n    ")[2])


def test_every_stage_has_a_hookspec_and_every_hookspec_a_stage() -> None:
    assert set(STAGES) == set(STAGE_HOOKS)


def test_every_public_method_of_a_hook_class_is_a_hookspec() -> None:
    for owner in (StageHooks, *PLUGIN_HOOKS):
        assert {name for name in vars(owner) if not name.startswith("_")} == set(hooks_of(owner))


@pytest.mark.parametrize("name", ALL_HOOKS)
def test_a_hook_says_what_it_reads_and_returns_and_what_a_failure_means(name: str) -> None:
    doc = doc_of(name)
    first = doc.splitlines()[0]
    assert first.endswith("."), "one plain sentence first"
    assert "Reads" in doc
    assert "eturns" in doc
    assert "failure" in doc or "A raise is logged" in " ".join(doc.split())


@pytest.mark.parametrize("name", ALL_HOOKS)
def test_a_hook_names_its_arguments_and_shows_an_example_that_is_code(name: str) -> None:
    example = example_of(name)
    tree = ast.parse(f"def body():\n{indent(example, '    ')}")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)
    }
    for argument in list(inspect.signature(ALL_HOOKS[name]).parameters)[1:]:  # type: ignore[arg-type]
        assert argument in used, f"the example of {name} does not use {argument}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_names_all_that_its_steps_may_read(name: str) -> None:
    for value in STAGES[name].reads:
        assert f"`{VALUES.get(value, value)}`" in doc_of(name)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_needs_what_it_may_read_and_measures_or_writes(name: str) -> None:
    stage = STAGES[name]
    assert stage.needs <= stage.reads
    assert (stage.gate is None) == bool(stage.writes)
    if stage.gate is not None:
        assert stage.gate in GATES
        assert f"at the gate `{stage.gate}`" in doc_of(name)
        assert "A failure is an `error` at the gate." in doc_of(name)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_hook_gives_one_answer_to_a_batch(name: str) -> None:
    function = STAGE_HOOKS[name]
    assert getattr(function, f"{PROJECT}_spec")["firstresult"]
    signature = inspect.signature(function)  # type: ignore[arg-type]
    assert list(signature.parameters) == ["self", "generations"]
    assert "ItemError" in signature.return_annotation


def test_life_cycle_hooks_get_views_and_return_nothing() -> None:
    for name, function in hooks_of(LifecycleHooks).items():
        signature = inspect.signature(function)  # type: ignore[arg-type]
        assert signature.return_annotation == "None"
        assert all(p.annotation.endswith("View") for p in list(signature.parameters.values())[1:]), name


def test_the_marker_is_the_projects() -> None:
    @hookimpl
    def after_step() -> None: ...

    assert hasattr(after_step, "limner_impl")
