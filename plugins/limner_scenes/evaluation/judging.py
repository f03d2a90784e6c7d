"""Whether a picture, as it was read, shows what a statement says: a comparison of names, numbers and places.

Whatever the reader is unsure of has no name and counts as wrong, and so does everything that was not asked for: one thing more
than the prompt names is one too many.
"""

from collections import Counter
from typing import Literal

from limner_scenes.evaluation.relations import holds
from limner_scenes.reader.reading import Reading, ReadThing
from limner_scenes.statement import Name, Statement

Demand = Literal["kinds", "names", "relation", "style", "setting"]
Fault = Literal["count", "unsure", "kind", "colour", "binding", "relation", "style", "setting"]


def fault(shown: Reading, asked: Statement, demands: frozenset[Demand]) -> Fault | None:
    """The first thing that is wrong with a picture, of what is demanded; None where nothing is.

    The number of things and their kinds are always demanded; `names` demands that each has its colour as well.
    """
    wanted = wanted_names(asked)
    if len(shown.things) != len(wanted):
        return "count"
    wrong = _kinds_fault(shown.things, wanted) or ("names" in demands and _names_fault(shown.things, wanted))
    if wrong:
        return wrong
    if "relation" in demands and not _related(shown.things, asked):
        return "relation"
    if "style" in demands and shown.style != asked.style:
        return "style"
    return "setting" if "setting" in demands and shown.setting != asked.setting else None


def swapped(shown: Reading, asked: Statement) -> bool:
    """Whether both things are there, each with the colour of the other."""
    (one, first), (other, second) = asked.names
    turned = ((other, first), (one, second))
    return Counter((thing.colour, thing.kind) for thing in shown.things) == Counter(turned) != Counter(asked.names)


def wanted_names(asked: Statement) -> list[Name]:
    """The name of each thing asked for."""
    return list(asked.names) * asked.count


def _kinds_fault(things: tuple[ReadThing, ...], wanted: list[Name]) -> Fault | None:
    if Counter(thing.kind for thing in things) == Counter(kind for _, kind in wanted):
        return None
    return "unsure" if any(thing.kind is None for thing in things) else "kind"


def _names_fault(things: tuple[ReadThing, ...], wanted: list[Name]) -> Fault | None:
    if Counter((thing.colour, thing.kind) for thing in things) == Counter(wanted):
        return None
    if any(thing.colour is None for thing in things):
        return "unsure"
    same_colours = Counter(thing.colour for thing in things) == Counter(colour for colour, _ in wanted)
    return "binding" if same_colours else "colour"


def _related(things: tuple[ReadThing, ...], asked: Statement) -> bool:
    """Whether some way of taking the two things for the two named ones puts them into the relation.

    Things are told apart by their kinds, and where both are of one kind by their colours.
    """
    named = [thing.kind for thing in things], [kind for _, kind in asked.names]
    alike = len(set(named[1])) == 1
    for first, second in (things, things[::-1]):
        fits = [first.kind, second.kind] == named[1]
        if alike:
            fits = [(first.colour, first.kind), (second.colour, second.kind)] == list(asked.names)
        if fits and asked.relation and holds(asked.relation, first, second):
            return True
    return False
