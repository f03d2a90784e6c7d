"""Properties that hold for whatever comes, tried on values drawn at random: the same ones at each run."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from random import Random
from typing import TypeVar

Value = TypeVar("Value")

# What texts are likely to break on: ends of ranges, marks, joiners, forms that normalise to others, words in several scripts.
TELLING = '\0\n\r\t"\\/\x1f\x7f\x80\u2028\u2029\ufeff\ufffd\uffff\U00010000\U0010ffff\u0301\u0316\u200d\u00ad\u202e' + (
    "aAzZ09 '-_.éßſİıŁσςΣΩﬁＳ㎏①ⓢ𝐬한\u1100\u1173\u11afहि中مי😀👩🏽🇺🇳"
)
RANGES = ((0x20, 0x7E), (0x20, 0x7E), (0x00, 0xFF), (0x100, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
SURROGATES = (0xD800, 0xDFFF)

EDGES = (0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1e-7, 1e-6, 1e-5, 1e-4, 0.1, 1 / 3, 1.0, 2.0**53, 1e16, 1e21, 1.7e308)
WIDEST = 2**53 - 1  # the integers that a JSON number carries exactly, in size


def for_all(draw: Callable[[Random], Value], check: Callable[[Value], object], *, examples: int = 200) -> None:
    """Check so many values. The one that fails is named, with the seed that draws it."""
    for seed in range(examples):
        value = draw(Random(seed))
        try:
            check(value)
        except BaseException as error:
            error.add_note(f"with seed {seed}: {value!r}")
            raise


def some_text(random: Random, *, longest: int = 12, surrogates: bool = False) -> str:
    """A text of any characters, short more often than long; with lone surrogates, if they are wanted."""
    ranges = (*RANGES, SURROGATES) if surrogates else RANGES
    length = random.randint(0, random.randint(0, longest))
    return "".join(_character(random, ranges) for _ in range(length))


def _character(random: Random, ranges: tuple[tuple[int, int], ...]) -> str:
    if random.random() < 0.4:
        return random.choice(TELLING)
    return chr(random.randint(*random.choice(ranges)))


def some_float(random: Random) -> float:
    """A finite float: an edge, any bits, or a number as people write it."""
    bits: float = struct.unpack("<d", random.randbytes(8))[0]
    written = round(random.uniform(-1000, 1000), random.randint(0, 6)) * 10.0 ** random.randint(-25, 25)
    return random.choice((random.choice((-1, 1)) * random.choice(EDGES), bits if math.isfinite(bits) else 0.5, written))


def some_integer(random: Random, widest: int = WIDEST) -> int:
    """An integer up to `widest` in size: small, of any length, or at an end."""
    any_length = random.getrandbits(random.randint(1, widest.bit_length()))
    size = random.choice((random.randint(0, 10), any_length, WIDEST, WIDEST + 1, widest))
    return random.choice((-1, 1)) * min(size, widest)


def some_json(random: Random, leaf: Callable[[Random], object], text: Callable[[Random], str], depth: int = 3) -> object:
    """A JSON value of these leaves, in lists and objects that have these texts for keys."""
    kind = random.choice(("leaf", "list", "object")) if depth else "leaf"
    if kind == "leaf":
        return leaf(random)
    inner = [some_json(random, leaf, text, depth - 1) for _ in range(random.randint(0, 4))]
    return inner if kind == "list" else {text(random): value for value in inner}


def json_leaf(random: Random) -> object:
    """A JSON value that holds no others."""
    return random.choice((lambda _: random.choice((None, True, False)), some_integer, some_float, some_text))(random)
