"""Masks of instances: arrays, COCO's run lengths (RLE), its JSON, and boxes around them.

No other module imports pycocotools.mask. An RLE is a dict: size [height, width] and counts, compressed bytes.
"""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from aisi.labels import VOID

Rle = dict[str, Any]
"""COCO compressed RLE of a mask."""


def encode(mask):
    """COCO compressed RLE of a mask, (H, W) bool."""
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))


def decode(mask):
    """Mask (H, W) bool of a COCO compressed RLE."""
    return coco_mask.decode(mask).astype(bool)


def area(mask):
    """Number of pixels, int, of a mask (RLE)."""
    return int(coco_mask.area(mask))


def tight_boxes(masks):
    """Boxes (n, 4) int64, XYXY, half-open, tight around masks (RLE), none of them empty."""
    boxes = coco_mask.toBbox(list(masks)).reshape(-1, 4).astype(np.int64) if masks else np.zeros((0, 4), np.int64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def coco_box(mask):
    """Tight box of a mask (RLE) as COCO's JSON has it: x, y, width, height, list of float."""
    return coco_mask.toBbox(mask).tolist()


def intersections_over_union(masks, others):
    """IoU (n, m) float64 of masks with others, both lists of RLE."""
    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    return coco_mask.iou(masks, others, [0] * len(others))


def covered_shares(mask, others):
    """Share of a mask (RLE) that each of ``others`` (list of RLE) covers, (n,) float64 in [0, 1]."""
    # pycocotools divides the intersection by the area of the first mask if the second one is a crowd
    return coco_mask.iou([mask], others, [1] * len(others))[0] if others else np.zeros(0)


def to_json(mask):
    """An RLE as JSON holds it: counts as text."""
    return {"size": list(map(int, mask["size"])), "counts": mask["counts"].decode("ascii")}


def values_in(labels):
    """Values that occur in a map (H, W) of bytes, ascending; much faster than sorting."""
    return np.flatnonzero(np.bincount(labels.ravel(), minlength=256))


def instances_of_map(numbers):
    """Instances of an instance map.

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


def outside_void(masks, void):
    """Take void pixels away from instances, so that they count neither for nor against.

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


def check_sizes(masks, photo):
    """The masks (list of RLE), checked to be as high and wide as the photo (a row of images)."""
    for mask in masks:
        if list(mask["size"]) != [photo.height, photo.width]:
            raise ValueError(
                f"{photo.image_id}: an instance's mask is {mask['size']}, the photo [{photo.height}, {photo.width}] "
                "(height, width). Instances must be in the EXIF-upright frame."
            )
    return masks


def wrong_size(size, photo):
    """Message for masks whose size, (height, width), is not that of the photo (a row of images)."""
    return (
        f"found masks of {list(size) if size else size} pixels, expected [{photo.height}, {photo.width}] (height, "
        "width of the EXIF-upright photo). Make them from the upright photo at full size."
    )


# ------------------------------------------------------------------ segmentations in the JSON of others
# Decoded here and not by pycocotools, which does not check: short runs give unset memory, far corners exhaust it.


def from_segmentation(segmentation, photo):
    """Mask of an annotation.

    Parameters
    ----------
    segmentation : list or dict
        Polygons, or RLE: plain (counts a list) or compressed (a text).
    photo : row of images
        With height and width, which the mask has to fit.

    Returns
    -------
    dict
        COCO compressed RLE; perhaps without a pixel.

    Raises
    ------
    ValueError
        If it is neither, of another size, or not whole.
    """
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, photo)
    if isinstance(segmentation, list) and segmentation:
        return coco_mask.merge([_from_polygon(polygon, photo) for polygon in segmentation])
    raise ValueError(f"found segmentation {str(segmentation)[:40]}, expected polygons or RLE. Add it.")


def _from_polygon(polygon, photo):
    try:
        corners = np.asarray(polygon, float).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"found polygon {str(polygon)[:40]}, expected numbers x, y, x, y, ... Correct it.") from error
    size = np.array([photo.width, photo.height])
    if len(corners) < 3 or not np.all((corners >= -size) & (corners <= 2 * size)):
        raise ValueError(
            f"found polygon {str(polygon)[:40]}, expected three corners or more, inside {photo.width} x {photo.height} "
            "pixels. Give pixels of the EXIF-upright photo."
        )
    return coco_mask.frPyObjects([corners.ravel().tolist()], photo.height, photo.width)[0]


def _from_runs(segmentation, photo):
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [photo.height, photo.width]:
        raise ValueError(wrong_size(size, photo))
    runs = _uncompressed(counts) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(isinstance(run, int) and run >= 0 for run in runs)
    if not whole or sum(runs) != photo.height * photo.width:
        raise ValueError(f"found RLE {str(counts)[:40]}, whose runs do not add up to the photo. Write it again.")
    mask = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    return encode(mask.reshape(photo.height, photo.width, order="F"))


def _uncompressed(text):
    """Runs of COCO's compressed RLE: five bits a character; the fourth and later runs minus the run two before."""
    runs, value, shift = [], 0, 0
    for letter in text:
        bits = ord(letter) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << shift - 4
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs
