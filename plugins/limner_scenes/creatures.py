"""Figures like people, and animals; `pose` in [-1, 1] moves limbs, wings and tails. Those seen from the side look right."""

from limner_scenes.outline import DARK, LIGHT, Drawing, Layers, box, ellipse, limb, polygon


def _astronaut(pose: float) -> Layers:
    swing, stride = 0.25 * pose, 0.08 * pose
    pack = box(-0.5, -0.2, 0.5, 0.45)
    legs = limb(-0.22, 0.4, -0.34 - stride, 0.84, 0.32), limb(0.22, 0.4, 0.34 + stride, 0.84, 0.32)
    arms = limb(-0.4, -0.02, -0.82, 0.12 + swing, 0.28), limb(0.4, -0.02, 0.82, 0.12 - swing, 0.28)
    helmet = ellipse(0, -0.52, 0.5, 0.48)
    return pack, *legs, *arms, helmet, ellipse(0.04, -0.52, 0.34, 0.27, LIGHT), box(-0.18, 0.1, 0.18, 0.28, DARK)


def _robot(pose: float) -> Layers:
    swing = 0.25 * pose
    head, body = box(-0.42, -0.78, 0.42, -0.2), box(-0.5, -0.1, 0.5, 0.55)
    neck, antenna = box(-0.14, -0.25, 0.14, -0.05), limb(0.1 * pose, -1.0, 0, -0.75, 0.12)
    arms = limb(-0.62, 0.0, -0.82, 0.35 + swing, 0.2), limb(0.62, 0.0, 0.82, 0.35 - swing, 0.2)
    shoulders, legs = box(-0.65, -0.08, 0.65, 0.1), (box(-0.42, 0.5, -0.12, 1.0), box(0.12, 0.5, 0.42, 1.0))
    eyes = box(-0.28, -0.6, -0.08, -0.4, LIGHT), box(0.08, -0.6, 0.28, -0.4, LIGHT)
    return head, body, neck, antenna, *arms, shoulders, *legs, *eyes, box(-0.25, 0.1, 0.25, 0.32, DARK)


def _horse(pose: float) -> Layers:
    stride = 0.14 * pose
    body = ellipse(-0.1, 0.12, 0.66, 0.32)
    neck = polygon((0.22, 0.18), (0.52, -0.72), (0.78, -0.62), (0.6, 0.2))
    head = limb(0.62, -0.68, 0.9, -0.4, 0.28)
    ear = polygon((0.5, -0.75), (0.58, -1.0), (0.7, -0.76))
    front = limb(0.4, 0.3, 0.46 + stride, 0.92, 0.16), limb(0.24, 0.3, 0.2 - stride, 0.92, 0.16)
    hind = limb(-0.6, 0.25, -0.66 - stride, 0.92, 0.16), limb(-0.44, 0.3, -0.4 + stride, 0.92, 0.16)
    tail = limb(-0.72, 0.0, -0.92, 0.48 - 0.1 * pose, 0.16, DARK)
    mane = limb(0.46, -0.72, 0.22, -0.1, 0.14, DARK)
    return body, neck, head, ear, *front, *hind, tail, mane


def _cat(pose: float) -> Layers:
    head, body = ellipse(0, -0.38, 0.5, 0.42), ellipse(-0.02, 0.5, 0.44, 0.5)
    ears = polygon((-0.48, -0.42), (-0.46, -1.0), (-0.08, -0.72)), polygon((0.48, -0.42), (0.46, -1.0), (0.08, -0.72))
    paws = ellipse(-0.26, 0.9, 0.24, 0.12), ellipse(0.24, 0.9, 0.24, 0.12)
    tail = limb(0.36, 0.8, 0.76, 0.62, 0.2), limb(0.76, 0.62, 0.72 + 0.12 * pose, 0.1, 0.2)
    eyes = ellipse(-0.2, -0.4, 0.12, 0.13, LIGHT), ellipse(0.2, -0.4, 0.12, 0.13, LIGHT)
    return head, body, *ears, *paws, *tail, *eyes, polygon((-0.09, -0.2), (0.09, -0.2), (0, -0.1), tone=DARK)


def _bird(pose: float) -> Layers:
    body, head = ellipse(-0.1, 0.1, 0.55, 0.38), ellipse(0.45, -0.32, 0.3)
    beak = polygon((0.68, -0.42), (1.0, -0.28), (0.68, -0.18))
    tail = polygon((-0.5, 0.0), (-1.0, -0.2), (-0.95, 0.25), (-0.5, 0.3))
    wing = polygon((0.2, 0.0), (-0.2, -0.85 + 0.3 * pose), (-0.55, -0.7 + 0.4 * pose), (-0.4, 0.15))
    legs = limb(-0.15, 0.4, -0.15, 0.85, 0.1), limb(0.1, 0.4, 0.1, 0.85, 0.1)
    return body, head, beak, tail, wing, *legs, ellipse(0.5, -0.38, 0.08, tone=LIGHT)


def _fish(pose: float) -> Layers:
    flick = 0.15 * pose
    body = ellipse(0.18, 0, 0.74, 0.5)
    tail = polygon((-0.4, 0.0), (-1.0, -0.55 + flick), (-0.82, flick), (-1.0, 0.55 + flick))
    fin = polygon((-0.05, -0.4), (0.1, -0.75), (0.45, -0.42))
    below = polygon((0.0, 0.42), (0.05, 0.72), (0.35, 0.45))
    return body, tail, fin, below, ellipse(0.56, -0.12, 0.12, tone=LIGHT), limb(0.22, -0.26, 0.22, 0.26, 0.09, DARK)


CREATURES: dict[str, Drawing] = {
    "astronaut": _astronaut,
    "robot": _robot,
    "horse": _horse,
    "cat": _cat,
    "bird": _bird,
    "fish": _fish,
}
"""Each creature by its kind, as a function of its pose."""
