"""Where the keywords of a photo have their attention: peaks of the maps, and regions that no instance shows."""

import numpy as np
from PIL import Image
from scipy.ndimage import find_objects, label, maximum_filter

from aisi.masks import Rle, decode

PEAK = 0.5
"""A peak of an attention map is at least this share of the map's largest value."""
MOST_PEAKS = 3
"""Largest number of peaks of a map, as each is work for the promptable segmenter."""
CUTS = (0.35, 0.55, 0.75)
"""Shares of a map's largest value at which it is cut into regions."""


def enlarged(attention: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (h, w) bilinearly to a photo of ``size``, height and width: (H, W) float32."""
    return np.asarray(Image.fromarray(attention.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))


def peaks(attention: np.ndarray, size: tuple[int, int]) -> list[tuple[float, float]]:
    """List the peaks of a map (h, w), the highest first, as points x, y in pixels of a photo of ``size``.

    A peak is a cell that no neighbour exceeds. Of equal neighbours the first one counts. ``PEAK`` and ``MOST_PEAKS``
    limit their number.
    """
    attention = attention.astype(np.float32)  # SciPy has no filters of float16
    least = PEAK * attention.max(initial=0)
    highest = (attention == maximum_filter(attention, 3, mode="nearest")) & (attention >= least) & (attention > 0)
    kept: list[tuple[int, int]] = []
    for row, column in sorted(np.argwhere(highest).tolist(), key=lambda cell: -attention[tuple(cell)]):
        if all(max(abs(row - r), abs(column - c)) > 1 for r, c in kept):
            kept.append((row, column))
    height, width = size[0] / attention.shape[0], size[1] / attention.shape[1]
    return [((column + 0.5) * width, (row + 0.5) * height) for row, column in kept[:MOST_PEAKS]]


def region_boxes(attention: np.ndarray, cut: float, size: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """Boxes XYXY, in pixels of a photo of ``size``, around the regions of a map (h, w) above a share of its maximum.

    Cells that touch at a side are connected.
    """
    regions, _ = label((attention >= cut * attention.max(initial=0)) & (attention > 0))
    height, width = size[0] / attention.shape[0], size[1] / attention.shape[1]
    return [
        (columns.start * width, rows.start * height, columns.stop * width, rows.stop * height)
        for rows, columns in find_objects(regions)
    ]


def boxes_of_missing(maps: np.ndarray, masks: list[Rle], size: tuple[int, int]) -> np.ndarray:
    """Boxes around the attention of the keywords without an instance.

    A keyword has an instance if some instance covers the highest peak of its map, and if the mean attention in this
    instance is at least as large as for each other keyword of the photo.

    Parameters
    ----------
    maps : (K, h, w) float
        Attention of the photo's keywords, in [0, 1].
    masks : list of dict
        Of the photo's instances, COCO RLE.
    size : (int, int)
        Height and width of the photo, pixels.

    Returns
    -------
    (m, 4) float64
        XYXY, pixels of the photo. Each is around a region of a map, cut at one of ``CUTS``.
    """
    large = [enlarged(attention, size) for attention in maps]
    instances = [decode(mask) for mask in masks]
    best = [int(np.argmax([attention[mask].mean() for attention in large])) for mask in instances if large]
    found = []
    for keyword, attention in enumerate(maps):
        points = peaks(attention, size)
        own = [mask for mask, label_of_mask in zip(instances, best, strict=False) if label_of_mask == keyword]
        if points and not any(mask[int(points[0][1]), int(points[0][0])] for mask in own):
            found += [box for cut in CUTS for box in region_boxes(attention, cut, size)]
    return np.array(found, float).reshape(-1, 4)
