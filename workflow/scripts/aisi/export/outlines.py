"""Outlines of masks: closed rings around the parts of an instance and around their holes.

Coordinates are x, y in pixels of the upright photo. A pixel is the square from (x, y) to (x + 1, y + 1), as in COCO.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from aisi.masks import Rle, decode, from_polygons, intersections_over_union

Ring = np.ndarray
"""Corners (n, 2) float64 of a closed line. The first corner is not repeated at the end."""
SMALLEST_IOU = 0.98
"""Outlines are simplified only as far as they keep this IoU with their mask."""


def outline(mask: Rle, tolerance: float) -> list[Ring]:
    """Outline of each part of an instance, with its holes.

    A hole is joined to the line around its part by a bridge of no width. The line goes over the bridge twice. So the
    even-odd rule and the non-zero rule both leave the hole open.

    Parameters
    ----------
    mask : dict
        COCO RLE.
    tolerance : float
        Largest distance in pixels by which a corner may move away from the simplified line. It is halved, and in the
        end set to 0, if the IoU with the mask would be below :data:`SMALLEST_IOU`. 0 follows the edges of the pixels.

    Returns
    -------
    list of Ring
        One for each part. Pixels that touch only at a corner are in different parts.
    """
    parts = [_rings(part, corner) for part, corner in _parts(decode(mask))]
    height, width = mask["size"]
    for allowed in (tolerance, tolerance / 2, tolerance / 4):
        simple = [join([_simplified(ring, allowed) for ring in rings]) for rings in parts] if allowed else []
        if simple and intersections_over_union([from_polygons(simple, height, width)], [mask])[0, 0] >= SMALLEST_IOU:
            return simple
    return [join(rings) for rings in parts]


def join(rings: Sequence[Ring]) -> Ring:
    """Join rings to one by bridges of no width, each between the two corners that are nearest."""
    joined, *others = rings
    for ring in others:
        distances, nearest = cKDTree(joined).query(ring)
        there = int(distances.argmin())
        here = int(nearest[there])
        around = np.roll(ring, -there, axis=0)
        joined = np.concatenate([joined[: here + 1], around, around[:1], joined[here:]])
    return joined


def _parts(mask):
    """Connected parts of a mask, each cut out, and the corner (x, y) of the cut."""
    numbers, _ = ndimage.label(mask)
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
        yield numbers[rows, columns] == number, (columns.start, rows.start)


def _rings(mask, corner):
    """The outer ring of a connected mask, then the rings of its holes, along the edges of the pixels."""
    following = _edges(mask)
    rings = []
    while following:
        start = here = next(iter(following))
        direction, ring = (0, 0), []
        while True:
            ends = following[here]
            # Two lines meet where pixels touch at a corner: the turn to the right stays at the same pixel.
            turn = here[0] - direction[1], here[1] + direction[0]
            there = ends.pop(ends.index(turn) if turn in ends else 0)
            if not ends:
                del following[here]
            if (step := (there[0] - here[0], there[1] - here[1])) != direction:
                ring.append(here)
            here, direction = there, step
            if here == start:
                break
        rings.append(np.array(ring, float) + corner)
    return sorted(rings, key=lambda ring: -np.ptp(ring, axis=0).sum())


def _edges(mask):
    """Edges between the mask and the rest, with the mask on their right: start (x, y) to the list of ends."""
    framed = np.pad(mask, 1).astype(np.int8)
    rows, columns = np.diff(framed, axis=0)[:, 1:-1], np.diff(framed, axis=1)[1:-1]
    following = defaultdict(list)
    for lines, step, forward in ((rows, (1, 0), 1), (columns, (0, 1), -1)):
        for y, x in np.argwhere(lines).tolist():
            ends = (x, y), (x + step[0], y + step[1])
            start, end = ends if lines[y, x] == forward else ends[::-1]
            following[start].append(end)
    return following


def _simplified(ring, tolerance):
    """Ring with fewer corners (Douglas-Peucker); as it is if fewer than three would be left."""
    far = int(np.square(ring - ring[0]).sum(1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    kept, todo = {0, far}, [(0, far), (far, len(ring))]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        between = closed[first + 1 : last] - closed[first]
        along = closed[last] - closed[first]
        length = np.hypot(*along)
        away = np.abs(between[:, 0] * along[1] - between[:, 1] * along[0]) / length if length else np.hypot(*between.T)
        if away.max() > tolerance:
            middle = first + 1 + int(away.argmax())
            kept.add(middle)
            todo += [(first, middle), (middle, last)]
    return ring[sorted(kept)] if len(kept) > 2 else ring
