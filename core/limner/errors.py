"""Errors that a person can cause or mend: each says what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


class LimnerError(Exception):
    """Something a person can mend. `str(error)` is fit to show without a traceback.

    `what` happened, `where` (file:line:column, key path, step), and the `fix` to try next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.fix}" if self.fix else head

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.__dict__.copy(), self.args)


def _rebuild(kind: type[LimnerError], state: dict[str, object], args: tuple[object, ...]) -> LimnerError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(LimnerError):
    """The call itself is wrong: an unknown pipeline, a parameter outside its bounds, an unreadable input."""

    exit_code = 2


class ConfigurationError(LimnerError):
    """Something that stands in a file or in the environment is wrong."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one file. `line` and `column` count from 1; 0 where the file has no such place.

    `shows_in` says where else the mistake is felt, where that is not where it stands: the pipelines of a policy's rule, say.
    """

    file: str
    line: int
    column: int
    key: str
    what: str
    fix: str = ""
    shows_in: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        what = f"{self.what} ({'; '.join(self.shows_in)})" if self.shows_in else self.what
        head = f"{place}: {self.key}: {what}" if self.key else f"{place}: {what}"
        return f"{head}\n  {self.fix}" if self.fix else head


class InvalidFile(ConfigurationError):
    """A file with mistakes; `problems` holds each of them once, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(_each_once(problems), key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _each_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """One problem for each mistake, with all that it shows in."""
    alike: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.file, problem.line, problem.column, problem.key, problem.what), []).append(problem)
    for first, *others in alike.values():
        shows_in = [where for problem in (first, *others) for where in problem.shows_in]
        yield replace(first, shows_in=tuple(dict.fromkeys(shows_in)))


class PluginError(ConfigurationError):
    """A plugin that is needed is broken, or breaks a rule of the hooks."""


class PluginFault(PluginError):
    """A fault in a plugin's own code: mended there, and therefore told once, however many steps of a file meet it."""


class ModelError(ConfigurationError):
    """A model cannot be had, is incomplete, or is not of the form a step needs."""


class StepError(LimnerError):
    """A step raised, answered nonsense, or did not answer in time. Gates treat it as a failure, never as an allow."""


class Cancelled(LimnerError):
    """The request was cancelled; raised by `Step.tick` and at the engine's next chance."""

    def __init__(self, what: str = "cancelled", *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where=where, fix=fix)


class AuditError(LimnerError):
    """The record cannot be written or does not verify; nothing is released while this stands."""
