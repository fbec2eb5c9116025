"""Grounds of the demo's scenes: surfaces with litter on them."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from aisi.demo import shapes
from aisi.demo.objects import coverage
from aisi.demo.textures import another_tone, pick_colour, soft_step


def _resized(grid, height, width):
    return np.asarray(Image.fromarray(grid.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def fractal(
    height: int, width: int, rng: np.random.Generator, cells: int = 2, octaves: int = 5, stretch: int = 1
) -> np.ndarray:
    """Make noise of several scales, (height, width) float32 in about [0, 1]; stretch > 1 stretches it along rows."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        n = cells * 2**octave
        if n > min(height, width):
            break
        total += _resized(rng.standard_normal((n + 1, max(1, n // stretch) + 1)), height, width) * 0.6**octave
    return np.clip(0.5 + 0.25 * total, 0, 1)


def _mix(first, second, *, share):
    return first + share[..., None].astype(np.float32) * (second - first)


def _jitter(rng, colours, n, spread=0.12):
    """n tones between and around two colours, as tuples of 0..255 for drawing."""
    share = rng.random((n, 1))
    tones = colours[0] * share + colours[1] * (1 - share) + rng.normal(0, spread, (n, 1)) + rng.normal(0, 0.02, (n, 3))
    return [tuple(tone) for tone in np.clip(tones * 255, 0, 255).astype(int).tolist()]


def _drawn(photo, strokes):
    """Let a function draw on a photo."""
    image = Image.fromarray(np.clip(photo * 255, 0, 255).astype(np.uint8))
    strokes(ImageDraw.Draw(image))
    return np.asarray(image, np.float32) / 255


def _clouds(height, width, rng, colours):
    return _mix(*colours, share=soft_step(fractal(height, width, rng, stretch=2) - 0.5, rng.uniform(0.8, 2.5)))


def _sand(height, width, rng, colours):
    ripples = 0.3 * np.sin(np.linspace(0, rng.uniform(15, 60), height))[:, None] + fractal(height, width, rng, 4)
    return _mix(*colours, share=np.clip(ripples + rng.normal(0, 0.12, (height, width)), 0, 1))


def _grass(height, width, rng, colours):
    n = height * width // 60
    x, y, lean = rng.uniform(0, width, n), np.sort(rng.uniform(0, height + 8, n)), rng.normal(rng.normal(0, 2), 2.5, n)
    length, tones = rng.uniform(5, 16, n), _jitter(rng, colours, n, 0.14)

    def strokes(draw):
        for a, b, c, d, tone in zip(x.tolist(), y.tolist(), lean.tolist(), length.tolist(), tones, strict=True):
            draw.line((a, b, a + c, b - d), fill=tone)

    return _drawn(_mix(*colours, share=fractal(height, width, rng)), strokes)


def _scattered(height, width, rng, colours, radius, slim):
    """Overlapping leaves or stones that cover the ground."""
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
    """Rows of bricks, planks or tiles with joints between them."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y = y + x * np.float32(rng.normal(0, 0.04)) + np.float32(rng.uniform(0, 99))
    row = np.floor(y / tall).astype(int)
    x = x + 500 + offset * long * (row % 2)
    column = np.floor(x / long).astype(int)
    tone = rng.random((64, 64))[row % 64, column % 64]
    joint = (y % tall < 1.3) | (x % long < 1.3)
    surface = 0.6 * tone + 0.4 * fractal(height, width, rng, 4, stretch=3)
    return np.where(joint[..., None], colours[1] * 0.5, _mix(*colours, share=surface))


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
    return _mix(*colours, share=np.clip(bands + 0.3 * (fractal(height, width, rng) - 0.5), 0, 1))


def _water(height, width, rng, colours):
    y = np.arange(height, dtype=np.float32)[:, None]
    swell = np.sin(y * rng.uniform(0.3, 0.8) + 9 * fractal(height, width, rng, 3, stretch=1))
    return _mix(*colours, share=soft_step(swell + fractal(height, width, rng, 8, stretch=4) - 0.5, 0.4))


def _bokeh(height, width, rng, colours):
    n = rng.integers(15, 45)
    x, y, r = rng.uniform(0, width, n), rng.uniform(0, height, n), rng.uniform(4, 22, n)
    tones = _jitter(rng, colours, n, 0.2)

    def strokes(draw):
        for a, b, c, tone in zip(x.tolist(), y.tolist(), r.tolist(), tones, strict=True):
            draw.ellipse((a - c, b - c, a + c, b + c), fill=tone)

    return gaussian_filter(
        _drawn(_mix(*colours, share=fractal(height, width, rng)), strokes), (2.5, 2.5, 0), truncate=2
    )


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
    first = pick_colour(rng, usual, 0.75)
    second = another_tone(rng, first, 0.6) if rng.random() < 0.6 else pick_colour(rng, usual, 0.75)
    return draw(height, width, rng, (first, second)).astype(np.float32)


def render_ground(height: int, width: int, rng: np.random.Generator, favoured: str = "") -> np.ndarray:
    """Render the ground of a scene: one to four surfaces, litter, pools of light, more or less out of focus.

    Parameters
    ----------
    height, width : int
    rng : numpy.random.Generator
    favoured : str
        Surfaces that are somewhat more probable than the others.

    Returns
    -------
    (height, width, 3) float32
        In [0, 1].
    """
    ground = _surface(height, width, rng, favoured)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        region = coverage(_region(height, width, rng), slice(0, height), slice(0, width), fine=1)
        soft = rng.choice([0.5, rng.uniform(0.5, 3)])
        ground = _mix(ground, _surface(height, width, rng), share=gaussian_filter(region, soft, truncate=2))
    ground = _litter(ground, rng)
    blur = rng.choice([0.0, *rng.uniform(0.5, 2.5, 3)])
    if blur:
        ground = gaussian_filter(ground, (blur, blur, 0), truncate=2)
    grey = ground.mean(2, keepdims=True)
    ground = grey + rng.uniform(0.35, 1) * (ground - grey)  # ASSUME grounds are less colourful than objects
    pools = 1 + rng.uniform(0, 0.9) * (fractal(height, width, rng, 1, 2) - 0.5)
    return np.clip(ground * pools[..., None], 0, 1)


def _region(height, width, rng):
    """Outline of a part of the ground with its own surface: beyond a horizon, a post, a panel or a hill."""
    form = rng.choice(["horizon", "horizon", "post", "panel", "hill"])
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    if form == "horizon":
        line = rng.uniform(0.15, 0.7) * height + rng.normal(0, 0.02 * height, 6).cumsum()
        ridge = np.stack([np.linspace(-9, width + 9, 6), line], 1)
        ridge = ridge if rng.random() < 0.5 else shapes.curve(ridge, closed=False)
        return np.concatenate([ridge, [(width + 9, -9), (-9, -9)]])
    if form == "post":
        return np.array([(x, -9), (x + rng.uniform(8, 40), -9), (x + rng.uniform(8, 40), height + 9), (x, height + 9)])
    if form == "panel":
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * rng.uniform(0.1, 0.4, 2) * (width, height)
        return corners + (x, y) + rng.normal(0, 4, (4, 2))
    angle = np.arange(8) * np.pi / 4
    bulge = rng.uniform(0.2, 0.5, (8, 1)) * width
    return (x, y) + shapes.curve(bulge * np.stack([np.cos(angle), 0.7 * np.sin(angle)], 1))


def _litter(ground, rng):
    """Things that are too small or too shapeless to be objects: twigs, stains, scraps."""
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
        tones.append(tuple((pick_colour(rng, "brown grey green", 0.6) * 255).astype(int).tolist()))

    def strokes(draw):
        for outline, tone in zip(outlines, tones, strict=True):
            draw.polygon(outline, fill=tone)

    return _drawn(ground, strokes)
