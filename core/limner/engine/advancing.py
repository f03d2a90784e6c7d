"""Iterative steps: the states that are under way, advanced together one denoising step at a time."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from limner.engine.calls import Calls
from limner.engine.checks import image
from limner.engine.devices import Pace
from limner.engine.failure import place, step_error
from limner.engine.interface import Previews
from limner.engine.loading import LoadedStep
from limner.engine.results import one_each
from limner.engine.submission import Order, StepKey, Submission
from limner.step import IterativeStep

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Member:
    """One generation under way. `largest` is the most that shared one of its advances; `alone` is one that shares none."""

    submission: Submission
    state: Any  # a State of the step's own class
    steps: int
    seconds: float
    done: int = 0
    largest: int = 1
    alone: bool = False

    def so_far(self) -> str:
        """How far it came, for who is told that it was late."""
        return f", after {self.done} of {self.steps} advances"


class RunningSet:
    """The generations under way in one step on one worker, `at_most` of them.

    Between two advances some join, and those leave that are done, cancelled or past their deadline. If an advance raises, every
    state that shared it starts again from its beginning, alone; one that was alone from its beginning has failed.
    """

    def __init__(self, calls: Calls, loaded: LoadedStep, step: IterativeStep, key: StepKey, at_most: int) -> None:
        self.key = key
        self._calls, self._loaded, self._step, self._at_most = calls, loaded, step, at_most
        self._members: list[_Member] = []
        self._pace = Pace(loaded.placement.device)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def room(self) -> int:
        """How many may join."""
        return self._at_most - len(self._members)

    @property
    def submissions(self) -> tuple[Submission, ...]:
        """What its members came with."""
        return tuple(member.submission for member in self._members)

    @property
    def order(self) -> Order:
        """When its oldest member goes. There must be one."""
        return min(member.submission.order for member in self._members)

    def join(self, submissions: Sequence[Submission]) -> None:
        """Begin these."""
        for submission in submissions:
            if submission.goes_on(self._calls.clock()):
                self._begin(submission)

    def let_go(self) -> None:
        """Those that are cancelled or past their deadline leave."""
        now = self._calls.clock()
        self._members = [member for member in self._members if member.submission.goes_on(now, member.so_far)]

    def advance(self) -> None:
        """One advance for everyone, each group in one call; then those that are done leave."""
        for group in self._groups():
            self._advance(group)
        for member in self._members:
            if member.done >= member.steps and member.submission.goes_on(self._calls.clock(), member.so_far):
                self._finish(member)
        self._members = [member for member in self._members if not member.submission.over]

    def _begin(self, submission: Submission, *, alone: bool = False) -> None:
        try:
            with self._calls.to(self._loaded, [submission]):
                state = self._step.begin(submission.generation)
                steps = int(state.steps)
                hash(self._step.group_key(state))  # a fault in it shows here, and not only in company
        except BaseException as error:  # whatever a plugin raises is its failure and not this thread's end
            submission.fail(step_error(submission.ref, self._step, error))
        else:
            self._members.append(_Member(submission, state, steps, self._calls.seconds, alone=alone))

    def _groups(self) -> list[list[_Member]]:
        """Those that go on, by what may share an advance."""
        now = self._calls.clock()
        going = [
            member for member in self._members if member.done < member.steps and member.submission.goes_on(now, member.so_far)
        ]
        if len(going) < 2:  # as on a CPU: nobody to group it with
            return [going] if going else []
        groups: dict[Hashable, list[_Member]] = {}
        for member in going:
            self._join_group(groups, member)
        return list(groups.values())

    def _join_group(self, groups: dict[Hashable, list[_Member]], member: _Member) -> None:
        try:
            key = (member if member.alone else None, self._step.group_key(member.state))
            groups.setdefault(key, []).append(member)
        except BaseException as error:
            member.submission.fail(step_error(member.submission.ref, self._step, error))

    def _advance(self, group: Sequence[_Member]) -> None:
        ref = group[0].submission.ref
        try:
            with self._calls.to(self._loaded, [member.submission for member in group]):
                states = one_each(ref, self._step.advance([member.state for member in group]), len(group))
                self._pace.keep()
        except BaseException as error:
            failure = step_error(ref, self._step, error)
        else:
            for member, state in zip(group, states, strict=True):
                self._advanced(member, state, self._calls.seconds, len(group))
            return
        if len(group) == 1 and group[0].largest == 1:
            group[0].submission.fail(failure)
        else:
            logger.warning("a group of %d failed and starts again, each alone: %s", len(group), failure.where)
            del failure  # with its traceback, which holds the group's tensors
            self._start_again(group)

    def _advanced(self, member: _Member, state: object, seconds: float, size: int) -> None:
        member.state = state
        member.done += 1
        member.seconds += seconds
        member.largest = max(member.largest, size)
        member.submission.progress(member.done, member.steps)
        previews = member.submission.previews
        if previews is not None and previews.is_due(member.done, member.steps):
            self._preview(member, previews)

    def _preview(self, member: _Member, previews: Previews) -> None:
        """Show how far it is. A step whose preview fails is not asked again, and the image goes on."""
        submission = member.submission
        try:
            with self._calls.to(self._loaded, [submission]):
                shown = self._step.preview(member.state)
            member.seconds += self._calls.seconds
            if shown is not None and not submission.over:
                previews.show(image(shown))
        except BaseException:  # whatever a plugin raises: a preview is no part of the work
            submission.previews = None
            logger.exception("the preview of %s failed; no more are asked for", place(submission.ref))

    def _start_again(self, group: Sequence[_Member]) -> None:
        self._members = [member for member in self._members if member not in group]
        for member in group:
            if member.submission.goes_on(self._calls.clock()):
                self._begin(member.submission, alone=True)

    def _finish(self, member: _Member) -> None:
        submission = member.submission
        try:
            with self._calls.to(self._loaded, [submission]):
                outcome = self._loaded.check(submission, self._step.finish(member.state))
        except BaseException as error:
            submission.fail(step_error(submission.ref, self._step, error))
        else:
            self._loaded.end(submission, outcome, member.seconds + self._calls.seconds, member.largest)
