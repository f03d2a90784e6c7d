"""Denied terms are looked for by every plugin that knows how; one that breaks refuses, and is named."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import limner
from limner.errors import PluginError
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry


def hook(find: Callable[[str, Any], Any]) -> Callable[..., Any]:
    @limner.hookimpl
    def find_terms(text: str, terms: Any) -> Any:
        return find(text, terms)

    return find_terms


def registry(*finders: Callable[[str, Any], Any]) -> Registry:
    modules = []
    for number, find in enumerate(finders):
        module = ModuleType(f"finder{number}")

        module.find_terms = hook(find)  # type: ignore[attr-defined]
        modules.append(module)
    return load_plugins(None, extra=modules, builtins=(), entry_points=False)


def test_what_any_plugin_finds_counts() -> None:
    found = registry(lambda text, terms: [0], lambda text, terms: (2,)).find_terms("text", ["a", "b", "c"])
    assert found == {0, 2}


def test_without_a_plugin_nothing_is_found_and_nothing_is_wrong() -> None:
    assert registry().find_terms("text", ["a"]) == set()


def test_indexes_that_no_term_has_are_left_out() -> None:
    assert registry(lambda text, terms: [0, 7, -1]).find_terms("text", ["a"]) == {0}


@pytest.mark.parametrize("answer", [None, 3, "raise"])
def test_a_plugin_that_does_not_look_is_an_error_that_names_it(answer: Any) -> None:
    def find(text: str, terms: Any) -> Any:
        if answer == "raise":
            raise RuntimeError("no dictionary")
        return answer

    with pytest.raises(PluginError) as caught:
        registry(find).find_terms("text", ["a"])
    assert "finder0" in caught.value.where
