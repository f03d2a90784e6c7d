"""Is what a step answered of the right type, shape and range? Each check returns the value, or raises Nonsense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, TypeVar

from limner.generation import Embedding, Evidence, Image, Signal, TextConditioning
from limner.step import Range

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Nonsense(Exception):
    """What is wrong with an answer."""


def of_type(value: object, kind: type[T]) -> T:
    """A value of this type."""
    if not isinstance(value, kind):
        raise Nonsense(f"{_named(value)} where {_article(_name(kind))} belongs")
    return value


def _named(value: object) -> str:
    """What a value is, by its type in full: more than one library has an Image."""
    return "nothing (None)" if value is None else _article(_name(type(value)))


def _name(kind: type) -> str:
    home = kind.__module__
    if home == "builtins":
        return kind.__qualname__
    return f"{'limner' if home.startswith('limner.') else home}.{kind.__qualname__}"


def _article(name: str) -> str:
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def tensor(value: object, name: str, dimensions: int) -> torch.Tensor:
    """A floating tensor with finite values and this many dimensions."""
    import torch

    found = of_type(value, torch.Tensor)
    if not found.is_floating_point() or found.ndim != dimensions:
        raise Nonsense(f"{name} as a {found.dtype} tensor of shape {tuple(found.shape)}")
    if not found.isfinite().all():
        raise Nonsense(f"{name} with values that are not finite")
    return found


def image(value: object) -> Image:
    """An image with finite pixels."""
    found = of_type(value, Image)
    if not found.is_finite():
        raise Nonsense("an image with pixels that are not finite")
    return found


def embedding(value: object) -> Embedding:
    """An embedding whose vector and negative are finite and of one shape."""
    found = of_type(value, Embedding)
    vector = tensor(found.vector, "an embedding", 1)
    if found.negative is not None and tensor(found.negative, "a negative", 1).shape != vector.shape:
        raise Nonsense(f"a negative of shape {tuple(found.negative.shape)} for {tuple(vector.shape)}")
    return found


def text(value: object) -> TextConditioning:
    """Text conditioning with finite tokens, one mask value for each, and a finite pooled embedding."""
    found = of_type(value, TextConditioning)
    tokens = tensor(found.tokens, "tokens", 2)
    tensor(found.pooled, "a pooled embedding", 1)
    if tuple(found.mask.shape) != (tokens.shape[0],):
        raise Nonsense(f"a mask of shape {tuple(found.mask.shape)} for {tokens.shape[0]} tokens")
    if found.negative is not None:
        text(found.negative)
    return found


def signals(value: object, emits: Mapping[str, Range], prompt: str | None = None) -> tuple[Signal, ...]:
    """Signals that are declared, finite, in range and named once; evidence lies within `prompt` where that was measured."""
    if not isinstance(value, list | tuple):
        raise Nonsense(f"{_named(value)} where a list of limner.Signal belongs")
    found = tuple(_signal(item, emits) for item in value)
    names = [signal.name for signal in found]
    for name in names:
        if names.count(name) > 1:
            raise Nonsense(f"signal {name!r} twice")
    if prompt is not None:
        _within(found, len(prompt))
    return found


def _signal(item: object, emits: Mapping[str, Range]) -> Signal:
    signal = of_type(item, Signal)
    if signal.name not in emits:
        raise Nonsense(f"signal {signal.name!r}, which it does not declare in `emits`")
    is_float = type(signal.value) is float  # most are, and that is found out quicker than that one is a Real
    if not is_float and not isinstance(signal.value, Real):
        raise Nonsense(f"signal {signal.name!r} with a {type(signal.value).__name__} as value")
    value, allowed = float(signal.value), emits[signal.name]
    if not allowed.admits(value):
        raise Nonsense(f"signal {signal.name!r} = {value:g}, not a number from {allowed.low:g} to {allowed.high:g}")
    if is_float and signal.evidence == ():
        return signal
    return replace(signal, value=value, evidence=tuple(of_type(evidence, Evidence) for evidence in signal.evidence))


def _within(found: Sequence[Signal], length: int) -> None:
    for evidence in (evidence for signal in found for evidence in signal.evidence):
        if not 0 <= evidence.start <= evidence.end <= length:
            raise Nonsense(f"evidence [{evidence.start}, {evidence.end}) in a prompt of {length} code points")
