"""The running average of weights that is saved in place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


class Average:
    """An exponential moving average with warm-up: after n updates it forgets at most like the mean of the last n/10 or so.

    Without the warm-up the random start would outweigh a short run.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = list(parameters), decay
        self.weights = [p.detach().clone() for p in self.parameters]
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they now are."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.weights, [p.detach() for p in self.parameters], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While entered, the parameters are the averaged ones."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def restore(self, weights: Sequence[torch.Tensor], updates: int) -> None:
        """Go on from a saved state: the averaged weights, and how many updates they have taken in."""
        for mine, saved in zip(self.weights, weights, strict=True):
            mine.copy_(saved)
        self.updates = updates

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            kept = parameter.clone()
            parameter.copy_(weight)
            weight.copy_(kept)
