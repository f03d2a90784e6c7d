"""What a `when` says of a request that none can be: a task that there is not, a misspelt pipeline or parameter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import get_args

from limner.errors import Problem
from limner.generation import Task
from limner.policy.cel_tokens import tokens_of
from limner.policy.rules import Rule
from limner.yaml_problems import did_you_mean


def unknown_names(rule: Rule, pipelines: Collection[str], parameters: Collection[str]) -> Iterator[Problem]:
    """Tasks that there are not, and names that resemble one of these; another may be that of a pipeline to come."""
    known = {"task": get_args(Task), "pipeline": pipelines, "parameters": parameters}
    for field, name in _named([token.text for token in tokens_of(rule.when.text)] if rule.when else []):
        fix = did_you_mean(name, known[field])
        if name not in known[field] and (field == "task" or fix.endswith("?")):
            what = f"no request has the {field.removesuffix('s')} {name!r}, of which the `when` of rule {rule.id} speaks"
            yield rule.source.problem(what, fix)


def _named(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each field of the request that is compared with a name, or looked into by one, with that name."""
    padded = ["", "", *tokens, "", ""]
    for i, (variable, dot, field) in enumerate(zip(padded, padded[1:], padded[2:], strict=False)):
        if (variable, dot) != ("request", "."):
            continue
        before, after = padded[i - 2 : i], padded[i + 3 :]
        if field == "parameters":
            yield from ((field, name.strip("\"'")) for name in after[1:2])
        elif field in ("task", "pipeline"):
            yield from ((field, text[1:-1]) for text in (*_compared(before[::-1]), *_compared(after)) if text[:1] in ("'", '"'))


def _compared(beside: Sequence[str]) -> Sequence[str]:
    """What stands on the other side of a comparison: a name, or those of a list."""
    if beside[:1] in (["=="], ["!="]):
        return beside[1:2]
    return beside[2 : list(beside).index("]")] if beside[:2] == ["in", "["] and "]" in beside else ()
