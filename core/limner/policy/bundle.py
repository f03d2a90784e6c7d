"""A policy as one text: what its revision hashes, what is stored under that hash, and the policy read back from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from limner.canonical import canonical, sha256_hex
from limner.policy.categories import Category
from limner.policy.cel import compile_when
from limner.policy.rules import SYMBOLS, Condition, Policy, Rule


def bundled(policy: Policy) -> Policy:
    """The policy with its canonical text and the revision that this hashes to."""
    text = canonical(
        {
            "policy": policy.name,
            "requires": list(policy.requires),
            "on_error": policy.on_error,
            "previews": policy.previews,
            **({"discloses": list(policy.discloses)} if policy.discloses else {}),
            "categories": {name: category.as_json() for name, category in policy.categories.items()},
            "rules": [rule.as_json() for rule in policy.rules],
        }
    )
    return replace(policy, revision=sha256_hex(text), canonical=text)


def from_bundle(text: bytes) -> Policy:
    """The policy of a canonical text, as it stood at that revision; places in its files are not part of it."""
    said: Mapping[str, Any] = json.loads(text)
    return Policy(
        name=said["policy"],
        rules=tuple(_rule(rule) for rule in said["rules"]),
        requires=tuple(said["requires"]),
        on_error=said["on_error"],
        previews=said["previews"],
        discloses=tuple(said.get("discloses", ())),
        categories={name: Category(**form) for name, form in said.get("categories", {}).items()},
        revision=sha256_hex(text),
        canonical=text,
    )


def _rule(said: Mapping[str, Any]) -> Rule:  # JSON
    join: Literal["all", "any"] = "any" if "any" in said else "all"
    return Rule(
        id=said["id"],
        at=said["at"],
        conditions=tuple(_condition(condition) for condition in said[join]),
        then=said["then"],
        join=join,
        when=compile_when(said["when"]) if said["when"] else None,
        mode=said["mode"],
        category=said["category"],
        message=said["message"],
        severity=said.get("severity", "medium"),
        on_error=said.get("on_error"),
    )


def _condition(said: Mapping[str, Any]) -> Condition:  # JSON
    [comparison] = (comparison for comparison in SYMBOLS if comparison in said)
    return Condition(said["at"], said["signal"], comparison, float(said[comparison]))
