"""The colours of the world in sRGB, far enough apart that each keeps its name when a picture is a little off."""

RGB = tuple[int, int, int]

COLOUR_RGB: dict[str, RGB] = {
    "red": (214, 30, 38),
    "orange": (250, 130, 10),
    "yellow": (250, 212, 15),
    "green": (30, 150, 60),
    "blue": (30, 75, 215),
    "purple": (125, 45, 170),
    "pink": (250, 110, 180),
    "black": (22, 22, 24),
    "brown": (122, 72, 38),
    "turquoise": (20, 186, 180),
}

GROUND_RGB: dict[str, RGB] = {
    "white": (252, 252, 252),
    "grey": (176, 178, 182),
    "light blue": (184, 220, 242),
    "beige": (238, 224, 196),
}

PAPER: RGB = (250, 247, 238)
GRAPHITE: RGB = (58, 58, 62)

SHADE_STEP = 10
"""How much a shade of 1 adds to each of red, green and blue."""


def shaded(colour: str, shade: float) -> RGB:
    """The sRGB value of a colour made lighter (`shade` towards 1) or darker (towards -1)."""
    red, green, blue = (min(255, max(0, round(level + SHADE_STEP * shade))) for level in COLOUR_RGB[colour])
    return red, green, blue


def mixed(one: RGB, other: RGB, share: float) -> RGB:
    """Some way from one value to the other: all of the one at `share` 0, all of the other at 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def toned(rgb: RGB, tone: float) -> RGB:
    """A detail's value on a body of another: lighter where `tone` is above 0, darker below, but lighter too on black."""
    if tone < 0 and max(rgb) > 60:
        return mixed(rgb, (0, 0, 0), -tone)
    return mixed(rgb, (255, 255, 255), abs(tone))
