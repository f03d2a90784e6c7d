"""The form of a policy file: what its YAML may hold, checked before any of it is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from limner.generation import Gate, Mode, Severity
from limner.policy.categories import DAYS
from limner.policy.cel import compile_when
from limner.policy.cel_operands import check_operands
from limner.policy.rules import SYMBOLS, Comparison


def _compiles(text: str) -> str:
    compile_when(text)
    check_operands(text)
    return text


def _as_list(value: Any) -> Any:  # what YAML holds, checked afterwards
    return value if isinstance(value, list) else [value]


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)]
SignalName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_-]+)+$", max_length=120)]
CategoryName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_/-]*$", max_length=80)]
Failing = Literal["block", "review"]  # a check that fails is never an allow
Threshold = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Comparing(_Form):
    """A signal compared with exactly one threshold."""

    signal: SignalName | None = None
    at_least: Threshold | None = None
    above: Threshold | None = None
    at_most: Threshold | None = None
    below: Threshold | None = None

    @property
    def thresholds(self) -> dict[Comparison, float]:
        """The thresholds given, by comparison."""
        given = ((comparison, getattr(self, comparison)) for comparison in SYMBOLS)
        return {comparison: cast(float, threshold) for comparison, threshold in given if threshold is not None}


class ConditionForm(_Comparing):
    """One entry of `all` or `any`; measured at the rule's own gate unless it says `at`."""

    at: Gate | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> ConditionForm:
        _check_comparison(self)
        return self


class RuleForm(_Comparing):
    """One rule: a signal with its threshold, or `all` or `any` of several."""

    id: Name
    at: Gate
    all: Annotated[list[ConditionForm], Field(min_length=1)] | None = None
    any: Annotated[list[ConditionForm], Field(min_length=1)] | None = None
    when: Annotated[str, AfterValidator(_compiles)] | None = None
    then: Literal["review", "block"]
    on_error: Failing | None = None
    mode: Mode = "enforce"
    severity: Severity = "medium"
    category: CategoryName | None = None
    message: Text | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> RuleForm:
        several = [name for name in ("all", "any") if getattr(self, name) is not None]
        if len(several) + (self.signal is not None) != 1:
            raise ValueError("needs exactly one of `signal`, `all` and `any`")
        if not several:
            _check_comparison(self)
        elif self.thresholds:
            raise ValueError(f"has a threshold beside `{several[0]}`; write it beside a signal inside")
        return self


class CategoryForm(_Form):
    """What becomes of work that is stopped for a category."""

    keep: Literal["none", "quarantine"] = "none"
    days: Annotated[int, Field(strict=True, ge=1, le=3650)] = DAYS
    four_eyes: Annotated[bool, Field(strict=True)] = False


class ExtensionForm(_Form):
    """A fragment whose rules come first, and the ids of those left out."""

    from_: str = Field(alias="from")
    without: list[Name] = []


def _as_extensions(value: Any) -> Any:  # what YAML holds, checked afterwards
    return [{"from": item} if isinstance(item, str) else item for item in _as_list(value)]


class PolicyForm(_Form):
    """A policy file.

    policy: standard
    extends: {from: acme/brand, without: [no-logos]}
    requires: [terms, classify_image]
    on_error: block
    rules:
      - {id: weapons, at: prompt, signal: terms.weapon, at_least: 1.0, then: block, category: violence}
    """

    policy: Name
    extends: Annotated[list[ExtensionForm], BeforeValidator(_as_extensions)] = []
    requires: list[Name] = []
    on_error: Failing = "block"
    previews: Literal["none", "gated"] = "none"
    discloses: list[Literal["prompt"]] = []
    categories: dict[CategoryName, CategoryForm] = {}
    rules: list[RuleForm] = []


def _check_comparison(form: _Comparing) -> None:
    if form.signal is None:
        raise ValueError("names no `signal`")
    if len(form.thresholds) != 1:
        raise ValueError(f"needs exactly one of {', '.join(f'`{comparison}`' for comparison in SYMBOLS)}")
