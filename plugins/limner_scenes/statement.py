"""What a caption says of a scene, apart from the words it says it in."""

from dataclasses import dataclass, replace

from limner_scenes.scene import INVERSE, Scene, Size

Name = tuple[str | None, str | None]
"""A colour and a kind; None where it is left unsaid."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The names of one thing, of two, or of several alike (`count` of one name), and what is said of them; None is unsaid."""

    names: tuple[Name, ...]
    count: int = 1
    relation: str | None = None
    size: Size | None = None
    place: str | None = None
    setting: str | None = None
    style: str | None = None

    @property
    def full(self) -> bool:
        """Whether every thing is named by colour and kind, and two things by their relation."""
        return all(colour and kind for colour, kind in self.names) and (len(self.names) == 1 or self.relation is not None)

    def canonical(self) -> "Statement":
        """The same said from one side: `right of` as `left of`, `below` as `above`; two things merely named in one order."""
        if self.relation in ("right of", "below"):
            return replace(self, names=self.names[::-1], relation=INVERSE[self.relation])
        if len(self.names) == 2 and self.relation is None:
            return replace(self, names=tuple(sorted(self.names, key=str)))
        return self

    def content(self) -> str:
        """The statement as one line, the same for the same content.

        Where everything that tells things apart is named, only that counts: colours, kinds and the relation, or the number,
        whatever is said of setting and style beside it.
        """
        said = self.canonical()
        names = [" ".join(word or "any" for word in name) for name in said.names]
        if said.full and (said.relation or said.count > 1):
            return " ".join([str(said.count), *_between(names, said.relation)])
        rest = (said.size, said.place, said.setting, said.style)
        return " / ".join([str(said.count), *_between(names, said.relation), *(word or "" for word in rest)])


def everything(scene: Scene) -> Statement:
    """All that can be said of a scene."""
    first = scene.things[0]
    if scene.relation is not None:
        names: tuple[Name, ...] = tuple(thing.name for thing in scene.things)
        return Statement(names, 1, scene.relation, None, None, scene.setting, scene.style)
    if len(scene.things) > 1:
        return Statement((first.name,), len(scene.things), setting=scene.setting, style=scene.style)
    return Statement((first.name,), 1, None, first.size, first.place, scene.setting, scene.style)


def _between(names: list[str], relation: str | None) -> list[str]:
    return names if len(names) == 1 else [names[0], relation or "and", names[1]]
