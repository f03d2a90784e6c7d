"""Reading policies: every file of the policy folders, with its fragments resolved, and all mistakes at once.

A policy with a mistake, or one that extends such a policy, does not hold. It is still read as far as it goes, without
the rules whose form is wrong, so that what else is wrong with it, and between it and the pipelines, is told together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from limner.errors import InvalidFile, Problem
from limner.generation import Gate
from limner.policy.bundle import bundled
from limner.policy.categories import KNOWN, Category
from limner.policy.cel import compile_when
from limner.policy.form import ConditionForm, ExtensionForm, PolicyForm, RuleForm
from limner.policy.linting import rule_problems
from limner.policy.rules import Condition, Policy, Rule, Source
from limner.yaml_problems import did_you_mean, pydantic_problems
from limner.yaml_source import Document, KeyPath, key_text, load_yaml

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What the policy folders hold: the policies as far as they could be read, and the names of the `broken` ones."""

    policies: Mapping[str, Policy]
    broken: frozenset[str]
    problems: tuple[Problem, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all policies, those that could not be read at all included."""
        return self.broken | self.policies.keys()

    @property
    def holding(self) -> Mapping[str, Policy]:
        """The policies that hold."""
        return {name: policy for name, policy in self.policies.items() if name not in self.broken}

    def whole(self) -> Mapping[str, Policy]:
        """All policies by name. Raises InvalidFile with every mistake of every file."""
        if self.problems:
            raise InvalidFile(self.problems)
        return self.policies


def load_policies(folders: Sequence[Path], registered: Mapping[str, str] | None = None) -> Mapping[str, Policy]:
    """As `read_policies`. Raises InvalidFile with every mistake of every file."""
    return read_policies(folders, registered).whole()


def read_policies(folders: Sequence[Path], registered: Mapping[str, str] | None = None) -> PolicyFiles:
    """All policies, and all mistakes in them.

    A file `standard.yaml` in one of `folders` is the policy `standard`; a file `brand.yaml` in the folder that a plugin
    registered as `acme` is the policy `acme/brand`. Subfolders are not looked into.
    """
    loading = _Loading()
    for folder in folders:
        loading.read_folder(folder, prefix="")
    for name, registered_folder in (registered or {}).items():
        loading.read_folder(Path(registered_folder), prefix=f"{name}/")
    resolved = {name: loading.resolve(name) for name in sorted(loading.files)}
    return PolicyFiles(resolved, frozenset(loading.broken), tuple(loading.problems))


@dataclass(frozen=True, slots=True)
class _File:
    """A file's form, without the rules that have mistakes; `rules` are the indexes of the others in the file."""

    form: PolicyForm
    document: Document
    rules: tuple[int, ...]

    def source(self, path: KeyPath) -> Source:
        place = self.document.place(path)
        return Source(self.document.file, place.line, place.column, key_text(path))

    def required_at(self) -> dict[str, Source]:
        """Where each requirement stands."""
        return {name: self.source(("requires", index)) for index, name in enumerate(self.form.requires)}


@dataclass(slots=True)
class _Loading:
    files: dict[str, _File] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    _resolved: dict[str, Policy] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    def read_folder(self, folder: Path, prefix: str) -> None:
        """Read every policy file of a folder; a folder that is not there is a mistake."""
        if not folder.is_dir():
            self.problems.append(Problem(str(folder), 0, 0, "", "is not a folder of policies"))
            return
        for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES):
            self._read_file(path, prefix + path.stem)

    def _read_file(self, path: Path, name: str) -> None:
        try:
            document = load_yaml(path)
        except InvalidFile as error:
            self.problems += error.problems
            self.broken.add(name)
        else:
            for file in self._form(name, document):
                self._keep(name, file, path)

    def _form(self, name: str, document: Document) -> Iterator[_File]:
        """The file without the rules that have mistakes; nothing where something else in it has one."""
        try:
            form = PolicyForm.model_validate(document.value)
            yield _File(form, document, tuple(range(len(form.rules))))
        except ValidationError as error:
            self.problems += pydantic_problems(error, document, model=PolicyForm)
            self.broken.add(name)
            if _is_of_rules(error):
                faulty = {details["loc"][1] for details in error.errors(include_url=False)}
                rules = {index: rule for index, rule in enumerate(document.value["rules"]) if index not in faulty}
                form = PolicyForm.model_validate({**document.value, "rules": list(rules.values())})
                yield _File(form, document, tuple(rules))

    def _keep(self, name: str, file: _File, path: Path) -> None:
        if file.form.policy != path.stem:
            fix = f"write `policy: {path.stem}`, or rename the file"
            self.problems.append(file.document.problem(("policy",), f"is {file.form.policy!r} in {path.name}", fix))
        if name in self.files:
            what = f"there is a policy {name!r} already, in {self.files[name].document.file}"
            self.problems.append(file.document.problem(("policy",), what, "rename one of the two"))
        else:
            self.files[name] = file

    def resolve(self, name: str) -> Policy:
        """The policy with the rules of its fragments, then its own."""
        if name not in self._resolved:
            self._under_way.append(name)
            told = len(self.problems)
            self._resolved[name] = self._build(name, self.files[name])
            extended = {extension.from_ for extension in self.files[name].form.extends}
            if len(self.problems) > told or extended & self.broken:
                self.broken.add(name)
            self._under_way.pop()
        return self._resolved[name]

    def _build(self, name: str, file: _File) -> Policy:
        rules: dict[str, Rule] = {}
        required: dict[str, Source] = {}
        categories: dict[str, Category] = {}
        for index, extension in enumerate(file.form.extends):
            for fragment in self._fragment(name, file, extension, index):
                required |= fragment.required_at
                categories |= fragment.categories
                self._add(rules, self._kept(fragment, file, extension, index), file)
        own = (_rule(form, file, index) for index, form in zip(file.rules, file.form.rules, strict=True))
        self._add(rules, own, file)
        self.problems += rule_problems(tuple(rules.values()))
        categories |= {name: Category(**form.model_dump()) for name, form in file.form.categories.items()}
        required |= file.required_at()
        if all(extension.from_ in self.files for extension in file.form.extends):  # else what those declare is not known
            self._check_categories(file, categories)
        return bundled(
            Policy(
                name=name,
                rules=tuple(rules.values()),
                requires=tuple(required),
                required_at=required,
                on_error=file.form.on_error,
                previews=file.form.previews,
                discloses=tuple(file.form.discloses),
                categories=categories,
                file=file.document.file,
            )
        )

    def _check_categories(self, file: _File, declared: Mapping[str, Category]) -> None:
        known = KNOWN | declared.keys()
        for index, rule in zip(file.rules, file.form.rules, strict=True):
            if rule.category is not None and rule.category not in known:
                what = f"there is no category {rule.category!r}"
                meant = did_you_mean(rule.category, known)
                fix = f"{meant} Or declare" if meant.endswith("?") else f"{meant}; or declare"
                self._problem(file, ("rules", index, "category"), what, f"{fix} it under `categories:`")

    def _fragment(self, name: str, file: _File, extension: ExtensionForm, index: int) -> Iterator[Policy]:
        fragment = extension.from_
        if fragment in self._under_way:
            circle = " → ".join((*self._under_way, fragment))
            self._problem(file, ("extends", index), f"runs in a circle: {circle}", "extend in one direction only")
        elif fragment in self.files:
            yield self.resolve(fragment)
        elif fragment not in self.broken:
            fix = did_you_mean(fragment, self.files.keys() - {name})
            self._problem(file, ("extends", index), f"there is no policy {fragment!r}", fix)

    def _kept(self, fragment: Policy, file: _File, extension: ExtensionForm, index: int) -> Iterator[Rule]:
        known = {rule.id for rule in fragment.rules}
        for item, rule_id in enumerate(extension.without):
            if rule_id not in known and fragment.name not in self.broken:
                path = ("extends", index, "without", item)
                self._problem(file, path, f"{fragment.name} has no rule {rule_id!r}", did_you_mean(rule_id, known))
        yield from (rule for rule in fragment.rules if rule.id not in extension.without)

    def _add(self, rules: dict[str, Rule], more: Iterator[Rule], file: _File) -> None:
        for rule in more:
            first = rules.setdefault(rule.id, rule)
            if first is not rule:
                self.problems.append(_twice(first, rule, file))

    def _problem(self, file: _File, path: KeyPath, what: str, fix: str) -> None:
        self.problems.append(file.document.problem(path, what, fix))


def _twice(first: Rule, second: Rule, file: _File) -> Problem:
    where = f"{first.source.file}:{first.source.line}"
    what = f"there is a rule {second.id!r} already, at {where}"
    inherited = first.source.file != file.document.file
    fix = "leave that one out by `without`, or rename this one" if inherited else "rename one of the two"
    return second.source.problem(what, fix)


def _is_of_rules(error: ValidationError) -> bool:
    """Whether all that is wrong is wrong with single rules."""
    return all(details["loc"][:1] == ("rules",) and len(details["loc"]) > 1 for details in error.errors(include_url=False))


def _rule(form: RuleForm, file: _File, index: int) -> Rule:
    path: KeyPath = ("rules", index)
    return Rule(
        id=form.id,
        at=form.at,
        conditions=tuple(_conditions(form, file, path)),
        then=form.then,
        join="any" if form.any is not None else "all",
        when=compile_when(form.when) if form.when is not None else None,
        mode=form.mode,
        category=form.category or "",
        message=form.message or "",
        severity=form.severity,
        on_error=form.on_error,
        source=file.source(path),
    )


def _conditions(form: RuleForm, file: _File, path: KeyPath) -> Iterator[Condition]:
    if form.signal is not None:
        yield _condition(form, form.at, file, path)
    for join in ("all", "any"):
        for index, inner in enumerate(getattr(form, join) or ()):
            yield _condition(inner, inner.at or form.at, file, (*path, join, index))


def _condition(form: RuleForm | ConditionForm, gate: Gate, file: _File, path: KeyPath) -> Condition:
    [(comparison, threshold)] = form.thresholds.items()
    assert form.signal is not None  # the form has been checked
    return Condition(gate, form.signal, comparison, float(threshold), file.source(path))
