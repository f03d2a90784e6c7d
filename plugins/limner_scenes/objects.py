"""Things that people make, and a tree; `pose` in [-1, 1] varies what can vary."""

from limner_scenes.outline import DARK, LIGHT, Drawing, Layers, box, ellipse, limb, polygon


def _house(pose: float) -> Layers:
    door = 0.28 * pose
    roof, walls = polygon((0, -1.0), (1.0, -0.12), (-1.0, -0.12)), box(-0.78, -0.14, 0.78, 0.95)
    chimney = box(0.42, -0.9, 0.68, -0.3)
    eaves = polygon((-1.0, -0.12), (1.0, -0.12), (0.9, -0.02), (-0.9, -0.02), tone=DARK)
    window = box(-0.55, 0.12, -0.2, 0.45, LIGHT), box(0.2, 0.12, 0.55, 0.45, LIGHT)
    return roof, walls, chimney, eaves, *window, box(door - 0.16, 0.5, door + 0.16, 0.95, DARK)


def _tree(pose: float) -> Layers:
    lean = 0.1 * pose
    crown = ellipse(lean, -0.5, 0.5), ellipse(-0.42 + lean, -0.1, 0.42), ellipse(0.42 + lean, -0.1, 0.42)
    trunk = polygon((-0.16, 0.2), (0.16, 0.2), (0.24, 1.0), (-0.24, 1.0), tone=DARK)
    return *crown, box(-0.2, 0.1, 0.2, 1.0), trunk


def _boat(pose: float) -> Layers:
    hull = polygon((-1.0, 0.4), (1.0, 0.4), (0.65, 0.92), (-0.65, 0.92))
    mast, belly = box(-0.06, -1.0, 0.06, 0.45), 0.7 + 0.15 * pose
    main = polygon((0.1, -0.95), (belly, 0.25), (0.1, 0.25))
    return hull, mast, main, polygon((-0.1, -0.75), (-0.1, 0.25), (-0.62, 0.25), tone=LIGHT)


def _car(pose: float) -> Layers:
    shift = 0.08 * pose
    body = polygon((-1.0, -0.02), (-0.85, -0.1), (0.9, -0.1), (1.0, 0.1), (1.0, 0.45), (-1.0, 0.45))
    cabin = polygon((-0.55 + shift, -0.08), (-0.38 + shift, -0.58), (0.3 + shift, -0.58), (0.58 + shift, -0.08))
    glass = polygon((-0.38 + shift, -0.1), (-0.28 + shift, -0.45), (0.22 + shift, -0.45), (0.4 + shift, -0.1), tone=LIGHT)
    wheels = [ellipse(x, 0.45, 0.27) for x in (-0.52, 0.54)]
    tyres = [ellipse(x, 0.45, 0.25, tone=DARK) for x in (-0.52, 0.54)]
    hubs = [ellipse(x, 0.45, 0.1, tone=LIGHT) for x in (-0.52, 0.54)]
    return body, cabin, *wheels, glass, *tyres, *hubs


def _rocket(pose: float) -> Layers:
    body = polygon((0, -1.0), (0.25, -0.66), (0.34, -0.2), (0.34, 0.5), (-0.34, 0.5), (-0.34, -0.2), (-0.25, -0.66))
    fins = polygon((0.3, 0.1), (0.72, 0.65), (0.3, 0.5)), polygon((-0.3, 0.1), (-0.72, 0.65), (-0.3, 0.5))
    flame = polygon((-0.24, 0.5), (0.24, 0.5), (0.08 * pose, 1.0), tone=LIGHT)
    return body, *fins, flame, ellipse(0, -0.25, 0.17, tone=LIGHT), box(-0.34, 0.36, 0.34, 0.5, DARK)


def _laptop(pose: float) -> Layers:
    lean = 0.08 * pose
    screen = polygon((-0.72 + lean, -0.72), (0.72 + lean, -0.72), (0.72, 0.32), (-0.72, 0.32))
    glass = polygon((-0.56 + lean, -0.57), (0.56 + lean, -0.57), (0.57, 0.18), (-0.57, 0.18), tone=LIGHT)
    base = polygon((-0.72, 0.32), (0.72, 0.32), (1.0, 0.74), (-1.0, 0.74))
    return screen, base, glass, polygon((-0.6, 0.42), (0.6, 0.42), (0.7, 0.56), (-0.7, 0.56), tone=DARK)


def _umbrella(pose: float) -> Layers:
    tilt = 0.1 * pose
    canopy = ellipse(0, 0, 1.0, 0.9, corners=72)
    cuts = [ellipse(x, 0.12, 0.36, 0.24, tone=None) for x in (-0.67, 0.0, 0.67)]
    below = box(-1.1, 0.12, 1.1, 1.0, tone=None)
    handle = limb(0, -0.1, tilt, 0.8, 0.13, DARK), limb(tilt, 0.85, 0.24 + tilt, 0.8, 0.13, DARK)
    return canopy, below, *cuts, *handle, polygon((-0.08, -0.88), (0.08, -0.88), (0.3, 0.02), (-0.3, 0.02), tone=LIGHT)


def _cup(pose: float) -> Layers:
    taper = 0.08 + 0.06 * pose
    body = polygon((-0.8, -0.7), (0.5, -0.7), (0.5 - taper, 0.85), (-0.8 + taper, 0.85))
    handle = ellipse(0.5, 0.0, 0.5, 0.46), ellipse(0.5, 0.0, 0.26, 0.24, None)
    return *handle, body, ellipse(-0.15, -0.66, 0.62, 0.14, DARK), box(-0.62, 0.05, 0.3, 0.25, LIGHT)


OBJECTS_DRAWN: dict[str, Drawing] = {
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "car": _car,
    "rocket": _rocket,
    "laptop": _laptop,
    "umbrella": _umbrella,
    "cup": _cup,
}
"""Each object by its kind, as a function of its pose."""
