"""The texts that a prompt holds: itself, itself with its coded characters decoded, and every run that is a text in a code.

Each is kept beside the others, since decoding can hide as well as show, and each knows where in the prompt its characters came
from. Decoded are HTML entities, percent signs, backslash escapes and tag characters where they stand, and runs of base64,
hexadecimal, binary and decimal codes, each as a text of its own.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

MOST_ROUNDS = 3  # of decoding what decoding has shown: `%2526%2523115`
MOST_RUNS = 16  # decoded of one prompt

_CODED = re.compile(
    r"&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?"
    r"|(?:%[0-9a-fA-F]{2})+|\\[uU]\{?[0-9a-fA-F]{4,6}\}?|\\x[0-9a-fA-F]{2}"
    "|\U0001f3f4[\U000e0020-\U000e007f]+|[\U000e0020-\U000e007e]"
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])(?=[a-z+/_-]*[A-Z0-9])[A-Za-z0-9+/_-]{7,}={0,2}(?![A-Za-z0-9+/_=-])")
_HEXADECIMAL = re.compile(r"(?<![0-9a-zA-Z])(?:(?:0x)?[0-9a-fA-F]{2}[\s:,]{0,2}){2,}(?:0x)?[0-9a-fA-F]{2}(?![0-9a-zA-Z])")
_BINARY = re.compile(r"(?<!\w)(?:[01]{8}\s?){3,}(?!\w)")
_DECIMAL = re.compile(r"(?<!\w)(?:\d{2,3}[\s,]{1,2}){2,}\d{2,3}(?!\w)")
_MAY_HOLD_RUNS = re.compile(r"[0-9a-fA-F]{2}[\s:,]{0,2}[0-9a-fA-F]{2}|[A-Za-z0-9+/_-]{7}")


@dataclass(frozen=True, slots=True)
class Document:
    """A text, and where in the prompt each of its characters came from, [start, end); `how` is empty for the prompt itself."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    how: str = ""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the prompt the characters [start, end) of the text came from."""
        return self.starts[start], self.ends[end - 1]


def documents(prompt: str) -> Iterator[Document]:
    """The prompt, and what can be decoded of it."""
    written = Document(prompt, range(len(prompt)), range(1, len(prompt) + 1))
    yield written
    decoded = written
    for _ in range(MOST_ROUNDS):
        further = _decoded(decoded)
        if further is None:
            break
        decoded = further
    if decoded is not written:
        yield decoded
    if _MAY_HOLD_RUNS.search(prompt):
        yield from _runs(prompt)


def _decoded(document: Document) -> Document | None:
    """The document with its coded characters decoded; None where it has none."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for found in _CODED.finditer(document.text):
        character = _character(found[0])
        if character == found[0]:
            continue
        _keep(document, done, found.start(), parts, starts, ends)
        start, end = document.span(*found.span())
        parts.append(character)
        starts += [start] * len(character)
        ends += [end] * len(character)
        done = found.end()
    if not parts:
        return None
    _keep(document, done, len(document.text), parts, starts, ends)
    return Document("".join(parts), starts, ends, "decoded")


def _keep(document: Document, start: int, end: int, parts: list[str], starts: list[int], ends: list[int]) -> None:
    parts.append(document.text[start:end])
    starts += document.starts[start:end]
    ends += document.ends[start:end]


def _character(code: str) -> str:
    """What a code stands for; the code itself where it stands for nothing."""
    if code[0] == "&":
        return html.unescape(code)
    if code[0] == "%":
        return unquote(code)
    if code[0] == "\\":
        number = int(code[2:].strip("{}"), 16)
        return chr(number) if number <= 0x10FFFF else code
    return chr(ord(code) - 0xE0000) if len(code) == 1 else code  # tags after a black flag make it a country's


def _runs(prompt: str) -> Iterator[Document]:
    found = 0
    for form, decode in _RUNS:
        for run in form.finditer(prompt):
            text = _readable(decode, run[0])
            if text and found < MOST_RUNS:
                found += 1
                yield Document(text, [run.start()] * len(text), [run.end()] * len(text), "decoded")


def _readable(decode: Callable[[str], bytes], run: str) -> str:
    """The text that a run is the code of; empty where it is the code of none."""
    try:
        text = decode(run).decode("utf-8")
    except (ValueError, binascii.Error):  # UnicodeDecodeError is a ValueError
        return ""
    letters = sum(character.isalpha() for character in text)
    return text if letters >= 3 and 2 * letters > len(text) and text.replace("\n", " ").isprintable() else ""


def _from_base64(run: str) -> bytes:
    bare = run.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _from_hexadecimal(run: str) -> bytes:
    return bytes.fromhex(re.sub(r"0x|[\s:,]", "", run))


def _from_binary(run: str) -> bytes:
    digits = "".join(run.split())
    return bytes(int(digits[place : place + 8], 2) for place in range(0, len(digits), 8))


def _from_decimal(run: str) -> bytes:
    return bytes(int(number) for number in re.split(r"[\s,]+", run))


_RUNS: tuple[tuple[re.Pattern[str], Callable[[str], bytes]], ...] = (
    (_BASE64, _from_base64),
    (_HEXADECIMAL, _from_hexadecimal),
    (_BINARY, _from_binary),
    (_DECIMAL, _from_decimal),
)
