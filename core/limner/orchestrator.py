"""The life of a request, from admission to release.

admit → intent recorded, durable → steps and gates in YAML order → image encoded once → attested → read back → stored →
outcome recorded, durable → released.

One thread runs a request. Each of its images has a life of its own (`limner.image_life`), which yields the futures it waits
for; so all images of a request are under way together, and each has its own outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Condition
from typing import Any

from limner.admission import Checked, admit
from limner.deny import DenyList
from limner.engine.interface import Engine
from limner.errors import UsageError
from limner.generation import Request
from limner.image_life import ImageLife, Life
from limner.images.store import ImageStore
from limner.making import Lifecycle, ReadMarks, Services
from limner.recording import Recorder
from limner.result import ImageResult, Result, Watcher
from limner.settings import LONGEST_PROMPT
from limner.views import RequestView

CANCEL = -1  # where the index of a life is expected
CLOSING_TIME = 30.0  # seconds that requests get to close their records when the process ends; the next start closes the rest


class Orchestrator:
    """Runs requests through checked pipelines under bound policies. Thread-safe: each request has a thread of its own."""

    def __init__(
        self,
        *,
        pipelines: Mapping[str, Checked],
        engine: Engine,
        recorder: Recorder,
        images: ImageStore,
        deny: DenyList,
        read_marks: ReadMarks,
        lifecycle: Lifecycle,
        longest_prompt: int = LONGEST_PROMPT,
    ) -> None:
        """`pipelines` are those that hold under their policies; `read_marks` finds the marks in an image, `lifecycle` calls
        every plugin's hook of a name."""
        self._pipelines, self._recorder, self._longest_prompt = pipelines, recorder, longest_prompt
        self._services = Services(engine, images, deny, read_marks, lifecycle)
        self._running: dict[str, SimpleQueue[int]] = {}  # by request: the lives that can go on, or CANCEL
        self._ended = Condition()

    def run(self, request: Request, watcher: Watcher | None = None) -> Result:
        """Run a request to its end and give each image's outcome.

        Raises UsageError if it is not admitted, AuditError if it cannot be recorded; nothing is given out then.
        """
        admitted = admit(request, self._pipelines, self._longest_prompt)
        with self._cancellable(request.id) as ready, self._recorder.open(admitted) as record:
            record.accept(meanwhile=self._services.deny.look)
            self._services.lifecycle("after_request_accepted", request=RequestView.of(request))
            watcher = watcher or Watcher()
            lives = [ImageLife(admitted, index, self._services, record, watcher) for index in range(request.n)]
            images = self._drive(request.id, [life.run() for life in lives], ready)
        return Result(request.id, request.pipeline, images)

    def cancel(self, request_id: str) -> bool:
        """Stop a running request at its next chance; its images end as cancelled. False if it is not running.

        May be called from a signal handler.
        """
        ready = self._running.get(request_id)
        if ready is not None:
            ready.put(CANCEL)
        return ready is not None

    def join(self, timeout: float = CLOSING_TIME) -> None:
        """Wait, `timeout` seconds at most, until every request that runs has ended and its record is closed."""
        with self._ended:
            self._ended.wait_for(lambda: not self._running, timeout)

    @contextmanager
    def _cancellable(self, request_id: str) -> Iterator[SimpleQueue[int]]:
        ready: SimpleQueue[int] = SimpleQueue()
        if self._running.setdefault(request_id, ready) is not ready:
            raise UsageError(f"request {request_id} is running already")
        try:
            yield ready
        finally:
            with self._ended:
                del self._running[request_id]
                self._ended.notify_all()

    def _drive(self, request_id: str, lives: Sequence[Life], ready: SimpleQueue[int]) -> tuple[ImageResult, ...]:
        """Run the lives to their ends, each going on as soon as the future it waits for is done."""
        results: dict[int, ImageResult] = {}
        for index in range(len(lives)):
            ready.put(index)
        try:
            while len(results) < len(lives):
                index = ready.get()
                if index == CANCEL:
                    self._services.engine.cancel(request_id)
                else:
                    _advance(lives[index], index, ready, results)
        except BaseException:
            self._services.engine.cancel(request_id)
            raise
        return tuple(results[index] for index in range(len(lives)))


def _advance(life: Life, index: int, ready: SimpleQueue[int], results: dict[int, ImageResult]) -> None:
    try:
        waited: Future[Any] = next(life)
    except StopIteration as end:
        results[index] = end.value
    else:
        waited.add_done_callback(lambda _: ready.put(index))
