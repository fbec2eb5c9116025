"""Class-agnostic instances from another detector: COCO JSON, or a folder of instance PNGs.

Both readers yield, photo by photo, the arguments of :meth:`aisi.formats.instances.SalientInstancesWriter.append`. It is
an error if the file says nothing about a photo: a photo without instances must be listed too.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.dataset.coco import match_images
from aisi.dataset.photo_names import PhotoNames
from aisi.files import inside
from aisi.formats.coco import REJECTED, coco_id, crowd_flags, read_coco_instances
from aisi.formats.masks import read_instance_map
from aisi.masks import area, from_segmentation, instances_of_map, tight_boxes, wrong_size

MAX_HINTS = 20
"""Missing photos for which similar names are looked up, since that takes time in a long list."""
PhotoInstances = tuple[str, np.ndarray, np.ndarray, list[dict[str, Any]]]


def from_coco(coco_path: str | Path, images: pd.DataFrame, on_bad_instance: str = "stop") -> Iterator[PhotoInstances]:
    """Read instances from COCO JSON.

    Parameters
    ----------
    coco_path : str or Path
        A dataset (images and annotations), or results (a bare list). The images of a dataset are matched by file_name,
        or by id where there is no file_name; results by image_id. Masks are polygons, compressed RLE or plain RLE.
        Where there is no score, it is 1. Crowds and rejected instances are left out.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    on_bad_instance : {"stop", "skip"}
        What happens to an annotation without a mask that fits its photo, without a pixel or with a wrong score:
        ``stop`` makes it part of the error, ``skip`` prints it and leaves it out.

    Yields
    ------
    image_id : str
    boxes : (n, 4) int64
        XYXY, half-open, tight around the masks.
    scores : (n,) float64
        Descending.
    masks : list of dict
        COCO compressed RLE.

    Raises
    ------
    ValueError
        With every photo that the file does not name and, with ``stop``, every bad annotation.
    """
    listed, annotations = read_coco_instances(coco_path)
    photos = {photo.image_id: photo for photo in images.itertuples()}
    found, problems = _match(coco_path, listed, annotations, photos)
    bad: dict[str, list[str]] = {}
    left_out = Counter[str]()
    places = {id(annotation): place for place, annotation in enumerate(annotations, 1)}
    instances = {}
    crowds = dict(zip(map(id, annotations), crowd_flags(annotations), strict=True))
    for image_id, entries in found.items():
        masks, scores = [], []
        for annotation in entries:
            if annotation.get(REJECTED) is True or crowds[id(annotation)]:
                left_out["rejected instances" if annotation.get(REJECTED) is True else "crowds"] += 1
                continue
            try:
                mask, score = _mask(annotation, photos[image_id]), _score(annotation)
            except ValueError as error:
                bad.setdefault(str(error), []).append(f"{_name(annotation, places)} of {image_id!r}")
            else:
                masks.append(mask)
                scores.append(score)
        instances[image_id] = masks, scores
    for name, count in left_out.items():
        print(f"{coco_path}: {count} {name} are left out.")
    if on_bad_instance == "stop":
        problems += _summed(coco_path, bad)
    elif bad:
        count = sum(map(len, bad.values()))
        print("\n".join([f"{coco_path}: {count} bad annotations are left out:", *_summed(coco_path, bad)]))
    if problems:
        raise ValueError("\n".join(problems))
    for image_id, (masks, scores) in instances.items():
        yield image_id, *_sorted_instances(masks, scores)


def _name(annotation, places):
    """An annotation by its id, or by its place in the file if it has none, as results do."""
    return f"annotation {annotation['id']}" if "id" in annotation else f"entry {places[id(annotation)]}"


def _summed(path, bad):
    """A line for each different error, with the first annotation that has it and the number of others."""
    return [
        f"{path}: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {error}"
        for error, names in bad.items()
    ]


def _mask(annotation, photo):
    segmentation = annotation.get("segmentation")
    if not segmentation and annotation.get("bbox"):
        raise ValueError("found only a box, expected polygons or RLE. Add the mask.")
    mask = from_segmentation(segmentation, photo)
    if not area(mask):
        raise ValueError("found a mask without a pixel. Remove the annotation.")
    return mask


def from_masks(masks_folder: str | Path, images: pd.DataFrame) -> Iterator[PhotoInstances]:
    """Read instances from PNGs named ``{image_id}.png``: 0 is background, 255 void, any other value one instance.

    Parameters
    ----------
    masks_folder : str or Path
        Palette or grey PNGs of 8 or 16 bits, in the EXIF-upright frame of the photos.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.

    Yields
    ------
    As from :func:`from_coco`. All scores are 1; instances are in the order of their values.

    Raises
    ------
    ValueError
        Before the first PNG is read, with every photo that has no PNG. After the last one, with every PNG whose size is
        not that of its photo.
    """
    paths = {photo.image_id: inside(masks_folder, f"{photo.image_id}.png") for photo in images.itertuples()}
    problems = [
        f"{path}: not found, expected the instances of photo {image_id!r}. Add the PNG. For a photo without instances, "
        "all its pixels are 0."
        for image_id, path in paths.items()
        if not path.is_file()
    ]
    if problems:
        raise ValueError("\n".join(problems))
    for photo in images.itertuples():
        values = read_instance_map(paths[photo.image_id])
        if values.shape != (photo.height, photo.width):
            problems.append(f"{paths[photo.image_id]}: {wrong_size(values.shape, photo)}")
            continue
        masks = instances_of_map(values)
        yield photo.image_id, *_sorted_instances(masks, [1.0] * len(masks))
    if problems:
        raise ValueError("\n".join(problems))


def _match(path, listed, annotations, photos):
    """Annotations of every photo, by image_id, and problems."""
    found: dict[Any, list[dict[str, Any]]] = {image_id: [] for image_id in photos}
    names = PhotoNames.of_ids(photos)
    if listed is None:
        meant = {name: names.find(name) for name in {str(annotation.get("image_id")) for annotation in annotations}}
        for annotation in annotations:
            own = meant[str(annotation.get("image_id"))]
            found.get(own[0] if len(own) == 1 else None, []).append(annotation)
        problems = [
            f"{path}: image_id {name!r} may be photo {' or '.join(map(repr, own[:3]))}. Write the whole image_id."
            for name, own in meant.items()
            if len(own) > 1
        ]
        if photos and annotations and not any(found.values()) and not problems:
            problems = [
                f"{path}: found none of the {len(photos)} photos in {len(annotations)} results. Found for example the "
                f"image_id {annotations[0].get('image_id')!r}, expected for example {next(iter(photos))!r}. Correct "
                "the ids, or add a list 'images' with each photo's file_name to the file."
            ]
        return found, problems
    matched, problems = match_images(path, listed, names)
    lost = [image_id for image_id in photos if image_id not in matched]
    others = PhotoNames.of_ids(str(image.get("file_name") or image.get("id")) for image in listed)
    for number, image_id in enumerate(lost):
        near = others.nearest(image_id) if number < MAX_HINTS else []
        hint = f" The nearest names are {', '.join(map(repr, near))}." if near else ""
        problems.append(
            f"{path}: no image has file_name {image_id!r} with a suffix. Add it to 'images', even if it has no "
            f"instances.{hint}"
        )
    image_ids = {coco_id(image.get("id")): image_id for image_id, image in matched.items()}
    if len(image_ids) < len(matched):
        problems.append(f"{path}: two images have the same id. Give each image its own id.")
    for annotation in annotations:
        found.get(image_ids.get(coco_id(annotation.get("image_id"))), []).append(annotation)
    return found, problems


def _score(annotation):
    score = annotation.get("score", 1.0)
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f"found score {score!r}, expected a number from 0 to 1. Scale the scores.")
    return float(score)


def _sorted_instances(masks, scores):
    """Boxes, scores and masks by descending score."""
    order = np.argsort(-np.array(scores, float), kind="stable").tolist()
    masks = [masks[i] for i in order]
    return tight_boxes(masks), np.array(scores, float)[order], masks
