"""Objects of the demo: a silhouette with a texture and colours, posed and shaded."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter

from aisi.demo.categories import Category
from aisi.demo.textures import HABIT, TEXTURES, another_tone, pick_colour


@dataclass(frozen=True)
class Light:
    """Direction towards the light in the photo, a unit vector (x, y), and how strongly it shades objects."""

    x: float
    y: float
    relief: float


@dataclass(frozen=True)
class Patch:
    """A rendered object: colour (h, w, 3) float32 in [0, 1] and coverage (h, w) float32 in [0, 1]."""

    colour: np.ndarray
    cover: np.ndarray


def render_object(category: Category, size: float, light: Light, rng: np.random.Generator) -> Patch:
    """Render one object, upright or turned.

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
        mask = coverage(outline, rows, columns)
        base = field[part.material][rows, columns] if part.material in field else plain[part.material][0]
        shade, shine = _modelling(mask, light)
        lit = base * shade[..., None] + gloss * shine[..., None]
        colour[rows, columns] += mask[..., None] * (lit - colour[rows, columns])
        cover[rows, columns] += mask * (1 - cover[rows, columns])
    # At the outer edge the colours are mixed with black. Undo this, since the ground comes later.
    return Patch(np.clip(colour / np.maximum(cover, 1e-3)[..., None], 0, 1), cover)


def _materials(category, rng):
    """Two tones of each material. Plain parts use the first one."""
    body, accent = pick_colour(rng, category.colours), pick_colour(rng, category.accents)
    other = accent if rng.random() < 0.4 else another_tone(rng, body, 0.6)
    trim, white = pick_colour(rng, "yellow grey brown", 0.5), pick_colour(rng, "cream white", 1.0)
    return {
        "body": (body, other),
        "accent": (accent, another_tone(rng, accent, 0.5)),
        "trim": (trim, trim),
        "dark": (trim * 0.2, trim),
        "light": (white, white),
    }


def _pose(outlines, size, turn, rng):
    """Bend, stretch, flip, turn and scale outlines to pixels; also give each pixel's u, v in the object's own frame."""
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
    """Rows and columns of the box around an outline."""
    low, high = np.floor(outline.min(0)).astype(int), np.ceil(outline.max(0)).astype(int) + 1
    return slice(max(low[1], 0), min(high[1], shape[0])), slice(max(low[0], 0), min(high[0], shape[1]))


def coverage(outline: np.ndarray, rows: slice, columns: slice, fine: int = 3) -> np.ndarray:
    """Share of each pixel of a window that lies inside an outline (n, 2), from a drawing ``fine`` times as large."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    drawing = Image.new("L", (width * fine, height * fine))
    corners = (outline - (columns.start, rows.start)) * fine
    ImageDraw.Draw(drawing).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    return np.asarray(drawing.reduce(fine), np.float32) / 255


def _modelling(mask, light):
    """Shade and highlight of a part, as if its surface were rounded towards its outline."""
    side = min(mask.shape)
    if side < 5:
        return np.ones_like(mask), np.zeros_like(mask)
    radius = max(3, int(0.4 * side))
    padded = np.pad(mask, radius)
    height = uniform_filter(uniform_filter(padded, radius), radius)[radius:-radius, radius:-radius]
    dy, dx = np.gradient(height)
    facing = -radius * (light.x * dx + light.y * dy)
    return 0.72 + 0.33 * height + light.relief * np.clip(facing, -1, 1), np.clip(facing - 0.25, 0, 1) ** 2 * 2
