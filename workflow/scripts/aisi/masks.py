"""Masks of instances: arrays, COCO's run lengths (RLE), its JSON, and boxes around them.

No other module imports pycocotools.mask. An RLE is a dict: size [height, width] and counts, compressed bytes.
pycocotools checks nothing: runs that fall short give unset memory, longer ones overwrite it. So every RLE from a file
goes through :func:`check_rle` first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from aisi.labels import VOID

Rle = dict[str, Any]
"""COCO compressed RLE of a mask."""
LONGEST_OUTLINE = 4_000_000
"""Pixels of a polygon's outline; pycocotools needs 100 bytes for each, and crashes without memory."""


def encode(mask: np.ndarray) -> Rle:
    """Convert a mask, (H, W) bool, to COCO compressed RLE."""
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))


def decode(mask: Rle) -> np.ndarray:
    """Convert COCO compressed RLE to a mask, (H, W) bool."""
    return coco_mask.decode(mask).astype(bool)


def runs_of(counts: bytes) -> np.ndarray:
    """Read the run lengths of COCO's compressed RLE.

    Parameters
    ----------
    counts : bytes
        Five bits per character, least significant first; 32 marks that another one follows. From the fourth run on, the
        number is the run minus the run two before.

    Returns
    -------
    (k,) int64
        Pixels of each run, down the columns: background, mask, background, ...

    Raises
    ------
    ValueError
        If these are no such counts, or a run is negative.
    """
    letters = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((letters & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    lengths = ends - starts + 1
    whole = len(ends) and ends[-1] == len(letters) - 1 and letters.min() >= 0 and letters.max() < 64
    if not whole or lengths.max() > 8:
        raise ValueError(f"found RLE {counts[:40]!r}, expected COCO's compressed run lengths. Write it again.")
    shifts = 5 * (np.arange(len(letters)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((letters & 31) << shifts, starts)
    runs -= np.where(letters[ends] & 16, 1 << (5 * lengths), 0)
    for first in (1, 2):
        runs[first::2] = np.cumsum(runs[first::2])
    if runs.min() < 0:
        raise ValueError(f"found RLE {counts[:40]!r} with a negative run, expected pixels. Write it again.")
    return runs


def check_rle(mask: Any) -> Rle:
    """Check that COCO compressed RLE is whole: its runs add up to the pixels of its size; return it.

    Raises
    ------
    ValueError
    """
    size, counts = mask["size"], mask["counts"]
    runs = runs_of(counts.encode("ascii", errors="replace") if isinstance(counts, str) else counts)
    right = len(size) == 2 and all(type(side) is int and 0 < side < 1 << 31 for side in size)
    if not right or int(runs.sum()) != size[0] * size[1]:
        raise ValueError(
            f"found RLE {counts[:40]!r} of size {size}, whose runs do not add up to its pixels. Write it again."
        )
    return mask


def area(mask: Rle) -> int:
    """Count the pixels of a mask (RLE)."""
    return int(coco_mask.area(mask))


def tight_boxes(masks: Sequence[Rle]) -> np.ndarray:
    """Compute the tight boxes of masks (RLE, none of them empty): (n, 4) int64, XYXY, half-open."""
    boxes = coco_mask.toBbox(list(masks)).reshape(-1, 4).astype(np.int64) if masks else np.zeros((0, 4), np.int64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def coco_box(mask: Rle) -> list[float]:
    """Compute the tight box of a mask (RLE) as in COCO's JSON: x, y, width, height."""
    return coco_mask.toBbox(mask).tolist()


def intersections_over_union(masks: Sequence[Rle], others: Sequence[Rle]) -> np.ndarray:
    """Compute the IoU (n, m) float64 of each of ``masks`` with each of ``others``, both lists of RLE."""
    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    return coco_mask.iou(masks, others, [0] * len(others))


def covered_shares(mask: Rle, others: Sequence[Rle]) -> np.ndarray:
    """Compute the share of a mask (RLE) that each of ``others`` (list of RLE) covers: (n,) float64 in [0, 1]."""
    # pycocotools divides the intersection by the area of the first mask if the second one is a crowd
    return coco_mask.iou([mask], others, [1] * len(others))[0] if others else np.zeros(0)


def from_polygons(polygons: Sequence[np.ndarray], height: int, width: int) -> Rle:
    """Mask (RLE) of the union of polygons, each (n, 2) corners x, y in pixels."""
    return coco_mask.merge(coco_mask.frPyObjects([polygon.ravel().tolist() for polygon in polygons], height, width))


def to_json(mask: Rle) -> Rle:
    """Convert an RLE for JSON: counts become text."""
    return {"size": list(map(int, mask["size"])), "counts": mask["counts"].decode("ascii")}


def values_in(labels: np.ndarray) -> np.ndarray:
    """List the values that occur in a map (H, W) of bytes, ascending; much faster than sorting."""
    return np.flatnonzero(np.bincount(labels.ravel(), minlength=256))


def instances_of_map(numbers: np.ndarray) -> list[Rle]:
    """Separate the instances of an instance map.

    Parameters
    ----------
    numbers : (H, W) int
        0 background, 255 void, any other value one instance.

    Returns
    -------
    list of dict
        COCO compressed RLE, by ascending value.
    """
    return [encode(numbers == number) for number in np.unique(numbers) if number not in (0, VOID)]


def outside_void(masks: Sequence[Rle], void: np.ndarray) -> tuple[np.ndarray, list[Rle]]:
    """Remove void pixels from instances, so that these pixels have no effect in evaluation.

    Parameters
    ----------
    masks : list of dict
        COCO compressed RLE.
    void : (H, W) bool

    Returns
    -------
    kept : (m,) int64
        Positions of the instances that have pixels left.
    masks : list of dict
        Their masks without the void pixels.
    """
    clear = ~np.asarray(void, bool)
    cut = [encode(decode(mask) & clear) for mask in masks]
    kept = [position for position, mask in enumerate(cut) if area(mask)]
    return np.array(kept, np.int64), [cut[position] for position in kept]


def check_sizes(masks: list[Rle], photo: Any) -> list[Rle]:
    """Check that masks (RLE) have the height and width of the photo (a row of images); return the masks."""
    for mask in masks:
        if list(mask["size"]) != [photo.height, photo.width]:
            raise ValueError(
                f"{photo.image_id}: found a mask of size {mask['size']}, expected [{photo.height}, {photo.width}] "
                "(height, width of the EXIF-upright photo). Make the masks from the upright photo at full size."
            )
    return masks


def wrong_size(size: Sequence[int] | None, photo: Any) -> str:
    """Message for masks whose size, (height, width), differs from that of the photo (a row of images)."""
    return (
        f"found masks of {list(size) if size else size} pixels, expected [{photo.height}, {photo.width}] (height, "
        "width of the EXIF-upright photo). Make them from the upright photo at full size."
    )


# ------------------------------------------------------------------ segmentations in the JSON of others
# Decoded here and not by pycocotools, which checks nothing: short runs give unset memory, far corners exhaust memory.


def from_segmentation(segmentation: Any, photo: Any) -> Rle:
    """Convert the segmentation of an annotation to a mask.

    Parameters
    ----------
    segmentation : list or dict
        Polygons, or RLE: plain (counts a list) or compressed (a text).
    photo : row of images
        The mask must have its height and width.

    Returns
    -------
    dict
        COCO compressed RLE. It may have no pixel.

    Raises
    ------
    ValueError
        If it is neither polygons nor RLE, has another size, or is incomplete.
    """
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, photo)
    if isinstance(segmentation, list) and segmentation:
        flat = len(segmentation) >= 6 and all(type(value) in (int, float) for value in segmentation)
        return coco_mask.merge(
            [_from_polygon(polygon, photo) for polygon in ([segmentation] if flat else segmentation)]
        )
    raise ValueError(f"found segmentation {str(segmentation)[:40]}, expected polygons or RLE. Add it.")


def _from_polygon(polygon, photo):
    try:
        corners = np.asarray(polygon, float).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"found polygon {str(polygon)[:40]}, expected numbers x, y, x, y, ... Correct it.") from error
    size = np.array([photo.width, photo.height])
    if np.all((corners >= 0) & (corners <= 1)) and np.any(corners % 1):
        raise ValueError(
            f"found polygon {str(polygon)[:40]} with numbers from 0 to 1, expected pixels. Multiply x by the width "
            f"{photo.width} and y by the height {photo.height}."
        )
    if len(corners) < 3 or not np.all((corners >= -size) & (corners <= 2 * size)):
        raise ValueError(
            f"found polygon {str(polygon)[:40]}, expected three corners or more, inside {photo.width} x {photo.height} "
            "pixels. Give pixels of the EXIF-upright photo."
        )
    outline = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(1).sum()
    if outline > LONGEST_OUTLINE:
        raise ValueError(
            f"found a polygon of {len(corners)} corners and an outline of {outline:.0f} pixels, expected at most "
            f"{LONGEST_OUTLINE}. Simplify it, or write RLE."
        )
    return coco_mask.frPyObjects([corners.ravel().tolist()], photo.height, photo.width)[0]


def _from_runs(segmentation, photo):
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [photo.height, photo.width]:
        raise ValueError(wrong_size(size, photo))
    try:
        runs = runs_of(counts.encode("ascii", errors="replace")).tolist() if isinstance(counts, str) else counts
    except ValueError:
        runs = None
    whole = isinstance(runs, list) and all(isinstance(run, int) and run >= 0 for run in runs)
    if not whole or sum(runs) != photo.height * photo.width:
        raise ValueError(
            f"found RLE {str(counts)[:40]}, whose runs do not add up to the photo's pixels. Write it again."
        )
    mask = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    return encode(mask.reshape(photo.height, photo.width, order="F"))
