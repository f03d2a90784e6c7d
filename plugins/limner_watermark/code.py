"""The mark id as coded bits, and back from soft values: CRC-32, then a convolutional code of rate 1/3 and constraint length 7.

The generators are 133, 145 and 175 (octal), the code of that rate and length with the largest free distance, 15 (Proakis,
"Digital Communications", table 8.2-2). Soft decisions decode what hard ones lose: A. Viterbi, "Error bounds for convolutional
codes" (1967).
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

MARK_BYTES = 6
CHECK_BYTES = 4  # CRC-32: of two thousand million random decodings, one passes for a mark
GENERATORS = (0o133, 0o145, 0o175)
MEMORY = 6  # bits of the encoder's state; as many zeros end the message and bring it back to state 0
STATES = 1 << MEMORY
MESSAGE_BITS = 8 * (MARK_BYTES + CHECK_BYTES)
STEPS = MESSAGE_BITS + MEMORY
CODED_BITS = STEPS * len(GENERATORS)

Signs = NDArray[np.float32]


def encode(mark_id: int) -> Signs:
    """The coded bits of a 48-bit mark id, (CODED_BITS,), as +1 for 0 and -1 for 1."""
    message = mark_id.to_bytes(MARK_BYTES, "big")
    bits = np.unpackbits(np.frombuffer(message + _check(message), np.uint8))
    state, coded = 0, []
    for bit in (*bits.tolist(), *[0] * MEMORY):
        coded += _outputs(state, bit)
        state = _next(state, bit)
    return 1 - 2 * np.array(coded, np.float32)


def decode(soft: NDArray[np.float32]) -> list[int | None]:
    """The mark id of each row of soft values (n, CODED_BITS), positive for 0; None where the check says there is none."""
    return [_checked(bits) for bits in _most_likely(soft)]


def _checked(bits: NDArray[np.uint8]) -> int | None:
    data = np.packbits(bits[:MESSAGE_BITS]).tobytes()
    message, check = data[:MARK_BYTES], data[MARK_BYTES:]
    return int.from_bytes(message, "big") if check == _check(message) else None


def _check(message: bytes) -> bytes:
    return zlib.crc32(message).to_bytes(CHECK_BYTES, "big")


def _most_likely(soft: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Viterbi's algorithm: the message bits (n, STEPS) whose coded bits correlate best with the soft values.

    A state is the last MEMORY bits. It comes from the state that lacks its last one, whose own oldest bit, now gone, may have
    been 0 or 1: the first half of the states, or the second.
    """
    count, half = len(soft), STATES // 2
    gains = soft.reshape(count, STEPS, len(GENERATORS)) @ _signs().reshape(-1, len(GENERATORS)).T
    of_first, of_second = np.ascontiguousarray(gains.reshape(count, STEPS, half, 2, 2).transpose(4, 1, 0, 2, 3))
    best = np.full((count, STATES), -np.inf, np.float32)
    best[:, 0] = 0
    came_from_second = np.empty((STEPS, count, STATES), bool)
    for step in range(STEPS):
        first = best[:, :half, None] + of_first[step]
        second = best[:, half:, None] + of_second[step]
        np.greater(second, first, out=came_from_second[step].reshape(count, half, 2))
        best = np.maximum(first, second).reshape(count, STATES)
    return _walk_back(came_from_second)


def _walk_back(came_from_second: NDArray[np.bool_]) -> NDArray[np.uint8]:
    steps, count, _ = came_from_second.shape
    rows, state = np.arange(count), np.zeros(count, np.intp)  # the zeros at the end lead to state 0
    bits = np.empty((count, steps), np.uint8)
    for step in reversed(range(steps)):
        bits[:, step] = state & 1
        state = state >> 1 | came_from_second[step, rows, state].astype(np.intp) * (STATES >> 1)
    return bits


@cache
def _signs() -> NDArray[np.float32]:
    """For each state, the signs put out on the way from its first and from its second predecessor (STATES, 2, outputs)."""
    predecessors = [(state >> 1, state >> 1 | STATES >> 1) for state in range(STATES)]
    outputs = [[_outputs(before, state & 1) for before in predecessors[state]] for state in range(STATES)]
    return 1 - 2 * np.array(outputs, np.float32)


def _next(state: int, bit: int) -> int:
    return (state << 1 | bit) & (STATES - 1)


def _outputs(state: int, bit: int) -> list[int]:
    register = state << 1 | bit
    return [(register & generator).bit_count() & 1 for generator in GENERATORS]
