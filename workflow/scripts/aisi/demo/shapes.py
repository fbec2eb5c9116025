"""Silhouettes of the demo's objects: parts as polygons. Every object has its own random proportions.

A shape is a function of a random generator. It gives a list of :class:`Part`, from back to front, in a frame of about
[-1, 1] x [-1, 1], with y downwards and the object upright. Pose, colour and texture are chosen in `objects`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Points = np.ndarray | Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """A polygon of one material.

    Attributes
    ----------
    outline : (n, 2) float64
        x, y of its corners in the object's frame.
    material : str
        ``body`` or ``accent`` (textured), ``trim``, ``dark`` or ``light`` (plain).
    """

    outline: np.ndarray
    material: str


# ------------------------------------------------------------------ outlines


def curve(points: Points, closed: bool = True, steps: int = 6) -> np.ndarray:
    """Smooth curve through points (Catmull-Rom).

    Parameters
    ----------
    points : (n, 2) float
        At least three for a closed curve, two for an open one.
    closed : bool
    steps : int
        Samples of each segment.

    Returns
    -------
    (m, 2) float64
        m = n * steps if closed, (n - 1) * steps + 1 if open.
    """
    p = np.asarray(points, float)
    before, after = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([before, p, after])
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[i : len(p) - 3 + i, None] for i in range(4))
    q = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3
    q = (q / 2).reshape(-1, 2)
    return q if closed else np.concatenate([q, p[-2:-1]])


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float,
    turn: float = 0.0,
    start: float = 0.0,
    stop: float = 2 * np.pi,
) -> np.ndarray:
    """An ellipse, or its segment between two angles (radians, clockwise from the right); (24, 2) float64."""
    angle = np.linspace(start, stop, 24, endpoint=stop - start < 2 * np.pi)
    px, py = rx * np.cos(angle), ry * np.sin(angle)
    return np.stack([x + px * np.cos(turn) - py * np.sin(turn), y + px * np.sin(turn) + py * np.cos(turn)], 1)


def limb(points: Points, *widths: float) -> np.ndarray:
    """A thick smooth line with a round end. The widths, half of its thickness, are spread evenly along it."""
    line = curve(points, closed=False)
    along = np.gradient(line, axis=0)
    normal = along[:, ::-1] * (1, -1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    width = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths)[:, None]
    end = np.arctan2(*along[-1, ::-1]) + np.linspace(np.pi / 2, -np.pi / 2, 7)[1:-1]
    cap = line[-1] + width[-1] * np.stack([np.cos(end), np.sin(end)], 1)
    left, right = line + width * normal, line - width * normal
    return np.concatenate([right, cap, left[::-1]])


def mirrored(half: Points, smooth: bool = True) -> np.ndarray:
    """A closed, symmetric outline from its right half, which is given from top to bottom."""
    half = curve(half, closed=False) if smooth else np.asarray(half, float)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def shrunk(outline: np.ndarray, factor: float) -> np.ndarray:
    """An outline, scaled about its mean."""
    return outline.mean(0) + factor * (outline - outline.mean(0))


def _body(outline):
    return Part(outline, "body")


def _accent(outline):
    return Part(outline, "accent")


def _trim(outline):
    return Part(outline, "trim")


def _dark(outline):
    return Part(outline, "dark")


def _light(outline):
    return Part(outline, "light")


def _eye(x, y, radius):
    return [_light(ellipse(x, y, radius, radius)), _dark(ellipse(x - 0.2 * radius, y, 0.6 * radius, 0.6 * radius))]


# ------------------------------------------------------------------ target categories


def bottle(rng: np.random.Generator) -> list[Part]:
    neck, width, shoulder = rng.uniform(0.09, 0.17), rng.uniform(0.26, 0.46), rng.uniform(-0.45, 0.05)
    waist = width * rng.uniform(0.8, 1.1)
    glass = mirrored(
        [
            (neck, -0.9),
            (neck, shoulder - 0.25),
            (width, shoulder + 0.12),
            (waist, 0.45),
            (width, 0.88),
            (0.7 * width, 0.95),
        ]
    )
    parts = [_body(glass), _trim(mirrored([(neck * 1.25, -1.0), (neck * 1.25, -0.83)], smooth=False))]
    if rng.random() < 0.7:
        top = rng.uniform(shoulder + 0.2, 0.35)
        bottom = rng.uniform(top + 0.2, 0.85)
        parts.append(_accent(mirrored([(waist * 0.97, top), (waist * 0.97, bottom)], smooth=False)))
    return parts


def butterfly(rng: np.random.Generator) -> list[Part]:
    reach, tall = rng.uniform(0.7, 1.0), rng.uniform(0.55, 0.9)
    upper = [
        (0.04, -0.1),
        (0.35 * reach, -tall * rng.uniform(0.7, 1)),
        (reach, -tall),
        (0.85 * reach, -0.15),
        (0.3, 0.08),
    ]
    drop = rng.uniform(0.45, 0.95)
    lower = [(0.04, 0.0), (0.6 * reach, 0.02), (0.72 * reach, 0.6 * drop), (0.35 * reach, drop), (0.1, 0.4)]
    far, near = (1.0, rng.uniform(0.25, 1.0))[:: rng.choice([-1, 1])]  # one wing turned away
    parts = []
    for outline, main, inner in ((curve(lower), _accent, _body), (curve(upper), _body, _accent)):
        for side in (far, -near):
            parts += [main(outline * (side, 1)), inner(shrunk(outline, 0.55) * (side, 1))]
    parts.append(_dark(limb([(0, -0.35), (0, 0.0), (0, 0.5)], 0.05, 0.08, 0.03)))
    spread = rng.uniform(0.15, 0.35)
    return parts + [_dark(limb([(0, -0.35), (s * spread, -0.65), (s * spread * 1.6, -0.8)], 0.02)) for s in (-1, 1)]


def cactus(rng: np.random.Generator) -> list[Part]:
    parts = []
    if rng.random() < 0.2:  # pads instead of a column
        pads = [(0.0, 0.35, 0.36, 0.45)]
        for side in rng.permutation([-1, 0, 1])[: rng.integers(1, 4)]:
            x, y = side * rng.uniform(0.22, 0.34), rng.uniform(-0.4, -0.2)
            pads.append((x, y, rng.uniform(0.2, 0.28), rng.uniform(0.3, 0.4)))
        parts += [_body(ellipse(x, y, rx, ry, turn=x)) for x, y, rx, ry in pads[::-1]]
    else:
        width, top = rng.uniform(0.14, 0.3), rng.uniform(-0.9, -0.5)
        for side in (-1, 1):
            if rng.random() < 0.75:
                y, out, up = rng.uniform(-0.1, 0.4), rng.uniform(0.22, 0.4) + width, rng.uniform(0.25, 0.6)
                elbow = [(0, y), (side * out * 0.7, y), (side * out, y - 0.12), (side * out, y - up)]
                parts.append(_body(limb(elbow, width * 0.6, width * 0.55, width * 0.6)))
        parts.append(_body(limb([(0, 0.8), (rng.uniform(-0.06, 0.06), 0.0), (0, top)], width * 1.05, width)))
        if rng.random() < 0.3:
            parts.append(_trim(ellipse(0, top - width * 0.8, width * 0.6, width * 0.5)))
    if rng.random() < 0.5:
        wide, narrow = rng.uniform(0.35, 0.5), rng.uniform(0.22, 0.34)
        parts.append(_accent(mirrored([(wide, 0.55), (narrow, 1.0)], smooth=False)))
        parts.append(_accent(mirrored([(wide * 1.1, 0.5), (wide * 1.1, 0.63)], smooth=False)))
    return parts


def duck(rng: np.random.Generator) -> list[Part]:
    tail, belly, long = rng.uniform(0.2, 0.5), rng.uniform(0.45, 0.65), rng.uniform(0.75, 1.0)
    head_x, head_y, head = rng.uniform(-0.75, -0.5), rng.uniform(-0.75, -0.3), rng.uniform(0.17, 0.25)
    body = [(-0.55, 0.1), (-0.1, -0.1), (0.4, -0.12), (long, -tail), (0.75, 0.3), (0.1, belly), (-0.45, 0.42)]
    beak = rng.uniform(0.2, 0.38)
    parts = []
    if rng.random() < 0.4:
        for x in (0.0, 0.25):
            parts.append(_trim(limb([(x, 0.45), (x, 0.85), (x - 0.15, 0.9)], 0.035)))
    neck = [(-0.3, 0.2), (-0.5, -0.05), (head_x + 0.02, head_y)]
    parts += [_body(curve(body)), (_accent if rng.random() < 0.4 else _body)(limb(neck, 0.26, 0.17, 0.15))]
    wing = [(-0.2, 0.08), (0.3, -0.08), (rng.uniform(0.6, 0.85), -0.1), (0.4, 0.3), (0.0, 0.3)]
    parts += [
        _accent(curve(wing)),
        (_body if rng.random() < 0.5 else _accent)(ellipse(head_x, head_y, head * 1.1, head)),
    ]
    tip = (head_x - head - beak, head_y + 0.1)
    parts.append(_trim(curve([(head_x - 0.8 * head, head_y - 0.08), tip, (head_x - 0.7 * head, head_y + 0.14)])))
    return parts + _eye(head_x - 0.3 * head, head_y - 0.25 * head, 0.05)


def fish(rng: np.random.Generator) -> list[Part]:
    depth, back = rng.uniform(0.26, 0.62), rng.uniform(0.05, 0.12)
    body = curve(
        [(-0.92, rng.uniform(-0.1, 0.15)), (-0.35, -depth), (0.15, -0.8 * depth), (0.62, -back)]
        + [(0.62, back), (0.1, 0.8 * depth), (-0.4, depth)]
    )
    fork, up, down = rng.uniform(0.65, 0.95), rng.uniform(0.25, 0.5), rng.uniform(0.25, 0.5)
    tail = curve([(0.55, 0.0), (0.98, -up), (fork, 0.0), (0.98, down)], steps=4)
    rise = depth + rng.uniform(0.1, 0.4)
    dorsal = curve([(-0.5, -0.8 * depth), (rng.uniform(-0.3, 0.2), -rise), (0.45, -0.35 * depth)])
    pelvic = curve(
        [(-0.35, 0.85 * depth), (rng.uniform(-0.2, 0.15), depth + rng.uniform(0.05, 0.3)), (0.1, 0.7 * depth)]
    )
    parts = [_accent(tail), _accent(dorsal), _accent(pelvic), _body(body)]
    parts.append(_accent(ellipse(-0.15, 0.2 * depth, 0.2, 0.1 + 0.1 * depth, turn=rng.uniform(-0.4, 0.6))))
    if rng.random() < 0.4:
        parts.append(_trim(limb([(-0.48, -0.6 * depth), (-0.4, 0.0), (-0.48, 0.6 * depth)], 0.03)))
    return parts + _eye(-0.65, -0.2 * depth, rng.uniform(0.05, 0.1))


def kite(rng: np.random.Generator) -> list[Part]:
    width, cross, foot = rng.uniform(0.4, 0.75), rng.uniform(-0.45, -0.05), rng.uniform(0.3, 0.6)
    top, right, bottom, left, hub = (0, -0.9), (width, cross), (0, foot), (-width, cross), (0, cross)
    if rng.random() < 0.25:  # delta
        right, left, hub = (width * 1.2, foot * 0.6), (-width * 1.2, foot * 0.6), (0, foot * 0.35)
    panels = [(top, right, hub), (right, bottom, hub), (bottom, left, hub), (left, top, hub)]
    second = (_body, _accent)[rng.integers(2)]
    parts = [(_body, second)[i % 2](np.array(panel, float)) for i, panel in enumerate(panels)]
    parts += [_dark(limb([top, bottom], 0.015)), _dark(limb([left, hub, right], 0.015))]
    sway, length = rng.uniform(-0.5, 0.5), rng.uniform(0.3, 0.8)
    tail = np.array(
        [(0, foot), (sway * 0.6, foot + 0.35 * length), (-sway * 0.3, foot + 0.7 * length), (sway, foot + length)]
    )
    parts.append(_dark(limb(tail, 0.02)))
    for x, y in curve(tail, closed=False)[4::5]:
        parts.append(
            _trim(np.array([(x - 0.12, y - 0.06), (x + 0.12, y + 0.06), (x + 0.12, y - 0.06), (x - 0.12, y + 0.06)]))
        )
    return parts


def mushroom(rng: np.random.Generator) -> list[Part]:
    wide, top, rim = rng.uniform(0.45, 0.95), rng.uniform(-0.9, -0.45), rng.uniform(-0.1, 0.15)
    peak = rng.uniform(0.35, 0.85)
    cap = mirrored(
        [(0, top), (wide * peak, top + 0.2 * (rim - top)), (wide, rim - 0.08), (wide * 0.85, rim + 0.05), (0, rim)]
    )
    stem, foot = rng.uniform(0.1, 0.24), rng.uniform(0.9, 1.5)
    stalk = mirrored([(stem, rim - 0.1), (stem * 0.9, 0.45), (stem * foot, 0.8), (stem * foot * 0.7, 0.9)])
    parts = [_light(stalk), _trim(ellipse(0, rim, wide * 0.85, 0.09))]
    if rng.random() < 0.35:
        parts.append(_light(mirrored([(stem, rim + 0.15), (stem * 1.9, rim + 0.32), (stem, rim + 0.28)])))
    parts.append(_body(cap))
    if rng.random() < 0.45:
        for _ in range(rng.integers(3, 8)):
            x, y = rng.uniform(-0.65, 0.65) * wide, rng.uniform(top + 0.15, rim - 0.08)
            if abs(x) < wide * peak:
                parts.append(_light(ellipse(x, y, rng.uniform(0.04, 0.1), rng.uniform(0.03, 0.08))))
    if rng.random() < 0.3:  # a small one at its foot
        side, small = rng.choice([-1, 1]) * rng.uniform(0.4, 0.6), rng.uniform(0.35, 0.5)
        parts = [Part(part.outline * small + (side, 0.9 * (1 - small)), part.material) for part in parts] + parts
    return parts


def snail(rng: np.random.Generator) -> list[Part]:
    radius, x = rng.uniform(0.42, 0.62), rng.uniform(0.0, 0.3)
    y = 0.55 - radius
    lift = rng.uniform(-0.35, 0.1)
    foot = curve(
        [(-0.95, lift), (-0.65, lift + 0.02), (-0.35, 0.35), (0.3, 0.45), (0.98, 0.68), (0.6, 0.75), (-0.5, 0.74)]
    )
    parts = [
        _accent(limb([(-0.85, lift + 0.05), (-0.9 + s, lift - rng.uniform(0.2, 0.4))], 0.03)) for s in (-0.15, 0.05)
    ]
    parts += [_accent(foot), _body(ellipse(x, y, radius, radius * rng.uniform(0.85, 1.05)))]
    turns = rng.uniform(1.6, 2.6)
    angle = np.linspace(0.4, turns * 2 * np.pi, 16)
    reach = radius * 0.92 * angle / angle[-1]
    spiral = np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle) * 0.95], 1)
    return parts + [(_dark if rng.random() < 0.6 else _trim)(limb(spiral, 0.02, 0.05))]


def teapot(rng: np.random.Generator) -> list[Part]:
    rx, ry = rng.uniform(0.42, 0.58), rng.uniform(0.36, 0.55)
    low, square = 0.15 + ry, rng.uniform(0.6, 0.95)
    belly = [
        (0.4 * rx, 0.15 - ry),
        (square * rx, 0.15 - 0.6 * ry),
        (rx, 0.2),
        (square * rx, 0.15 + 0.75 * ry),
        (0.5 * rx, low),
    ]
    lift, out = rng.uniform(-0.4, 0.0), rng.uniform(0.3, 0.5)
    spout = [(-0.6 * rx, 0.3), (-rx - 0.4 * out, 0.15), (-rx - out, lift)]
    if rng.random() < 0.25:  # handle above
        grip = [
            (-0.7 * rx, -0.2 * ry),
            (-0.6 * rx, -0.15 - ry),
            (0, -0.5 - ry),
            (0.6 * rx, -0.15 - ry),
            (0.7 * rx, -0.2 * ry),
        ]
    else:
        loop = rng.uniform(0.25, 0.45)
        grip = [
            (0.7 * rx, -0.1 * ry),
            (rx + 0.6 * loop, -0.35 * ry),
            (rx + loop, 0.2),
            (rx + 0.4 * loop, 0.5 * ry + 0.1),
            (0.8 * rx, 0.45 * ry),
        ]
    parts = [(_body, _accent)[rng.integers(2)](limb(grip, 0.06)), _body(limb(spout, 0.17, 0.09, 0.06))]
    parts += [_trim(ellipse(0, low, 0.55 * rx, 0.05)), _body(mirrored(belly))]
    lid = ellipse(0, 0.18 - ry, 0.5 * rx, rng.uniform(0.1, 0.22), start=np.pi, stop=2 * np.pi)
    parts += [_accent(lid), _trim(ellipse(0, 0.18 - ry - rng.uniform(0.14, 0.24), 0.07, 0.07))]
    if rng.random() < 0.4:
        parts.append(_trim(mirrored([(0.96 * rx, 0.12), (0.96 * rx, 0.26)], smooth=False)))
    return parts


def umbrella(rng: np.random.Generator) -> list[Part]:
    hook = rng.choice([-1, 1]) * rng.uniform(0.1, 0.2)
    shaft = limb([(0, -0.6), (0, 0.2), (0, 0.75)], 0.025)
    handle = limb([(0, 0.65), (0, 0.85), (hook * 0.5, 0.97), (hook, 0.85)], 0.04)
    if rng.random() < 0.15:  # closed
        cloth = mirrored([(0.02, -0.95), (0.1, -0.4), (rng.uniform(0.13, 0.22), 0.25), (0.06, 0.45)])
        return [_dark(shaft), _trim(handle), _body(cloth), _accent(cloth * (0.3, 1.0))]
    wide, top, rim = rng.uniform(0.7, 1.0), rng.uniform(-0.95, -0.6), rng.uniform(-0.15, 0.1)
    n, t = rng.integers(4, 8), np.linspace(0, np.pi / 2, 9)
    seams = [
        np.stack([wide * x * np.sin(t), top + (rim - top) * (1 - np.cos(t))], 1)
        for x in -np.cos(np.pi * np.arange(n + 1) / n)
    ]
    second = (_body, _accent)[rng.integers(2)]
    parts = [_dark(shaft), _trim(handle), _dark(limb([(0, top - 0.1), (0, top + 0.1)], 0.02))]
    for i, (left, right) in enumerate(zip(seams, seams[1:], strict=False)):
        hem = [left[-1], (left[-1] + right[-1]) / 2 - (0, rng.uniform(0.05, 0.1)), right[-1]]
        panel = np.concatenate([left, curve(hem, closed=False), right[::-1]])
        parts.append((_body, second)[i % 2](panel))
    return parts


# ------------------------------------------------------------------ auxiliary categories


def apple(rng: np.random.Generator) -> list[Part]:
    wide, tall, dent = rng.uniform(0.65, 0.85), rng.uniform(0.55, 0.8), rng.uniform(0.05, 0.2)
    skin = [
        (0, -tall + dent + 0.1),
        (0.5 * wide, -tall + 0.05),
        (wide, -0.1),
        (0.6 * wide, 0.9 * tall),
        (0, 0.85 * tall),
    ]
    tip = rng.uniform(-0.25, 0.25)
    parts = [_body(mirrored(skin) * (1, 1.05)), _dark(limb([(0, dent - tall + 0.15), (tip, -tall - 0.25)], 0.04))]
    if rng.random() < 0.6:
        leaf_x = tip * 0.7 + 0.25
        parts.append(_accent(ellipse(leaf_x, -tall - 0.1, 0.25, 0.1, turn=rng.uniform(-0.7, 0.3))))
    return parts


def beetle(rng: np.random.Generator) -> list[Part]:
    wide, long = rng.uniform(0.36, 0.58), rng.uniform(0.55, 0.75)
    parts = []
    for y in (-0.25, 0.1, 0.4):
        for side in (-1, 1):
            reach, drop = rng.uniform(0.25, 0.45), rng.uniform(-0.2, 0.3)
            knee = (side * (wide + 0.6 * reach), y + 0.5 * drop - 0.1)
            parts.append(_dark(limb([(0, y), knee, (side * (wide + reach), y + drop)], 0.04, 0.025)))
    for side in (-1, 1):
        parts.append(_dark(limb([(0, -0.7), (side * 0.2, -0.9), (side * rng.uniform(0.3, 0.5), -1)], 0.02)))
    parts += [_dark(ellipse(0, -0.68, 0.2, 0.18)), _accent(ellipse(0, -0.42, 0.75 * wide, 0.22))]
    parts.append(
        _body(
            curve(
                [
                    (0, -0.38),
                    (wide, -0.1),
                    (0.8 * wide, 0.9 * long),
                    (0, long + 0.2),
                    (-0.8 * wide, 0.9 * long),
                    (-wide, -0.1),
                ]
            )
        )
    )
    return [*parts, _dark(limb([(0, -0.38), (0, long + 0.2)], 0.02))]


def boat(rng: np.random.Generator) -> list[Part]:
    deck, keel, hull = rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.75), rng.uniform(0.7, 0.95)
    mast, back = rng.uniform(-0.2, 0.15), rng.uniform(0.4, 0.8)
    parts = [_dark(limb([(mast, deck), (mast, -0.95)], 0.025))]
    parts.append(_accent(curve([(mast + 0.03, -0.9), (mast + 0.04, deck - 0.1), (mast + back, deck - 0.12)], steps=3)))
    if rng.random() < 0.7:
        parts.append(
            (_accent, _trim)[rng.integers(2)](
                np.array([(mast - 0.04, -0.75), (mast - 0.04, deck - 0.12), (mast - rng.uniform(0.3, 0.6), deck - 0.1)])
            )
        )
    parts.append(_body(np.array([(-0.95, deck), (0.95, deck), (keel, hull), (-keel, hull)])))
    if rng.random() < 0.5:
        parts.append(_trim(np.array([(-0.93, deck), (0.95, deck), (0.88, deck + 0.09), (-0.88, deck + 0.09)])))
    return parts


def candle(rng: np.random.Generator) -> list[Part]:
    width, top = rng.uniform(0.1, 0.26), rng.uniform(-0.55, -0.1)
    flame = mirrored([(0, top - 0.42), (0.1, top - 0.2), (0.05, top - 0.08), (0, top - 0.06)])
    parts = [_dark(limb([(0, top + 0.02), (0, top - 0.12)], 0.02)), _trim(flame), _light(shrunk(flame, 0.5))]
    dish = rng.uniform(0.3, 0.55)
    if rng.random() < 0.5:
        parts.append(_accent(limb([(dish, 0.8), (dish + 0.25, 0.7), (dish + 0.1, 0.9)], 0.04)))
    parts += [_accent(ellipse(0, 0.85, dish, 0.12)), _body(mirrored([(width, top), (width, 0.85)], smooth=False))]
    return [*parts, _light(ellipse(0, top, width, 0.05))]


def carrot(rng: np.random.Generator) -> list[Part]:
    wide, bend = rng.uniform(0.18, 0.34), rng.uniform(-0.25, 0.25)
    parts = []
    for _ in range(rng.integers(3, 7)):
        x = rng.uniform(-0.45, 0.45)
        parts.append(_accent(limb([(0, -0.35), (0.4 * x, -0.6), (x, rng.uniform(-1, -0.75))], 0.05, 0.09, 0.02)))
    return [*parts, _body(limb([(0, -0.35), (0.3 * bend, 0.2), (bend, 0.95)], wide, wide * 0.75, 0.02))]


def cup(rng: np.random.Generator) -> list[Part]:
    top, foot, tall = rng.uniform(0.4, 0.65), rng.uniform(0.25, 0.5), rng.uniform(0.4, 0.75)
    loop = rng.uniform(0.25, 0.4)
    grip = [(0.85 * top, -0.6 * tall), (top + loop, -0.55 * tall), (top + loop, 0.15), (0.9 * foot, 0.45 * tall)]
    parts = []
    if rng.random() < 0.45:
        parts.append(_accent(ellipse(0, tall + 0.02, rng.uniform(0.7, 0.95), 0.12)))
    parts += [(_body, _accent)[rng.integers(2)](limb(grip, 0.055))]
    parts.append(_body(mirrored([(top, -tall), (0.5 * (top + foot) * rng.uniform(0.95, 1.15), 0.1), (foot, tall)])))
    return [*parts, _trim(ellipse(0, -tall, top, 0.13)), _dark(ellipse(0, -tall + 0.02, 0.86 * top, 0.09))]


def flower(rng: np.random.Generator) -> list[Part]:
    n, reach, centre = rng.integers(5, 10), rng.uniform(0.3, 0.5), rng.uniform(0.12, 0.24)
    thick, bend = rng.uniform(0.5, 1.1) * np.pi * reach / n, rng.uniform(-0.2, 0.2)
    parts = [_accent(limb([(0, -0.4), (bend, 0.3), (0.3 * bend, 1.0)], 0.04))]
    for side in (-1, 1):
        if rng.random() < 0.7:
            parts.append(_accent(ellipse(side * 0.25 + bend * 0.8, rng.uniform(0.3, 0.7), 0.26, 0.1, turn=-side * 0.6)))
    for angle in rng.uniform(0, 2) + np.arange(n) * 2 * np.pi / n:
        x, y = reach * 0.62 * np.cos(angle), reach * 0.62 * np.sin(angle)
        parts.append(_body(ellipse(x, y - 0.4, reach * 0.55, thick, turn=angle)))
    return [*parts, _trim(ellipse(0, -0.4, centre, centre))]


def guitar(rng: np.random.Generator) -> list[Part]:
    low, high, waist = rng.uniform(0.34, 0.46), rng.uniform(0.24, 0.34), rng.uniform(0.17, 0.25)
    body = mirrored([(0.05, -0.15), (high, 0.05), (waist, 0.3), (low, 0.65), (0.15, 0.97), (0, 0.97)])
    parts = [_body(body), _dark(ellipse(0, 0.36, 0.12, 0.12))]
    parts += [_accent(mirrored([(0.05, -0.75), (0.06, 0.25)], smooth=False))]
    parts += [_trim(mirrored([(0.09, -1.0), (0.12, -0.9), (0.06, -0.72)], smooth=False))]
    return [*parts, _dark(mirrored([(0.16, 0.66), (0.16, 0.72)], smooth=False))]


def hat(rng: np.random.Generator) -> list[Part]:
    brim, crown, top = rng.uniform(0.75, 1.0), rng.uniform(0.35, 0.55), rng.uniform(-0.75, -0.2)
    flat = rng.uniform(0.6, 1.05) * crown
    parts = [_body(ellipse(0, 0.4, brim, rng.uniform(0.12, 0.24)))]
    parts.append(
        _body(
            mirrored(
                [(0, top), (flat * 0.8, top + rng.uniform(-0.05, 0.1)), (flat, top + 0.2), (crown, 0.4), (0, 0.48)]
            )
        )
    )
    band = rng.uniform(0.1, 0.2)
    parts.append(
        _accent(mirrored([(crown * 0.95, 0.38 - band), (crown, 0.38), (0.5 * crown, 0.45), (0, 0.47)], smooth=False))
    )
    return parts


def house(rng: np.random.Generator) -> list[Part]:
    wide, wall, ridge = rng.uniform(0.5, 0.85), rng.uniform(-0.2, 0.2), rng.uniform(-0.95, -0.5)
    eaves = wide + rng.uniform(0.05, 0.15)
    parts = []
    if rng.random() < 0.6:
        x = rng.uniform(0.2, 0.45) * rng.choice([-1, 1])
        parts.append(_trim(mirrored([(0.09, ridge), (0.09, wall)], smooth=False) + (x, 0)))
    parts.append(_body(mirrored([(wide, wall), (wide, 0.8)], smooth=False)))
    flat = rng.choice([0.0, rng.uniform(0.1, 0.6)])
    parts.append(_accent(mirrored([(flat * wide, ridge), (eaves, wall + 0.05)], smooth=False)))
    door = rng.uniform(-0.5, 0.5) * wide
    parts.append(_dark(mirrored([(0.11, rng.uniform(0.25, 0.4)), (0.11, 0.8)], smooth=False) + (door, 0)))
    for x in (-0.6 * wide, 0.05, 0.6 * wide):
        if abs(x - door) > 0.24:
            parts.append(_light(mirrored([(0.1, wall + 0.2), (0.1, wall + 0.42)], smooth=False) + (x, 0)))
    return parts


def leaf(rng: np.random.Generator) -> list[Part]:
    wide, widest, bend = rng.uniform(0.28, 0.6), rng.uniform(-0.4, 0.4), rng.uniform(-0.15, 0.15)
    blade = mirrored(
        [(0, -0.95), (0.7 * wide, (widest - 0.95) / 2), (wide, widest), (0.6 * wide, (widest + 0.7) / 2), (0, 0.7)]
    )
    parts = [_trim(limb([(0, 0.6), (bend, 1.0)], 0.035)), _body(blade), _trim(limb([(0, 0.7), (0, -0.9)], 0.03, 0.01))]
    for y in np.linspace(0.45, -0.5, rng.integers(3, 6)):
        parts += [_trim(limb([(0, y), (s * 0.55 * wide, y - 0.25)], 0.018)) for s in (-1, 1)]
    return parts


def rocket(rng: np.random.Generator) -> list[Part]:
    wide, tail = rng.uniform(0.18, 0.34), rng.uniform(0.45, 0.65)
    fin = rng.uniform(0.2, 0.4)
    parts = [_trim(mirrored([(wide * 0.6, tail), (wide * 0.4, tail + 0.2), (0, rng.uniform(0.85, 1.0))]))]
    for side in (-1, 1):
        parts.append(
            _accent(
                np.array([(0.8 * wide, 0.1), (wide + fin, tail), (wide + fin, tail + 0.15), (0.7 * wide, tail)])
                * (side, 1)
            )
        )
    parts.append(_body(mirrored([(0, -0.98), (0.7 * wide, -0.65), (wide, -0.1), (0.75 * wide, tail), (0, tail)])))
    parts.append(_accent(mirrored([(0, -0.98), (0.35 * wide, -0.84), (0.72 * wide, -0.62), (0, -0.6)])))
    for y in (-0.3, 0.05)[: rng.integers(1, 3)]:
        parts += [_light(ellipse(0, y, 0.5 * wide, 0.5 * wide)), _dark(ellipse(0, y, 0.36 * wide, 0.36 * wide))]
    return parts


def tree(rng: np.random.Generator) -> list[Part]:
    trunk, foot = rng.uniform(0.07, 0.14), rng.uniform(0.15, 0.5)
    parts = [_accent(limb([(0, 0.95), (rng.uniform(-0.05, 0.05), 0.4), (0, -0.1)], trunk * 1.4, trunk))]
    if rng.random() < 0.4:  # conifer
        wide, layers = rng.uniform(0.4, 0.65), rng.integers(2, 5)
        for i in range(layers):
            low = foot + (-0.75 - foot) * i / layers
            reach = wide * (1 - 0.7 * i / layers)
            parts.append(_body(np.array([(-reach, low), (reach, low), (0, max(low - 0.75, -1.0))])))
        return parts
    for _ in range(rng.integers(4, 8)):
        x, y, r = rng.uniform(-0.4, 0.4), rng.uniform(-0.65, 0.0), rng.uniform(0.22, 0.38)
        parts.append(_body(ellipse(x, y, r, r * rng.uniform(0.8, 1.1))))
    return parts


def turtle(rng: np.random.Generator) -> list[Part]:
    wide, tall, base = rng.uniform(0.5, 0.68), rng.uniform(0.4, 0.7), rng.uniform(0.25, 0.4)
    nose, lift = rng.uniform(-0.95, -0.8), rng.uniform(-0.3, 0.2)
    parts = [_accent(limb([(x, base), (x + rng.uniform(-0.1, 0.1), base + 0.32)], 0.13, 0.1)) for x in (-0.35, 0.4)]
    parts += [_accent(limb([(wide, base), (wide + 0.3, base + 0.1)], 0.08, 0.01))]
    parts += [_accent(limb([(-0.4, base), (-0.65, 0.5 * (base + lift)), (nose, lift)], 0.1, 0.1, 0.15))]
    shell = [
        (0, base - tall),
        (0.75 * wide, base - 0.7 * tall),
        (wide, base),
        (0.7 * wide, base + 0.1),
        (0, base + 0.12),
    ]
    parts += [_body(mirrored(shell)), _trim(mirrored([(wide, base - 0.03), (wide * 0.95, base + 0.1)], smooth=False))]
    return parts + _eye(nose - 0.03, lift - 0.04, 0.04)


# ------------------------------------------------------------------ distractors: objects of no category


def ball(rng: np.random.Generator) -> list[Part]:
    parts = [_body(ellipse(0, 0, 0.9, 0.9))]
    if rng.random() < 0.6:
        tilt, flat = rng.uniform(-1, 1), rng.uniform(0.05, 0.3)
        parts.append(_accent(ellipse(0, 0, 0.9, flat, turn=tilt)))
    return parts


def barrel(rng: np.random.Generator) -> list[Part]:
    wide, bulge = rng.uniform(0.4, 0.55), rng.uniform(1.1, 1.35)
    parts = [_body(mirrored([(wide, -0.8), (wide * bulge, 0), (wide, 0.8)]))]
    for y in (-0.5, 0.45):
        half = wide * (bulge - (bulge - 1) * (y / 0.8) ** 2)
        parts.append(_dark(mirrored([(half, y - 0.06), (half, y + 0.06)], smooth=False)))
    return [*parts, _trim(ellipse(0, -0.8, wide, 0.13))]


def bone(rng: np.random.Generator) -> list[Part]:
    thick, knob = rng.uniform(0.1, 0.18), rng.uniform(0.17, 0.26)
    ends = [ellipse(x * 0.75, y * knob * 0.8, knob, knob) for x in (-1, 1) for y in (-1, 1)]
    return [_body(outline) for outline in (*ends, limb([(-0.75, 0), (0, rng.uniform(-0.1, 0.1)), (0.75, 0)], thick))]


def cone(rng: np.random.Generator) -> list[Part]:
    wide, top = rng.uniform(0.4, 0.6), rng.uniform(0.05, 0.12)
    parts = [_dark(mirrored([(wide * 1.4, 0.75), (wide * 1.4, 0.92)], smooth=False))]
    parts.append(_body(mirrored([(top, -0.95), (wide, 0.78)], smooth=False)))
    for y in (-0.35, 0.2)[: rng.integers(1, 3)]:
        upper, lower = (top + (wide - top) * (v + 0.95) / 1.73 for v in (y, y + 0.28))
        parts.append(_light(mirrored([(upper, y), (lower, y + 0.28)], smooth=False)))
    return parts


def crate(rng: np.random.Generator) -> list[Part]:
    wide, tall, deep = rng.uniform(0.6, 0.9), rng.uniform(0.5, 0.8), rng.uniform(0.0, 0.35)
    front = mirrored([(wide, -tall), (wide, tall)], smooth=False)
    roof = np.array([(-wide, -tall), (wide, -tall), (wide + deep * 0.2, -tall - deep), (-wide + deep, -tall - deep)])
    parts = [_accent(roof), _body(front)]
    for y in (-0.9 * tall, 0.9 * tall):
        parts.append(_trim(mirrored([(wide, y - 0.07), (wide, y + 0.07)], smooth=False)))
    return [*parts, _trim(limb([(-wide * 0.9, tall * 0.9), (wide * 0.9, -tall * 0.9)], 0.07))]


def gear(rng: np.random.Generator) -> list[Part]:
    n, depth = rng.integers(7, 13), rng.uniform(0.12, 0.25)
    angle = np.arange(4 * n) * 2 * np.pi / (4 * n)
    reach = 0.95 - depth * np.isin(np.arange(4 * n) % 4, (2, 3))
    hub = rng.uniform(0.15, 0.35)
    teeth = np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
    return [_body(teeth), _accent(ellipse(0, 0, 0.6, 0.6)), _dark(ellipse(0, 0, hub, hub))]


def rock(rng: np.random.Generator) -> list[Part]:
    n = rng.integers(6, 10)
    angle = np.sort(rng.uniform(0, 0.7, n) + np.arange(n)) * 2 * np.pi / n
    reach = rng.uniform(0.6, 1.0, n)
    outline = np.stack([reach * np.cos(angle), rng.uniform(0.5, 0.9) * reach * np.sin(angle)], 1)
    facet = np.concatenate([outline[: n // 2 + 1], rng.uniform(-0.2, 0.2, (1, 2))])
    return [_body(outline), _accent(facet)]


def tyre(rng: np.random.Generator) -> list[Part]:
    hole = rng.uniform(0.35, 0.65)
    rim, circle = rng.uniform(0.03, 0.08), ellipse(0, 0, 1, 1)
    circle = np.concatenate([circle, circle[:1]])
    return [
        Part(np.concatenate([outer * circle, inner * circle[::-1]]), material)
        for outer, inner, material in ((0.95, hole, "body"), (hole + 2 * rim, hole + rim, "trim"))
    ]
