"""An engine as it would be in another process: all that goes in and comes out goes through pickle."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TypeVar

from limner.bound import StepRef
from limner.engine.interface import Engine, Previews, Progress, StepRun
from limner.generation import Generation

T = TypeVar("T")


class PicklingEngine:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def submit(
        self,
        ref: StepRef,
        generation: Generation,
        deadline: float | None = None,
        on_progress: Progress | None = None,
        previews: Previews | None = None,
    ) -> Future[StepRun]:
        answered: Future[StepRun] = Future()

        def answer(inner: Future[StepRun]) -> None:
            error = inner.exception()
            if error is not None:
                answered.set_exception(through_pickle(error))
            else:
                answered.set_result(through_pickle(inner.result()))

        asked = through_pickle(ref), through_pickle(generation)
        self.engine.submit(*asked, deadline, on_progress, previews).add_done_callback(answer)
        return answered

    def cancel(self, request_id: str) -> None:
        self.engine.cancel(request_id)

    def capacity(self) -> Mapping[str, int]:
        return self.engine.capacity()

    def close(self) -> None:
        self.engine.close()


def through_pickle(value: T) -> T:
    return pickle.loads(pickle.dumps(value))
