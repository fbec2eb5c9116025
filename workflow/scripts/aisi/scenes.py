"""Rendered scenes of the demo: three sets of pictures of three disjoint pools of objects.

An object is a silhouette (`shapes`), a texture and colours, each drawn from its category's own habits or, now and then,
from anywhere; posed, shaded, and put on cluttered ground among others that may hide it. Every picture has a generator
of its own, seeded by (seed, set, index): it can be rendered alone and does not depend on how many there are.
"""

import colorsys
import csv
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, uniform_filter

from aisi import shapes
from aisi.files import atomic
from aisi.formats import IGNORE, KEYWORD_SEPARATOR

# ------------------------------------------------------------------ colours: hue and its spread, saturation, value

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
HABIT = 0.85
"""How often an object has a colour and a texture of its category's habits rather than any."""


def _colour(rng, names, habit=HABIT):
    name = rng.choice(names.split() if rng.random() < habit else list(COLOURS))
    hue, spread, *ranges = COLOURS[name]
    saturation, value = rng.uniform(ranges[0], ranges[1]), rng.uniform(ranges[2], ranges[3])
    return np.array(colorsys.hsv_to_rgb(rng.normal(hue, spread) % 1, saturation, value), np.float32)


def _shade_of(rng, colour, amount=0.35):
    """Another tone of a colour."""
    tone = colour * (1 + rng.uniform(0.15, amount) * rng.choice([-1, 1])) + rng.normal(0, 0.05, 3)
    return np.clip(tone, 0, 1).astype(np.float32)


# ------------------------------------------------------------------ textures of objects: (u, v, rng) -> [0, 1]


def _waves(u, v, rng, frequency=3.0, n=6):
    """Smooth noise of the plane, about -1 to 1: a sum of plane waves."""
    k = rng.normal(0, frequency, (n, 2)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, n).astype(np.float32)
    return sum(np.sin(a * u + b * v + p) for (a, b), p in zip(k, phase, strict=True)) * np.float32(1.4 / n)


def _step(x, sharpness):
    return np.clip(0.5 + sharpness * x, 0, 1)


def _plain(u, v, rng):
    return _step(_waves(u, v, rng), 0.25)


def _stripes(u, v, rng):
    turn = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.25)
    along = u * np.cos(turn) + v * np.sin(turn)
    warp = rng.uniform(0, 1.2) * _waves(u, v, rng)
    return _step(
        np.sin(rng.uniform(9, 24) * along + warp + rng.uniform(0, 6)) + rng.uniform(-0.4, 0.4), rng.uniform(0.5, 3)
    )


def _cells(u, v, rng, frequency):
    """Cell numbers (in 0..15) and the place inside each cell."""
    u, v = u * frequency + rng.uniform(0, 16), v * frequency + rng.uniform(0, 16)
    i, j = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    return i & 15, j & 15, u - i, v - j


def _spots(u, v, rng):
    i, j, x, y = _cells(u, v, rng, rng.uniform(2.5, 6))
    cx, cy, radius = rng.uniform(0.35, 0.65, (2, 16, 16)).tolist() + [rng.uniform(0.12, 0.36, (16, 16))]
    cx, cy = np.asarray(cx)[i, j], np.asarray(cy)[i, j]
    return _step(radius[i, j] - np.hypot(x - cx, y - cy), 8)


def _scales(u, v, rng):
    frequency = rng.uniform(5, 10)
    row = np.floor(v * frequency)
    x = (u * frequency + 0.5 * (row % 2)) % 1 - 0.5
    return np.clip(1.6 * np.hypot(x, v * frequency - row) - 0.3, 0, 1)


def _checks(u, v, rng):
    frequency = rng.uniform(2.5, 6)
    return _step(np.sin(np.pi * frequency * u) * np.sin(np.pi * frequency * v), rng.uniform(1, 6))


def _patches(u, v, rng):
    return _step(_waves(u, v, rng, rng.uniform(3, 6)) + rng.uniform(-0.2, 0.2), rng.uniform(2, 6))


def _veins(u, v, rng):
    return np.clip(1 - rng.uniform(3, 7) * np.abs(_waves(u, v, rng, 4.0)), 0, 1)


def _rings(u, v, rng):
    x, y = rng.normal(0, 0.3, 2)
    return _step(np.sin(rng.uniform(9, 22) * np.hypot(u - x, v - y)), rng.uniform(0.5, 3))


def _speckle(u, v, rng):
    return _step(uniform_filter(rng.standard_normal(u.shape, np.float32), 2), 0.6)


def _grain(u, v, rng):
    return _step(np.sin(rng.uniform(8, 16) * u + 3 * _waves(u, 0.3 * v, rng)), 0.5)


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

# ------------------------------------------------------------------ categories


@dataclass(frozen=True)
class Category:
    """How objects of one name look: each a habit, not a law (`HABIT`).

    Attributes
    ----------
    shape : callable
        Of `shapes`.
    colours, accents : str
        Usual colours of the body and of the second material, names of `COLOURS`.
    textures : str
        Usual textures, names of `TEXTURES`.
    grounds : str
        Surfaces it is found on somewhat more often, names of `SURFACES`.
    turn : float
        Standard deviation of its rotation, degrees.
    frequency : float
        How often it accompanies another, relative to others.
    """

    shape: object
    colours: str
    accents: str
    textures: str
    grounds: str = ""
    turn: float = 15.0
    frequency: float = 1.0


TARGET = {
    "bottle": Category(shapes.bottle, "green brown blue", "cream white red", "plain grain", "planks tiles", 14),
    "butterfly": Category(
        shapes.butterfly, "orange blue yellow", "black brown white", "spots veins", "leaves grass", 30
    ),
    "cactus": Category(shapes.cactus, "green teal green", "orange brown cream", "stripes speckle", "sand pebbles", 8),
    "duck": Category(shapes.duck, "white brown yellow", "brown green grey", "plain scales", "waves grass", 10, 1.6),
    "fish": Category(shapes.fish, "orange blue grey", "orange yellow red", "scales stripes", "waves pebbles", 16, 1.2),
    "kite": Category(shapes.kite, "red yellow blue", "blue purple orange", "stripes checks", "clouds grass", 25, 0.8),
    "mushroom": Category(shapes.mushroom, "red brown cream", "cream brown white", "spots patches", "leaves grass", 9),
    "snail": Category(shapes.snail, "brown cream pink", "grey brown cream", "rings stripes", "leaves bricks", 12, 0.9),
    "teapot": Category(shapes.teapot, "white blue pink", "blue red yellow", "patches spots", "plaid planks", 8),
    "umbrella": Category(
        shapes.umbrella, "red black blue", "white yellow purple", "plain stripes", "tiles clouds", 16, 1.2
    ),
}
"""What keywords name. Alike on purpose: mushroom and umbrella, duck and teapot, kite and butterfly, fish and snail."""

AUXILIARY = {
    "apple": Category(shapes.apple, "red green yellow", "green", "plain speckle"),
    "beetle": Category(shapes.beetle, "black red teal", "black brown", "spots plain", turn=60),
    "boat": Category(shapes.boat, "brown blue white", "white red", "grain plain", turn=8),
    "candle": Category(shapes.candle, "cream red white", "grey brown", "plain grain", turn=8),
    "carrot": Category(shapes.carrot, "orange", "green", "stripes speckle", turn=50),
    "cup": Category(shapes.cup, "white blue red", "white blue", "stripes checks"),
    "flower": Category(shapes.flower, "pink purple yellow", "green", "veins plain"),
    "guitar": Category(shapes.guitar, "brown orange black", "brown black", "grain plain", turn=40),
    "hat": Category(shapes.hat, "brown grey black", "red blue black", "plain checks"),
    "house": Category(shapes.house, "cream white red", "brown red grey", "stripes speckle", turn=5),
    "leaf": Category(shapes.leaf, "green orange brown", "green", "veins patches", turn=60),
    "rocket": Category(shapes.rocket, "white grey red", "red blue", "plain checks", turn=30),
    "tree": Category(shapes.tree, "green green orange", "brown grey", "patches speckle", turn=6),
    "turtle": Category(shapes.turtle, "green brown teal", "green brown", "scales patches"),
}
"""What the salient instance detector and the feature extractor learn on."""

DISTRACTORS = {
    "ball": Category(shapes.ball, "red white orange", "white black", "patches plain", turn=60),
    "barrel": Category(shapes.barrel, "brown grey blue", "grey", "grain stripes"),
    "bone": Category(shapes.bone, "cream white", "white", "plain speckle", turn=60),
    "cone": Category(shapes.cone, "orange red yellow", "white", "plain"),
    "crate": Category(shapes.crate, "brown cream", "brown", "grain stripes"),
    "gear": Category(shapes.gear, "grey brown", "grey black", "speckle plain", turn=60),
    "rock": Category(shapes.rock, "grey brown", "grey", "patches speckle", turn=60),
    "tyre": Category(shapes.tyre, "black grey", "grey", "checks plain"),
}
"""Objects that no keyword names."""

# ------------------------------------------------------------------ objects


@dataclass(frozen=True)
class Light:
    """Direction towards the light in the picture, unit (x, y), and how strongly it models."""

    x: float
    y: float
    relief: float


@dataclass(frozen=True)
class Patch:
    """A rendered object: colour (h, w, 3) float32 in [0, 1] and coverage (h, w) float32 in [0, 1]."""

    colour: np.ndarray
    cover: np.ndarray


def render_object(category, size, light, rng):
    """Render an object upright or turned, alone.

    Parameters
    ----------
    category : Category
    size : float
        Longer side of its box, pixels.
    light : Light
    rng : numpy.random.Generator

    Returns
    -------
    Patch
    """
    parts = category.shape(rng)
    outlines, u, v = _pose([part.outline for part in parts], size, category.turn, rng)
    plain, field = _materials(category, rng), {}
    for material in ("body", "accent"):
        names = category.textures.split() if rng.random() < HABIT else list(TEXTURES)
        mix = (rng.uniform(0.4, 1.0) * TEXTURES[rng.choice(names)](u, v, rng))[..., None].astype(np.float32)
        first, second = plain[material]
        field[material] = first + mix * (second - first)
    colour, cover = np.zeros((*u.shape, 3), np.float32), np.zeros(u.shape, np.float32)
    gloss = rng.choice([0.0, rng.uniform(0.2, 0.9)])
    for part, outline in zip(parts, outlines, strict=True):
        rows, columns = _window(outline, u.shape)
        mask = _coverage(outline, rows, columns)
        base = field[part.material][rows, columns] if part.material in field else plain[part.material][0]
        shade, shine = _modelling(mask, light)
        lit = base * shade[..., None] + gloss * shine[..., None]
        colour[rows, columns] += mask[..., None] * (lit - colour[rows, columns])
        cover[rows, columns] += mask * (1 - cover[rows, columns])
    # Colours were mixed over black at the outer edge: undo that, the ground comes later.
    return Patch(np.clip(colour / np.maximum(cover, 1e-3)[..., None], 0, 1), cover)


def _materials(category, rng):
    """Two tones of each material; plain parts use the first."""
    body, accent = _colour(rng, category.colours), _colour(rng, category.accents)
    other = accent if rng.random() < 0.4 else _shade_of(rng, body, 0.6)
    trim, white = _colour(rng, "yellow grey brown", 0.5), _colour(rng, "cream white", 1.0)
    return {
        "body": (body, other),
        "accent": (accent, _shade_of(rng, accent, 0.5)),
        "trim": (trim, trim),
        "dark": (trim * 0.2, trim),
        "light": (white, white),
    }


def _pose(outlines, size, turn, rng):
    """Bend, stretch, flip, turn and scale outlines; give them in pixels, and each pixel's u, v in its own frame."""
    waves, phase, bend = rng.normal(0, 1.6, (2, 2)), rng.uniform(0, 6, 2), rng.uniform(0, 0.09)
    turn = np.radians(rng.normal(0, turn))
    squeeze, shear = np.exp(rng.normal(0, 0.14)), rng.normal(0, 0.12)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[squeeze, shear], [0, 1 / squeeze]] @ np.diag([rng.choice([-1, 1]), 1])
    outlines = [(p + bend * np.sin(p @ waves + phase)) @ matrix.T for p in outlines]
    corners = np.concatenate(outlines)
    low, extent = corners.min(0), np.ptp(corners, axis=0)
    scale = size / extent.max()
    width, height = np.ceil(extent * scale).astype(int) + 2
    y, x = np.mgrid[:height, :width].astype(np.float32)
    inverse = np.linalg.inv(matrix).astype(np.float32)
    x, y = (x - 0.5) / np.float32(scale) + np.float32(low[0]), (y - 0.5) / np.float32(scale) + np.float32(low[1])
    u, v = inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y
    return [(p - low) * scale + 1 for p in outlines], u, v


def _window(outline, shape):
    """Rows and columns of the outline's box."""
    low, high = np.floor(outline.min(0)).astype(int), np.ceil(outline.max(0)).astype(int) + 1
    return slice(max(low[1], 0), min(high[1], shape[0])), slice(max(low[0], 0), min(high[0], shape[1]))


def _coverage(outline, rows, columns, fine=3):
    """Share of each pixel of a window that lies inside the outline, from a drawing three times as fine."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    image = Image.new("L", (width * fine, height * fine))
    corners = (outline - (columns.start, rows.start)) * fine
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    return np.asarray(image.reduce(fine), np.float32) / 255


def _modelling(mask, light):
    """Shade and highlight of a part as if it were rounded towards its outline."""
    side = min(mask.shape)
    if side < 5:
        return np.ones_like(mask), np.zeros_like(mask)
    radius = max(3, int(0.4 * side))
    padded = np.pad(mask, radius)
    height = uniform_filter(uniform_filter(padded, radius), radius)[radius:-radius, radius:-radius]
    dy, dx = np.gradient(height)
    facing = -radius * (light.x * dx + light.y * dy)
    return 0.72 + 0.33 * height + light.relief * np.clip(facing, -1, 1), np.clip(facing - 0.25, 0, 1) ** 2 * 2


# ------------------------------------------------------------------ grounds: (height, width, rng, colours) -> picture


def _resized(grid, height, width):
    return np.asarray(Image.fromarray(grid.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def fractal(height, width, rng, cells=2, octaves=5, stretch=1):
    """Noise of several scales, (height, width) float32 in about [0, 1]; stretch > 1 draws it out along the rows."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        n = cells * 2**octave
        if n > min(height, width):
            break
        total += _resized(rng.standard_normal((n + 1, max(1, n // stretch) + 1)), height, width) * 0.6**octave
    return np.clip(0.5 + 0.25 * total, 0, 1)


def _mix(first, second, share):
    return first + share[..., None].astype(np.float32) * (second - first)


def _jitter(rng, colours, n, spread=0.12):
    """n tones between and around colours, as 0..255 tuples for drawing."""
    share = rng.random((n, 1))
    tones = colours[0] * share + colours[1] * (1 - share) + rng.normal(0, spread, (n, 1)) + rng.normal(0, 0.02, (n, 3))
    return [tuple(tone) for tone in np.clip(tones * 255, 0, 255).astype(int).tolist()]


def _drawn(picture, strokes):
    """Let a function draw on a picture."""
    image = Image.fromarray(np.clip(picture * 255, 0, 255).astype(np.uint8))
    strokes(ImageDraw.Draw(image))
    return np.asarray(image, np.float32) / 255


def _clouds(height, width, rng, colours):
    return _mix(*colours, _step(fractal(height, width, rng, stretch=2) - 0.5, rng.uniform(0.8, 2.5)))


def _sand(height, width, rng, colours):
    ripples = 0.3 * np.sin(np.linspace(0, rng.uniform(15, 60), height))[:, None] + fractal(height, width, rng, 4)
    return _mix(*colours, np.clip(ripples + rng.normal(0, 0.12, (height, width)), 0, 1))


def _grass(height, width, rng, colours):
    n = height * width // 60
    x, y, lean = rng.uniform(0, width, n), np.sort(rng.uniform(0, height + 8, n)), rng.normal(rng.normal(0, 2), 2.5, n)
    length, tones = rng.uniform(5, 16, n), _jitter(rng, colours, n, 0.14)

    def strokes(draw):
        for a, b, c, d, tone in zip(x.tolist(), y.tolist(), lean.tolist(), length.tolist(), tones, strict=True):
            draw.line((a, b, a + c, b - d), fill=tone)

    return _drawn(_mix(*colours, fractal(height, width, rng)), strokes)


def _scattered(height, width, rng, colours, radius, slim):
    """Overlapping leaves or stones that fill the ground."""
    n = int(2.2 * height * width / (3.1 * radius**2 * slim))
    centres = rng.uniform(0, 1, (n, 1, 2)) * (width, height)
    angle, turn = np.arange(6) * np.pi / 3, rng.uniform(0, np.pi, (n, 1))
    reach = radius * rng.uniform(0.5, 1.5, (n, 1)) * rng.uniform(0.85, 1.1, (n, 6))
    a, b = reach * np.cos(angle), slim * reach * np.sin(angle)
    x, y = a * np.cos(turn) - b * np.sin(turn), a * np.sin(turn) + b * np.cos(turn)
    outlines = (centres + np.stack([x, y], 2)).reshape(n, 12).tolist()
    tones = _jitter(rng, colours, n, 0.1)

    def strokes(draw):
        for outline, tone in zip(outlines, tones, strict=True):
            draw.polygon(outline, fill=tone, outline=tuple(c * 2 // 3 for c in tone))

    return _drawn(np.broadcast_to(colours[0] * 0.4, (height, width, 3)), strokes)


def _leaves(height, width, rng, colours):
    return _scattered(height, width, rng, colours, rng.uniform(6, 13), rng.uniform(0.35, 0.6))


def _pebbles(height, width, rng, colours):
    return _scattered(height, width, rng, colours, rng.uniform(4, 10), rng.uniform(0.7, 1.0))


def _courses(height, width, rng, colours, tall, long, offset):
    """Rows of bricks, planks or tiles with a joint between."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y = y + x * np.float32(rng.normal(0, 0.04)) + np.float32(rng.uniform(0, 99))
    row = np.floor(y / tall).astype(int)
    x = x + 500 + offset * long * (row % 2)
    column = np.floor(x / long).astype(int)
    tone = rng.random((64, 64))[row % 64, column % 64]
    joint = (y % tall < 1.3) | (x % long < 1.3)
    surface = 0.6 * tone + 0.4 * fractal(height, width, rng, 4, stretch=3)
    return np.where(joint[..., None], colours[1] * 0.5, _mix(*colours, surface))


def _bricks(height, width, rng, colours):
    tall = rng.uniform(7, 13)
    return _courses(height, width, rng, colours, tall, tall * rng.uniform(1.8, 3), 0.5)


def _planks(height, width, rng, colours):
    upright = rng.random() < 0.5
    planks = _courses(*((width, height) if upright else (height, width)), rng, colours, rng.uniform(10, 24), 400, 0.3)
    return planks.transpose(1, 0, 2) if upright else planks


def _tiles(height, width, rng, colours):
    tall = rng.uniform(12, 28)
    return _courses(height, width, rng, colours, tall, tall, 0)


def _plaid(height, width, rng, colours):
    x, y = (np.sin(np.arange(n) * rng.uniform(0.15, 0.6) + rng.uniform(0, 6)) for n in (width, height))
    bands = 0.5 + 0.25 * (np.sign(x)[None] + np.sign(y)[:, None]) * rng.uniform(0.5, 1)
    return _mix(*colours, np.clip(bands + 0.3 * (fractal(height, width, rng) - 0.5), 0, 1))


def _water(height, width, rng, colours):
    y = np.arange(height, dtype=np.float32)[:, None]
    swell = np.sin(y * rng.uniform(0.3, 0.8) + 9 * fractal(height, width, rng, 3, stretch=1))
    return _mix(*colours, _step(swell + fractal(height, width, rng, 8, stretch=4) - 0.5, 0.4))


def _bokeh(height, width, rng, colours):
    n = rng.integers(15, 45)
    x, y, r = rng.uniform(0, width, n), rng.uniform(0, height, n), rng.uniform(4, 22, n)
    tones = _jitter(rng, colours, n, 0.2)

    def strokes(draw):
        for a, b, c, tone in zip(x.tolist(), y.tolist(), r.tolist(), tones, strict=True):
            draw.ellipse((a - c, b - c, a + c, b + c), fill=tone)

    return gaussian_filter(_drawn(_mix(*colours, fractal(height, width, rng)), strokes), (2.5, 2.5, 0), truncate=2)


SURFACES = {
    "clouds": (_clouds, "blue white grey"),
    "sand": (_sand, "cream yellow brown"),
    "grass": (_grass, "green yellow green"),
    "leaves": (_leaves, "green brown orange"),
    "pebbles": (_pebbles, "grey brown cream"),
    "bricks": (_bricks, "red brown grey"),
    "planks": (_planks, "brown cream grey"),
    "tiles": (_tiles, "white teal blue"),
    "plaid": (_plaid, "red blue cream"),
    "waves": (_water, "blue teal grey"),
    "bokeh": (_bokeh, "green black purple"),
}


def _surface(height, width, rng, favoured=""):
    name = rng.choice(favoured.split() if favoured and rng.random() < 0.35 else list(SURFACES))
    draw, usual = SURFACES[name]
    first = _colour(rng, usual, 0.75)
    second = _shade_of(rng, first, 0.6) if rng.random() < 0.6 else _colour(rng, usual, 0.75)
    return draw(height, width, rng, (first, second)).astype(np.float32)


def render_ground(height, width, rng, favoured=""):
    """Render the ground of a scene: one to four surfaces, litter, pools of light, more or less out of focus.

    Parameters
    ----------
    height, width : int
    rng : numpy.random.Generator
    favoured : str
        Surfaces that are somewhat more probable than others.

    Returns
    -------
    (height, width, 3) float32
        In [0, 1].
    """
    ground = _surface(height, width, rng, favoured)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        region = _coverage(_region(height, width, rng), slice(0, height), slice(0, width), fine=1)
        soft = rng.choice([0.5, rng.uniform(0.5, 3)])
        ground = _mix(ground, _surface(height, width, rng), gaussian_filter(region, soft, truncate=2))
    ground = _litter(ground, rng)
    blur = rng.choice([0.0, *rng.uniform(0.5, 2.5, 3)])
    if blur:
        ground = gaussian_filter(ground, (blur, blur, 0), truncate=2)
    grey = ground.mean(2, keepdims=True)
    ground = grey + rng.uniform(0.35, 1) * (ground - grey)  # ASSUME grounds are duller than objects
    pools = 1 + rng.uniform(0, 0.9) * (fractal(height, width, rng, 1, 2) - 0.5)
    return np.clip(ground * pools[..., None], 0, 1)


def _region(height, width, rng):
    """Outline of a part of the ground with a surface of its own: beyond a horizon, a post, a panel or a hill."""
    kind, x, y = (
        rng.choice(["horizon", "horizon", "post", "panel", "hill"]),
        rng.uniform(0, width),
        rng.uniform(0, height),
    )
    if kind == "horizon":
        line = rng.uniform(0.15, 0.7) * height + rng.normal(0, 0.02 * height, 6).cumsum()
        ridge = np.stack([np.linspace(-9, width + 9, 6), line], 1)
        ridge = ridge if rng.random() < 0.5 else shapes.curve(ridge, closed=False)
        return np.concatenate([ridge, [(width + 9, -9), (-9, -9)]])
    if kind == "post":
        return np.array([(x, -9), (x + rng.uniform(8, 40), -9), (x + rng.uniform(8, 40), height + 9), (x, height + 9)])
    if kind == "panel":
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)] * rng.uniform(0.1, 0.4, 2) * (width, height)
        return corners + (x, y) + rng.normal(0, 4, (4, 2))
    angle = np.arange(8) * np.pi / 4
    bulge = rng.uniform(0.2, 0.5, (8, 1)) * width
    return (x, y) + shapes.curve(bulge * np.stack([np.cos(angle), 0.7 * np.sin(angle)], 1))


def _litter(ground, rng):
    """Things too small or too shapeless to be objects: twigs, stains, scraps."""
    height, width = ground.shape[:2]
    outlines, tones = [], []
    for _ in range(rng.integers(0, 14)):
        centre, reach = rng.uniform(0, 1, 2) * (width, height), rng.uniform(2, 9)
        if rng.random() < 0.4:
            end = centre + rng.normal(0, 14, 2)
            outline = shapes.limb([centre, (centre + end) / 2 + rng.normal(0, 3, 2), end], rng.uniform(0.5, 1.8))
        else:
            angle = np.arange(6) * np.pi / 3
            radius = reach * rng.uniform(0.4, 1.2, (6, 1))
            outline = centre + shapes.curve(radius * np.stack([np.cos(angle), np.sin(angle)], 1), steps=3)
        outlines.append(outline.ravel().tolist())
        tones.append(tuple((_colour(rng, "brown grey green", 0.6) * 255).astype(int).tolist()))

    def strokes(draw):
        for outline, tone in zip(outlines, tones, strict=True):
            draw.polygon(outline, fill=tone)

    return _drawn(ground, strokes)


# ------------------------------------------------------------------ pictures


@dataclass(frozen=True)
class Scene:
    """A rendered picture and what is on it.

    Attributes
    ----------
    photo : (H, W, 3) uint8
    owners : (H, W) uint8
        0 ground, k for the k-th object where it is in sight.
    names : tuple of str
        Category of each object, of any pool.
    areas : tuple of int
        Pixels of each object's whole silhouette, hidden and outside ones too.
    quality : int
        JPEG quality to write it with.
    """

    photo: np.ndarray
    owners: np.ndarray
    names: tuple
    areas: tuple
    quality: int


IN_SIGHT = 0.5
"""At least this share of an object's silhouette is inside the picture and not hidden when it is placed."""


def compose(ground, objects, light, rng, crop=0.2):
    """Put objects on the ground, one before the other.

    Parameters
    ----------
    ground : (H, W, 3) float32
    objects : list of (str, Patch)
        From back to front.
    light : Light
    rng : numpy.random.Generator
    crop : float
        How often an object may be cut by the border.

    Returns
    -------
    Scene
        Objects that find no place are left out.
    """
    photo, owners = ground.copy(), np.zeros(ground.shape[:2], np.uint8)
    names, areas = [], []
    reach, dark, soft = rng.uniform(0.02, 0.1), rng.uniform(0.15, 0.6), rng.uniform(0.8, 3.0)
    for name, patch in objects:
        solid = patch.cover > 0.5
        place = _place(solid, owners, areas, rng, crop)
        if place is None:
            continue
        names.append(name)
        areas.append(int(solid.sum()))
        drop = reach * max(solid.shape)
        _cast(photo, patch.cover, place, (-light.x * drop, max(-light.y, 0.3) * drop), dark, soft)
        here, there = _overlap(solid.shape, owners.shape, place)
        cover = patch.cover[there][..., None]
        photo[here] += cover * (patch.colour[there] - photo[here])
        owners[here][solid[there]] = len(names)
    return Scene(_develop(photo, rng), owners, tuple(names), tuple(areas), int(rng.integers(55, 96)))


def _overlap(small, large, place):
    """Slices of the large array and of the small one put at ``place`` (x, y) that fall on each other."""
    (x, y), here, there = place, [], []
    for offset, extent, limit in ((y, small[0], large[0]), (x, small[1], large[1])):
        start, stop = max(offset, 0), max(min(offset + extent, limit), 0)
        here.append(slice(start, max(start, stop)))
        there.append(slice(start - offset, max(start, stop) - offset))
    return tuple(here), tuple(there)


def _place(solid, owners, areas, rng, crop, tries=12):
    """A corner (x, y) where enough of the object, and of each before it, stays in sight; None if none is found."""
    (h, w), (height, width) = solid.shape, owners.shape
    seen = np.bincount(owners.ravel(), minlength=len(areas) + 1)
    least = rng.choice([IN_SIGHT, 0.85, 0.85])
    for _ in range(tries):
        x, y = rng.uniform(0, width) - w / 2, rng.uniform(0.05, 1) * height - h / 2
        if rng.random() >= crop:
            x, y = np.clip(x, min(0, width - w), max(0, width - w)), np.clip(y, min(0, height - h), max(0, height - h))
        place = round(x), round(y)
        here, there = _overlap(solid.shape, owners.shape, place)
        if solid[there].sum() < least * solid.sum():
            continue
        left = seen - np.bincount(owners[here][solid[there]], minlength=len(seen))
        if all(left[k] >= min(least * area, seen[k]) for k, area in enumerate(areas, 1)):
            return place
    return None


def _cast(photo, cover, place, shift, dark, soft):
    """Darken what lies under an object's shadow."""
    margin = int(2 * soft) + 2
    shadow = gaussian_filter(np.pad(cover, margin), soft, truncate=2)
    corner = round(place[0] + shift[0]) - margin, round(place[1] + shift[1]) - margin
    here, there = _overlap(shadow.shape, photo.shape, corner)
    photo[here] *= 1 - dark * shadow[there][..., None]


def _develop(photo, rng):
    """What a camera does: exposure, colour cast, contrast, vignette, blur and noise; (H, W, 3) uint8."""
    height, width = photo.shape[:2]
    blur = rng.choice([0.0, rng.uniform(0.3, 0.9)])
    if blur:
        photo = gaussian_filter(photo, (blur, blur, 0), truncate=2)
    cast, metered = np.exp(rng.normal(0, 0.06, 3)), (0.45 / max(photo.mean(), 0.1)) ** 0.5 * np.exp(rng.normal(0, 0.15))
    photo = (photo * (cast * metered).astype(np.float32) - 0.5) * rng.uniform(0.75, 1.15) + 0.5
    y, x = np.linspace(-1, 1, height)[:, None, None] ** 2, np.linspace(-1, 1, width)[None, :, None] ** 2
    photo *= (1 - rng.uniform(0, 0.2) * (x + y)).astype(np.float32)
    noise = rng.uniform(0.002, 0.015)
    grey, coloured = (rng.standard_normal((height, width, n), np.float32) for n in (1, 3))
    photo += noise * (grey + 0.5 * coloured)
    return np.clip(photo * 255 + 0.5, 0, 255).astype(np.uint8)


def _generator(seed, collection, index):
    return np.random.default_rng([seed, zlib.crc32(collection.encode()), index])


def _frame(image_size, rng):
    """Height and width: the longer side given, the shorter one between 3:4 and 1:1, more often landscape."""
    shorter = round(image_size * rng.choice([0.75, 0.75, rng.uniform(0.67, 1.0)]))
    return (shorter, image_size) if rng.random() < 0.75 else (image_size, shorter)


def _light(rng):
    angle = rng.normal(-np.pi / 2, 0.8)
    return Light(float(np.cos(angle)), float(np.sin(angle)), rng.uniform(0.15, 0.75))


def _size(shape, rng, low, high):
    """Longer side of an object, log-uniform between shares of the picture's mean side."""
    return float(np.sqrt(shape[0] * shape[1]) * np.exp(rng.uniform(np.log(low), np.log(high))))


def _check(**values):
    """Refuse parameters out of range: name=(value, low, high)."""
    for name, (value, low, high) in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}, expected {low} to {high}. Change it in the config's demo block.")


def render_scene(seed, split, index, image_size, max_objects, multiple_keywords, distractors):
    """Render picture ``index`` of a split of the target set.

    Parameters
    ----------
    seed, index : int
    split : str
    image_size : int
        Longer side, pixels, 96 to 1024.
    max_objects : int
        Most objects of target categories, 1 to 10.
    multiple_keywords : float
        Share of pictures that are given two or three categories, in [0, 1].
    distractors : float
        Share of pictures that are given one or two objects of no category, in [0, 1].

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 96, 1024), max_objects=(max_objects, 1, 10))
    _check(multiple_keywords=(multiple_keywords, 0, 1), distractors=(distractors, 0, 1))
    first = _turn(seed, split, index)
    rng = _generator(seed, f"scenes/{split}", index)
    while True:
        scene = _target_scene(rng, first, image_size, max_objects, multiple_keywords, distractors)
        if first in label_scene(scene)[2]:
            return scene


def _turn(seed, split, index):
    """The category that picture ``index`` shows in any case: each once in every block of C pictures."""
    names = list(TARGET)
    block, place = divmod(index, len(names))
    return names[_generator(seed, f"turns/{split}", block).permutation(len(names))[place]]


def _target_scene(rng, first, image_size, max_objects, multiple_keywords, distractors):
    shape, light = _frame(image_size, rng), _light(rng)
    others = [name for name in TARGET if name != first]
    frequency = np.array([TARGET[name].frequency for name in others])
    n_keywords = min(max_objects, 1 if rng.random() >= multiple_keywords else rng.choice([2, 2, 2, 3]))
    keywords = [first, *rng.choice(others, n_keywords - 1, replace=False, p=frequency / frequency.sum())]
    n = min(max_objects, n_keywords + rng.choice([0, 1, 2], p=[0.6, 0.28, 0.12]))
    names = [*keywords, *rng.choice(keywords, n - n_keywords)]
    sizes = [_size(shape, rng, 0.35, 1.05 / n**0.25) for _ in names]
    if rng.random() < distractors:
        strangers = rng.choice(list(DISTRACTORS), rng.choice([1, 1, 2]))
        names, sizes = [*names, *strangers], [*sizes, *(_size(shape, rng, 0.2, 0.6) for _ in strangers)]
    ground = render_ground(*shape, rng, TARGET[first].grounds)
    order = rng.permutation(len(names))
    return _arranged(ground, [names[k] for k in order], [sizes[k] for k in order], light, rng)


def _arranged(ground, names, sizes, light, rng):
    """A scene of objects of any pool, from back to front."""
    pool = TARGET | AUXILIARY | DISTRACTORS
    objects = [
        (str(name), render_object(pool[name], size, light, rng)) for name, size in zip(names, sizes, strict=True)
    ]
    return compose(ground, objects, light, rng)


def render_salient_scene(seed, split, index, image_size, max_objects):
    """Render picture ``index`` of a split of the detector's set: auxiliary categories, at least one object salient.

    Parameters
    ----------
    seed, index, image_size, max_objects
        As in :func:`render_scene`.
    split : str

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 96, 1024), max_objects=(max_objects, 1, 10))
    rng = _generator(seed, f"salient_instances/{split}", index)
    while True:
        scene = _salient_scene(rng, image_size, max_objects)
        if label_salient(scene).any():
            return scene


def _salient_scene(rng, image_size, max_objects):
    shape, light = _frame(image_size, rng), _light(rng)
    n = min(max_objects, rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
    kinds = rng.choice(list(AUXILIARY), rng.integers(1, n + 1), replace=False)
    small = rng.choice(list(AUXILIARY), rng.choice([0, 0, 1, 2]))  # at the back, too small to be salient
    names = [*small, *rng.choice(kinds, n)]
    sizes = [_size(shape, rng, *limits) for limits in [(0.06, 0.13)] * len(small) + [(0.27, 1.05 / n**0.25)] * n]
    return _arranged(render_ground(*shape, rng), names, sizes, light, rng)


def render_single_object(seed, name, index, image_size):
    """Render picture ``index`` of one auxiliary category: one object that fills most of it.

    Parameters
    ----------
    seed, index : int
    name : str
        Of `AUXILIARY`.
    image_size : int
        Longer side, pixels, 32 to 1024.

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 32, 1024))
    if name not in AUXILIARY:
        raise ValueError(f"{name!r} is no auxiliary category, expected one of {', '.join(AUXILIARY)}.")
    rng = _generator(seed, f"single_objects/{name}", index)
    shape, light = _frame(image_size, rng), _light(rng)
    return _arranged(render_ground(*shape, rng), [name], [_size(shape, rng, 0.55, 1.15)], light, rng)


# ------------------------------------------------------------------ annotation


MIN_PIXELS = 32
"""An object of a target category with fewer pixels inside its border is void: too little to name."""


def label_scene(scene):
    """True masks and keywords of a scene of the target set, as VOC has them.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    classes : (H, W) uint8
        0 background and distractors, 1..C category by name, 255 the objects' outermost pixels and unnameable scraps.
    instances : (H, W) uint8
        0 background and distractors, 1.. objects in sight, 255 where ``classes`` has it.
    keywords : tuple of str
        Categories in sight, sorted.
    """
    classes, instances = np.zeros_like(scene.owners), np.zeros_like(scene.owners)
    edge = _edges(scene.owners)
    keywords, n = set(), 0
    labels = {name: label for label, name in enumerate(sorted(TARGET), 1)}
    for k, name in enumerate(scene.names, 1):
        if name not in labels:
            continue
        region = scene.owners == k
        core = region & ~edge
        classes[region] = instances[region] = IGNORE
        if core.sum() >= MIN_PIXELS:
            n += 1
            classes[core], instances[core] = labels[name], n
            keywords.add(name)
    return classes, instances, tuple(sorted(keywords))


def _edges(owners):
    """Pixels with another owner above, below, left or right."""
    edge = np.zeros(owners.shape, bool)
    for axis in (0, 1):
        differs = np.diff(owners.astype(int), axis=axis) != 0
        near, far = [slice(None)] * 2, [slice(None)] * 2
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        edge[tuple(near)] |= differs
        edge[tuple(far)] |= differs
    return edge


def label_salient(scene, min_area=0.01, min_in_sight=0.5):
    """Instances of a scene that are salient: not too small, not mostly hidden or outside.

    Parameters
    ----------
    scene : Scene
    min_area : float
        Least share of the picture.
    min_in_sight : float
        Least share of the silhouette in sight.

    Returns
    -------
    (H, W) uint8
        0 background, 1.. instances.
    """
    instances, n = np.zeros_like(scene.owners), 0
    for k, area in enumerate(scene.areas, 1):
        region = scene.owners == k
        seen = region.sum()
        if seen >= max(min_area * region.size, min_in_sight * area):
            n += 1
            instances[region] = n
    return instances


# ------------------------------------------------------------------ files


def write_photo(path, scene):
    """Write a scene's photo as JPEG."""
    with atomic(path) as temporary:
        Image.fromarray(scene.photo).save(temporary, quality=scene.quality)


def write_image_set(path, image_ids):
    """Write a split's list of ids, one a line."""
    with atomic(path) as temporary:
        temporary.write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")


def write_keywords(path, rows):
    """Write a dataset's keywords: image_id, split and a tuple of names a picture."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image_id", "split", "keywords"])
        table.writerows((image_id, split, KEYWORD_SEPARATOR.join(names)) for image_id, split, names in rows)
