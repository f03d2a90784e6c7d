"""Plain steps: one call for a batch, and one call each where that call raises."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from limner.engine.calls import Calls
from limner.engine.failure import step_error
from limner.engine.loading import LoadedStep
from limner.engine.results import one_each
from limner.engine.submission import Submission
from limner.errors import Cancelled, StepError

logger = logging.getLogger(__name__)


def run_batch(calls: Calls, loaded: LoadedStep, batch: Sequence[Submission]) -> None:
    """Run a plain step for a batch, and end each submission.

    Where the call raises, everyone gets a call of their own, so nobody's request fails another's; unless it raised because some
    were cancelled, then the others share the next call.
    """
    batch = [submission for submission in batch if submission.goes_on(calls.clock())]
    failure = _run_together(calls, loaded, batch) if batch else None
    if failure is None:
        return
    if len(batch) == 1:
        batch[0].fail(failure)
    elif isinstance(failure.__cause__, Cancelled) and any(submission.cancelled for submission in batch):
        run_batch(calls, loaded, batch)
    else:
        logger.warning("a batch of %d failed and is run again one by one: %s", len(batch), failure.where)
        del failure  # with its traceback, which holds the batch's tensors
        for submission in batch:
            run_batch(calls, loaded, [submission])


def _run_together(calls: Calls, loaded: LoadedStep, batch: Sequence[Submission]) -> StepError | None:
    """Call the step and complete each submission; or say why that failed for the batch as a whole."""
    ref = batch[0].ref
    try:
        with calls.to(loaded, batch), calls.ending_late():
            answers = one_each(ref, loaded.call([submission.generation for submission in batch]), len(batch))
            outcomes = [loaded.check(submission, answer) for submission, answer in zip(batch, answers, strict=True)]
    except BaseException as error:  # whatever a plugin raises, a SystemExit too, is its failure and not this thread's end
        return step_error(ref, loaded.step, error)
    for submission, outcome in zip(batch, outcomes, strict=True):
        loaded.end(submission, outcome, calls.seconds, len(batch))
    return None
