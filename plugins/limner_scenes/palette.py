"""The colours of the world in sRGB, far enough apart that each keeps its name when a picture is a little off."""

COLOUR_RGB: dict[str, tuple[int, int, int]] = {
    "red": (214, 30, 38),
    "orange": (250, 130, 10),
    "yellow": (250, 212, 15),
    "green": (30, 150, 60),
    "blue": (30, 75, 215),
    "purple": (125, 45, 170),
    "pink": (250, 110, 180),
    "black": (22, 22, 24),
}

BACKGROUND_RGB: dict[str, tuple[int, int, int]] = {
    "white": (252, 252, 252),
    "grey": (176, 178, 182),
    "light blue": (184, 220, 242),
    "beige": (238, 224, 196),
}

SHADE_STEP = 10
"""How much a shade of 1 adds to each of red, green and blue."""


def shaded(colour: str, shade: float) -> tuple[int, int, int]:
    """The sRGB value of a colour made lighter (`shade` towards 1) or darker (towards -1)."""
    red, green, blue = (min(255, max(0, round(level + SHADE_STEP * shade))) for level in COLOUR_RGB[colour])
    return red, green, blue
