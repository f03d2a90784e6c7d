"""The requests an engine has heard of: how old each is, whether it was cancelled, and what of it is still under way."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from limner.engine.submission import Submission

REMEMBERED = 4096  # requests; one of them has nothing under way between two of its steps, and must not lose its age then


@dataclass(slots=True, eq=False)
class KnownRequest:
    """One request. A smaller `age` is an older request; `live` is what was submitted for it and is not over."""

    age: int
    cancelled: bool = False
    live: set[Submission] = field(default_factory=set)


class KnownRequests:
    """Requests by id. Of those with nothing live, the ones least lately heard of are forgotten. Not thread-safe."""

    def __init__(self) -> None:
        self._requests: OrderedDict[str, KnownRequest] = OrderedDict()
        self._ages = itertools.count()

    def hear_of(self, request_id: str) -> KnownRequest:
        """The request with this id; the youngest of all, if it was not known."""
        request = self._requests.setdefault(request_id, KnownRequest(next(self._ages)))
        self._requests.move_to_end(request_id)
        self._forget()
        return request

    def live(self) -> Iterator[Submission]:
        """All that is under way."""
        return itertools.chain.from_iterable(request.live for request in self._requests.values())

    def __len__(self) -> int:
        return len(self._requests)

    def _forget(self) -> None:
        for _ in range(len(self._requests) - REMEMBERED):
            request_id, request = self._requests.popitem(last=False)
            if request.live:
                self._requests[request_id] = request
