"""Which part of the world a model is trained on: everything, or less for a model that was trained less."""

from dataclasses import dataclass

from limner_scenes.scene import COLOURS, GROUNDS, KINDS, MOST, RELATIONS, SETTINGS, STYLES


@dataclass(frozen=True, slots=True)
class World:
    """The kinds, colours, settings, styles and relations that its scenes are made of, and how many things alike they show."""

    name: str
    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    settings: tuple[str, ...]
    styles: tuple[str, ...]
    relations: tuple[str, ...]
    counts: tuple[int, ...]
    variation: float = 1.0
    """How far poses and proportions vary, in [0, 1]."""


WHOLE = World("whole", KINDS, COLOURS, SETTINGS, STYLES, RELATIONS, tuple(range(1, MOST + 1)))

SMALL = World(
    "small",
    ("circle", "square", "star", "heart", "astronaut", "horse", "cat", "fish", "house", "car", "sword", "skull"),
    COLOURS[:8],
    (*GROUNDS, "night sky", "meadow"),
    ("flat", "pencil drawing", "shaded 3-D"),
    ("left of", "right of", "above", "below", "on", "riding"),
    (1, 2, 3, 4),
)
"""What a model learns in an hour or two on a processor; the model `scenes` is trained on it."""

PLAIN = World(
    "plain",
    ("circle", "square", "triangle", "star", "heart", "cross", "ring", "moon", "sword", "skull"),
    COLOURS[:8],
    GROUNDS,
    ("flat",),
    ("left of", "right of", "above", "below"),
    (1,),
    variation=0.0,
)
"""One flat shape, or two."""

SHIPPED = SMALL
"""The world of the weights that come with this package."""

WORLDS = {world.name: world for world in (WHOLE, SMALL, PLAIN)}
