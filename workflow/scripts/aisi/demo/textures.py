"""Colours and textures of the demo's objects.

A texture is a function of the coordinates u, v on an object's surface and of a generator. It gives values in [0, 1].
"""

import colorsys

import numpy as np
from scipy.ndimage import uniform_filter

COLOURS = {
    "red": (0.00, 0.02, 0.65, 0.95, 0.45, 0.95),
    "orange": (0.07, 0.02, 0.65, 0.95, 0.60, 1.00),
    "yellow": (0.14, 0.02, 0.55, 0.90, 0.70, 1.00),
    "green": (0.30, 0.05, 0.35, 0.85, 0.25, 0.75),
    "teal": (0.48, 0.03, 0.35, 0.80, 0.30, 0.80),
    "blue": (0.60, 0.04, 0.45, 0.90, 0.35, 0.90),
    "purple": (0.77, 0.04, 0.30, 0.75, 0.30, 0.80),
    "pink": (0.93, 0.03, 0.25, 0.60, 0.70, 1.00),
    "brown": (0.07, 0.02, 0.35, 0.75, 0.20, 0.60),
    "cream": (0.11, 0.03, 0.10, 0.35, 0.75, 1.00),
    "white": (0.60, 0.30, 0.00, 0.08, 0.80, 1.00),
    "grey": (0.60, 0.20, 0.00, 0.15, 0.30, 0.70),
    "black": (0.65, 0.20, 0.05, 0.30, 0.05, 0.22),
}
"""Mean and standard deviation of the hue, lowest and highest saturation, lowest and highest value; all in [0, 1]."""

HABIT = 0.85
"""How often an object has a usual colour or texture of its category, rather than any of all."""


def pick_colour(rng: np.random.Generator, names: str, habit: float = HABIT) -> np.ndarray:
    """Draw a colour, (3,) float32 RGB in [0, 1]: of one of ``names`` with probability ``habit``, else of any."""
    name = rng.choice(names.split() if rng.random() < habit else list(COLOURS))
    hue, spread, *ranges = COLOURS[name]
    saturation, value = rng.uniform(ranges[0], ranges[1]), rng.uniform(ranges[2], ranges[3])
    return np.array(colorsys.hsv_to_rgb(rng.normal(hue, spread) % 1, saturation, value), np.float32)


def another_tone(rng: np.random.Generator, colour: np.ndarray, amount: float = 0.35) -> np.ndarray:
    """Draw another tone of a colour, (3,) float32 in [0, 1]."""
    tone = colour * (1 + rng.uniform(0.15, amount) * rng.choice([-1, 1])) + rng.normal(0, 0.05, 3)
    return np.clip(tone, 0, 1).astype(np.float32)


def _waves(u, v, rng, frequency=3.0, n=6):
    """Smooth noise, about -1 to 1: a sum of plane waves."""
    k = rng.normal(0, frequency, (n, 2)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, n).astype(np.float32)
    return sum(np.sin(a * u + b * v + p) for (a, b), p in zip(k, phase, strict=True)) * np.float32(1.4 / n)


def soft_step(x: np.ndarray, sharpness: float) -> np.ndarray:
    """A step from 0 to 1 at x = 0; its slope is ``sharpness``."""
    return np.clip(0.5 + sharpness * x, 0, 1)


def _plain(u, v, rng):
    return soft_step(_waves(u, v, rng), 0.25)


def _stripes(u, v, rng):
    turn = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.25)
    along = u * np.cos(turn) + v * np.sin(turn)
    warp = rng.uniform(0, 1.2) * _waves(u, v, rng)
    return soft_step(
        np.sin(rng.uniform(9, 24) * along + warp + rng.uniform(0, 6)) + rng.uniform(-0.4, 0.4), rng.uniform(0.5, 3)
    )


def _cells(u, v, rng, frequency):
    """Numbers of the cells (0..15) and the position inside each cell."""
    u, v = u * frequency + rng.uniform(0, 16), v * frequency + rng.uniform(0, 16)
    i, j = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    return i & 15, j & 15, u - i, v - j


def _spots(u, v, rng):
    i, j, x, y = _cells(u, v, rng, rng.uniform(2.5, 6))
    cx, cy, radius = rng.uniform(0.35, 0.65, (2, 16, 16)).tolist() + [rng.uniform(0.12, 0.36, (16, 16))]
    cx, cy = np.asarray(cx)[i, j], np.asarray(cy)[i, j]
    return soft_step(radius[i, j] - np.hypot(x - cx, y - cy), 8)


def _scales(u, v, rng):
    frequency = rng.uniform(5, 10)
    row = np.floor(v * frequency)
    x = (u * frequency + 0.5 * (row % 2)) % 1 - 0.5
    return np.clip(1.6 * np.hypot(x, v * frequency - row) - 0.3, 0, 1)


def _checks(u, v, rng):
    frequency = rng.uniform(2.5, 6)
    return soft_step(np.sin(np.pi * frequency * u) * np.sin(np.pi * frequency * v), rng.uniform(1, 6))


def _patches(u, v, rng):
    return soft_step(_waves(u, v, rng, rng.uniform(3, 6)) + rng.uniform(-0.2, 0.2), rng.uniform(2, 6))


def _veins(u, v, rng):
    return np.clip(1 - rng.uniform(3, 7) * np.abs(_waves(u, v, rng, 4.0)), 0, 1)


def _rings(u, v, rng):
    x, y = rng.normal(0, 0.3, 2)
    return soft_step(np.sin(rng.uniform(9, 22) * np.hypot(u - x, v - y)), rng.uniform(0.5, 3))


def _speckle(u, v, rng):
    return soft_step(uniform_filter(rng.standard_normal(u.shape, np.float32), 2), 0.6)


def _grain(u, v, rng):
    return soft_step(np.sin(rng.uniform(8, 16) * u + 3 * _waves(u, 0.3 * v, rng)), 0.5)


TEXTURES = {
    "plain": _plain,
    "stripes": _stripes,
    "spots": _spots,
    "scales": _scales,
    "checks": _checks,
    "patches": _patches,
    "veins": _veins,
    "rings": _rings,
    "speckle": _speckle,
    "grain": _grain,
}
