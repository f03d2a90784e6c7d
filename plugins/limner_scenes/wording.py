"""Statements put into words, and read back from them."""

import re

import numpy as np

from limner_scenes.scene import COLOURS, GROUNDS, INVERSE, KINDS, SIZES, STYLES
from limner_scenes.statement import Name, Statement

NUMBERS = {2: "two", 3: "three", 4: "four"}
GENERIC = "thing"
"""Stands for a kind that is left unsaid."""
OPENINGS = ("there is ", "a picture of ", "an image of ", "this is ")
OPENINGS_OF_SEVERAL = ("there are ", "a picture of ", "an image of ", "these are ")

_STYLE_BEFORE = {
    "flat": ("a flat drawing of ",),
    "pencil drawing": ("a pencil drawing of ",),
    "watercolour": ("a watercolour of ",),
    "pixel art": ("pixel art of ",),
    "shaded 3-D": ("a shaded 3-D picture of ",),
}
_STYLE_AFTER = {
    "flat": (", in flat colours", ", as a flat drawing"),
    "pencil drawing": (", as a pencil drawing", ", in pencil"),
    "watercolour": (", as a watercolour", ", in watercolour"),
    "pixel art": (", as pixel art", ", in pixel art"),
    "shaded 3-D": (", shaded in 3-D", ", as a shaded 3-D picture"),
}
_SETTING = {
    **{ground: (f"on a {ground} background",) for ground in GROUNDS},
    "night sky": ("under a night sky", "at night"),
    "city lights": ("before city lights", "with city lights behind"),
    "sea": ("by the sea", "at sea"),
    "meadow": ("in a meadow", "on a meadow"),
    "snow": ("in the snow",),
}
_RELATION = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above",),
    "below": ("below",),
    "on": ("on", "on top of", "standing on"),
    "inside": ("inside",),
    "riding": ("riding", "riding on"),
    "holding": ("holding",),
    "in front of": ("in front of",),
}
_RELATION_TURNED = {
    "left of": _RELATION["right of"],
    "right of": _RELATION["left of"],
    "above": _RELATION["below"],
    "below": _RELATION["above"],
    "on": ("under",),
    "inside": ("around",),
    "riding": ("ridden by",),
    "holding": ("held by",),
    "in front of": ("behind",),
}
_TURNED = 0.15
"""How often a relation that has no word of its own the other way round is told from there all the same."""


def worded(said: Statement, rng: np.random.Generator) -> str:
    """Put a statement into words, in one of many ways."""
    before, after = _around(said, rng)
    what = _names(said, rng)
    if said.setting is not None:
        where = _pick(rng, _SETTING[said.setting])
        what = f"{where}, {what}" if not before and rng.random() < 0.2 else f"{what} {where}"
    return before + what + after


def _around(said: Statement, rng: np.random.Generator) -> tuple[str, str]:
    """The words before and after what is named: its style, or a mere opening."""
    if said.style is not None and rng.random() < 0.6:
        return "", _pick(rng, _STYLE_AFTER[said.style])
    if said.style is not None:
        return _pick(rng, _STYLE_BEFORE[said.style]), ""
    if rng.random() < 0.75:
        return "", ""
    return _pick(rng, OPENINGS if said.count == 1 else OPENINGS_OF_SEVERAL), ""


def words() -> set[str]:
    """Every word that a caption may use."""
    phrases = (
        *_SETTING.values(),
        *_RELATION.values(),
        *_RELATION_TURNED.values(),
        *_STYLE_BEFORE.values(),
        *_STYLE_AFTER.values(),
    )
    text = " ".join(phrase for group in phrases for phrase in group)
    kinds = (*KINDS, *map(plural, KINDS), GENERIC, plural(GENERIC))
    fixed = ("a", "an", "the", "and", "in", "at", "top", "bottom", "left", "right", *NUMBERS.values())
    return {
        *text.lower().replace(",", "").split(),
        *" ".join(OPENINGS + OPENINGS_OF_SEVERAL).split(),
        *kinds,
        *COLOURS,
        *SIZES,
        *fixed,
    }


def plural(kind: str) -> str:
    """The word for several."""
    return {"fish": "fish", "cross": "crosses"}.get(kind, kind + "s")


def _names(said: Statement, rng: np.random.Generator) -> str:
    if said.count > 1:
        colour, kind = said.names[0]
        return " ".join(filter(None, (NUMBERS[said.count], colour, plural(kind or GENERIC))))
    if len(said.names) == 1:
        return _article(" ".join(filter(None, (said.size, _name(said.names[0]))))) + _in_place(said.place)
    first, second = (_article(_name(name)) for name in said.names)
    if said.relation is None:
        return " and ".join((first, second) if rng.random() < 0.5 else (second, first))
    if rng.random() < (0.5 if said.relation in INVERSE else _TURNED):
        return f"{second} {_pick(rng, _RELATION_TURNED[said.relation])} {first}"
    return f"{first} {_pick(rng, _RELATION[said.relation])} {second}"


def _name(name: Name) -> str:
    colour, kind = name
    return " ".join(filter(None, (colour, kind or GENERIC)))


def _in_place(place: str | None) -> str:
    if place is None:
        return ""
    return f" in the {place}" if " " in place else f" at the {place}"


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aou" else f"a {name}"


def _pick(rng: np.random.Generator, phrases: tuple[str, ...]) -> str:
    return phrases[rng.integers(len(phrases))]


def read(caption: str) -> Statement | None:
    """What a caption says; None for a text that names no thing of this world."""
    rest = " ".join(re.sub(r"[^a-z0-9 -]", " ", caption.lower()).split())
    style, rest = _cut(rest, _STYLE_FOUND)
    setting, rest = _cut(rest, _SETTING_FOUND)
    found = [match.groups() for match in _THING.finditer(rest)]
    if not found:
        return None
    names = tuple((colour, _SINGULAR[kind] if kind not in _GENERICS else None) for _, _, colour, kind in found[:2])
    if len(names) == 1:
        number, size, _, _ = found[0]
        place = _PLACE.search(rest)
        count = next((value for value, word in NUMBERS.items() if word == number), 1)
        return Statement(names, count, None, size, place[1] if place else None, setting, style)  # type: ignore[arg-type]  # a size by its pattern
    relation, turned = _relation(rest)
    return Statement(names[::-1] if turned else names, 1, relation, None, None, setting, style)


def _relation(text: str) -> tuple[str | None, bool]:
    """The relation that a text names first, and whether it is told from the other side."""
    found = [
        (match.start(), relation, turned) for pattern, relation, turned in _RELATION_FOUND if (match := pattern.search(text))
    ]
    return min(found)[1:] if found else (None, False)


def _cut(text: str, patterns: list[tuple[str, re.Pattern[str]]]) -> tuple[str | None, str]:
    for name, pattern in patterns:
        if pattern.search(text):
            return name, pattern.sub(" ", text)
    return None, text


def _any(phrases: tuple[str, ...]) -> str:
    return "|".join(sorted((re.escape(phrase.strip(" ,").lower()) for phrase in phrases), key=len, reverse=True))


_STYLE_FOUND = [(style, re.compile(rf"\b(?:{_any(_STYLE_BEFORE[style] + _STYLE_AFTER[style])})\b")) for style in STYLES]
_SETTING_FOUND = [(setting, re.compile(rf"\b(?:{_any(phrases)})\b")) for setting, phrases in _SETTING.items()]
_SINGULAR = {**{kind: kind for kind in KINDS}, **{plural(kind): kind for kind in KINDS}}
_GENERICS = (GENERIC, plural(GENERIC))
_THING = re.compile(
    rf"\b(?:({_any(tuple(NUMBERS.values()))}) )?(?:({_any(SIZES)}) )?(?:({_any(COLOURS)}) )?"
    rf"({_any((*_SINGULAR, *_GENERICS))})\b"
)
_PLACE = re.compile(r"\b(?:in|at) the ((?:top|bottom)(?: left| right)?|left|right)\b")
_RELATION_FOUND = [
    (re.compile(rf"\b(?:{_any(table[relation])})\b"), relation, turned)
    for turned, table in ((False, _RELATION), (True, _RELATION_TURNED))
    for relation in _RELATION
    if not (turned and relation in INVERSE)
]
