"""A few photos of the proxy masks, with what the network learns from and what it predicts, side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from aisi.formats.masks import voc_palette
from aisi.photos import read_photo

SHOWN = 4
"""Photos in a panel."""
HEIGHT = 160
"""Of each photo in a panel, pixels."""
WIDTH = 240


def shown(items: Sequence[Any]) -> list[Any]:
    """The items of a panel: always the same ones, spread evenly over all."""
    places = np.linspace(0, len(items) - 1, min(SHOWN, len(items))).round().astype(int)
    return [items[place] for place in places]


def panel(
    photos: Sequence[tuple[str, Callable[[np.ndarray], np.ndarray]]], predict: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Draw photo, proxy mask and prediction side by side, one photo below the other.

    Parameters
    ----------
    photos : sequence of (path, proxy)
        ``proxy(photo)`` gives the label map (H, W) uint8 that the network learns from.
    predict : callable
        ``predict(photo)`` gives the label map (H, W) uint8 of a photo (H, W, 3) uint8.

    Returns
    -------
    (h, w, 3) uint8
    """
    rows = []
    for path, proxy in photos:
        photo = read_photo(path)
        cells = [photo, *(voc_palette()[labels] for labels in (proxy(photo), predict(photo)))]
        rows.append(np.concatenate([_fitted(cell) for cell in cells], axis=1))
    return np.concatenate(rows)


def painted(size: tuple[int, int], labels: Sequence[int], masks: Sequence[np.ndarray]) -> np.ndarray:
    """Label map (H, W) uint8 of instances; the first instances lie on top.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    labels : (n,) int
        1..C.
    masks : (n,) list of (H, W) bool
    """
    painted_map = np.zeros(size, np.uint8)
    for label, mask in reversed(list(zip(labels, masks, strict=True))):
        painted_map[np.asarray(mask, bool)] = label
    return painted_map


def _fitted(picture):
    """A picture inside of WIDTH x HEIGHT, on white."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((WIDTH - 2, HEIGHT - 2), Image.Resampling.NEAREST)
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas.paste(image, ((WIDTH - image.width) // 2, (HEIGHT - image.height) // 2))
    return np.asarray(canvas)
