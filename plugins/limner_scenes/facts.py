"""What a scene shows and what a caption states, as class numbers: one column for each fact."""

from limner_scenes.scene import COLOURS, KINDS, MOST, RELATIONS, SETTINGS, SIZES, STYLES, Scene
from limner_scenes.statement import Name, Statement, everything

UNKNOWN = -1
"""A fact that a scene does not have, or that a caption leaves open."""
PAIR = MOST
"""The class of `count` for two things in a relation; several alike have their number less one."""
PLACES = tuple(f"{row} {column}".strip() for row in ("top", "", "bottom") for column in ("left", "", "right"))
FACTS = (
    *("count", "setting", "style", "size", "place", "colour", "kind"),
    *("first colour", "first kind", "second colour", "second kind", "relation", "names", "kinds"),
)


def shown(scene: Scene) -> list[int]:
    """One class number for each of FACTS; of two things the first is the one that its relation names first."""
    said = everything(scene)
    facts = stated(said)
    if said.count == 1 and len(said.names) == 1 and said.place is None:
        facts[FACTS.index("place")] = PLACES.index("")
    return facts


def stated(said: Statement) -> list[int]:
    """The same of a statement."""
    canonical = said.canonical()
    around = [_number(SETTINGS, said.setting), _number(STYLES, said.style)]
    if len(said.names) == 1:
        colour, kind = said.names[0]
        alone = [_number(SIZES, said.size), _number(PLACES, said.place), _number(COLOURS, colour), _number(KINDS, kind)]
        return [said.count - 1, *around, *alone, *[UNKNOWN] * 7]
    first, second = canonical.names
    in_order = [_number(COLOURS, first[0]), _number(KINDS, first[1]), _number(COLOURS, second[0]), _number(KINDS, second[1])]
    ordered = [*in_order, RELATIONS.index(canonical.relation)] if canonical.relation else [UNKNOWN] * 5
    return [PAIR, *around, *[UNKNOWN] * 4, *ordered, _names(first, second), _kinds(first, second)]


def _number(words: tuple[str, ...], word: str | None) -> int:
    return UNKNOWN if word is None else words.index(word)


def _names(first: Name, second: Name) -> int:
    """Which two names are there, in any order."""
    if None in (*first, *second):
        return UNKNOWN
    low, high = sorted(COLOURS.index(str(colour)) * len(KINDS) + KINDS.index(str(kind)) for colour, kind in (first, second))
    return low * len(COLOURS) * len(KINDS) + high


def _kinds(first: Name, second: Name) -> int:
    if first[1] is None or second[1] is None:
        return UNKNOWN
    low, high = sorted(KINDS.index(str(kind)) for kind in (first[1], second[1]))
    return low * len(KINDS) + high
