"""COCO's JSON: which keywords its images have, what photos are called, and masks as polygons and runs."""

import os
import unicodedata
from collections import Counter

import numpy as np
from pycocotools import mask as rle

from aisi.formats import read_coco_labels


def photo_name(file_name):
    """What a photo is called here: its path below the folder of photos, without suffix."""
    return os.path.splitext(unicodedata.normalize("NFC", file_name))[0]


_KEYS = {
    "categories": {"id": int, "name": str},
    "images": {"id": int | str, "file_name": str},
    "annotations": {"id": int | str, "image_id": int | str, "category_id": int},
}


def keywords_of_images(path):
    """Keywords of a dataset's images: the categories of their annotations, crowds too, whatever their masks.

    Parameters
    ----------
    path : str or Path
        COCO instances.

    Returns
    -------
    images : list of (str, str, list of str)
        Name of the photo, where that is said, keywords by ascending category id.
    categories : dict
        Name to id, by ascending id; also those without an annotation.
    problems : list of str
        One for each kind of mistake, with a count and an example.
    """
    content, problems = read_coco_labels(path), []
    for kind, keys in _KEYS.items():
        entries, wrong, content[kind] = content[kind], [], []
        for entry in entries:
            whole = all(isinstance(entry.get(key), keys[key]) for key in keys)
            (content[kind] if whole else wrong).append(entry)
        if wrong:
            problems.append(
                f"{path}: {len(wrong)} of {len(entries)} {kind} lack {', '.join(keys)}, or these are of another type, "
                f"such as {wrong[0]}. Complete or remove them."
            )
        twice = [number for number, n in Counter(entry["id"] for entry in content[kind]).items() if n > 1]
        if twice:
            problems.append(
                f"{path}: {len(twice)} ids of {kind} are there twice, such as {twice[0]}. Number them anew."
            )
    names = {entry["id"]: unicodedata.normalize("NFC", entry["name"].strip()) for entry in content["categories"]}
    categories = {names[number]: number for number in sorted(names)}
    if len(categories) < len(names):
        problems.append(f"{path}: two categories have the same name. Rename one.")
    found = {image["id"]: set() for image in content["images"]}
    for key, known in (("image_id", found), ("category_id", names)):
        lost = [entry for entry in content["annotations"] if entry[key] not in known]
        if lost:
            problems.append(
                f"{path}: {len(lost)} annotations have an unknown {key}, such as {lost[0][key]} of annotation "
                f"{lost[0]['id']}. Remove them, or add what they name."
            )
    for annotation in content["annotations"]:
        found.get(annotation["image_id"], set()).add(annotation["category_id"])
    images = []
    for image in content["images"]:
        keywords = [name for name, number in categories.items() if number in found[image["id"]]]
        images.append((photo_name(image["file_name"]), f"{path}, image {image['id']}", keywords))
    return images, categories, problems


# Decoded here and not by pycocotools, which does not check: short runs give unset memory, far corners exhaust it.


def decode(segmentation, photo):
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
        return _decode_runs(segmentation, photo)
    if isinstance(segmentation, list) and segmentation:
        return rle.merge([_decode_polygon(polygon, photo) for polygon in segmentation])
    raise ValueError(f"found segmentation {str(segmentation)[:40]}, expected polygons or RLE. Add it.")


def _decode_polygon(polygon, photo):
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
    return rle.frPyObjects([corners.ravel().tolist()], photo.height, photo.width)[0]


def _decode_runs(segmentation, photo):
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [photo.height, photo.width]:
        raise ValueError(wrong_size(size, photo))
    runs = _uncompressed(counts) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(isinstance(run, int) and run >= 0 for run in runs)
    if not whole or sum(runs) != photo.height * photo.width:
        raise ValueError(f"found RLE {str(counts)[:40]}, whose runs do not add up to the photo. Write it anew.")
    mask = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    return encode(mask.reshape(photo.height, photo.width, order="F"))


def _uncompressed(text):
    """Runs of COCO's compressed RLE: five bits a character, each run but the first three less the one two before."""
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


def wrong_size(size, photo):
    """What to say of masks whose size, (height, width), is not that of the photo."""
    return (
        f"found masks of {list(size) if size else size} pixels, expected [{photo.height}, {photo.width}] (height, "
        "width of the EXIF-upright photo). Make them of the upright photo at full size."
    )


def encode(mask):
    """COCO compressed RLE of a mask, (H, W) bool."""
    return rle.encode(np.asfortranarray(mask, np.uint8))
