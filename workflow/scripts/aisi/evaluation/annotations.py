"""The annotations of a dataset in COCO's layout, for evaluation and references alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.dataset.coco import match_images
from aisi.dataset.photo_names import PhotoNames
from aisi.formats.coco import coco_id, crowd_flags, read_coco
from aisi.formats.dataset import Categories
from aisi.labels import IGNORE
from aisi.masks import Rle, area, coco_box, decode, from_segmentation, wrong_size
from aisi.progress import progress

NO_PIXEL = [[0, 0] * 3]
"""Polygon of an annotation that has none: no pixel, as in COCO's own tools."""


def annotations_of_photos(path: str | Path, images: pd.DataFrame) -> Iterator[tuple[Any, Any, list[dict[str, Any]]]]:
    """Read the annotations of a dataset's COCO JSON, photo by photo.

    Parameters
    ----------
    path : str or Path
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`; photos that are not in the file are left out.

    Yields
    ------
    photo : row of images
    number : int or str
        The JSON's own id of the image, as from :func:`aisi.formats.coco.coco_id`.
    annotations : list of dict
        As in the JSON, with segmentation as COCO compressed RLE, perhaps without pixels; category_id as int; iscrowd 1
        or 0, as :func:`aisi.formats.coco.crowd_flags` says.

    Raises
    ------
    ValueError
        After the last photo, with all masks that cannot be read or do not fit their photo.
    """
    coco = read_coco(path)
    annotations: dict[Any, list[dict[str, Any]]] = {}
    for annotation, crowd in zip(coco["annotations"], crowd_flags(coco["annotations"]), strict=True):
        read = {"category_id": coco_id(annotation.get("category_id")), "iscrowd": int(crowd)}
        annotations.setdefault(coco_id(annotation.get("image_id")), []).append(annotation | read)
    listed, problems = match_images(path, coco["images"], PhotoNames.of_ids(images["image_id"]))
    photo: Any  # a row
    for photo in images[images["image_id"].isin(listed)].itertuples():
        image = listed[photo.image_id]
        size = [image.get("height", photo.height), image.get("width", photo.width)]
        if size != [photo.height, photo.width]:
            problems.append(f"{path}: image {photo.image_id!r}: {wrong_size(size, photo)}")
            continue
        masked = []
        for annotation in annotations.get(coco_id(image.get("id")), ()):
            try:
                polygons = annotation.get("segmentation")
                mask = from_segmentation(NO_PIXEL if polygons == [] else polygons, photo)
            except ValueError as error:
                problems.append(f"{path}: annotation {annotation.get('id', '')} of {photo.image_id!r}: {error}")
            else:
                masked.append(annotation | {"segmentation": mask})
        yield photo, coco_id(image.get("id")), masked
    if problems:
        raise ValueError("\n".join(problems))


def annotated_objects(
    path: str | Path, images: pd.DataFrame, categories: Categories
) -> Iterator[tuple[Any, np.ndarray, list[Rle]]]:
    """Read the true instances of a dataset's COCO JSON, photo by photo.

    Parameters
    ----------
    path, images
        As for :func:`annotations_of_photos`.
    categories : Categories

    Yields
    ------
    photo : row of images
    labels : (n,) int64
        1..C, or 255 for a crowd.
    masks : list of dict
        COCO compressed RLE, none is empty.

    Raises
    ------
    ValueError
        As in :func:`annotations_of_photos`.
    """
    n_empty = 0
    for photo, _, annotations in annotations_of_photos(path, images):
        drawn = [annotation for annotation in annotations if area(annotation["segmentation"])]
        n_empty += len(annotations) - len(drawn)
        labels = [
            IGNORE if annotation["iscrowd"] else categories.label_of_id[annotation["category_id"]]
            for annotation in drawn
        ]
        yield photo, np.array(labels, np.int64), [annotation["segmentation"] for annotation in drawn]
    print(f"{path}: {n_empty} annotations without pixels are left out.")


@dataclass(frozen=True)
class AnnotatedTruth:
    """True instances as a dataset's COCO JSON annotates them: whole masks, crowds, the file's own areas.

    Attributes
    ----------
    annotations : list of dict
        For :func:`aisi.evaluation.metrics.coco_metrics`.
    numbers : dict
        image_id to the number of the image in the annotations; also of images without annotations.
    ids : dict
        image_id to the JSON's own id of the image.
    """

    annotations: list[dict[str, Any]]
    numbers: dict[str, int]
    ids: dict[str, Any]


def read_annotated_truth(paths: Sequence[str | Path], images: pd.DataFrame, categories: Categories) -> AnnotatedTruth:
    """Read the true instances of photos for COCO's own evaluation.

    Parameters
    ----------
    paths : sequence of str or Path
        COCO JSON of the splits of these photos.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`; photos that are in none of the files are left out.
    categories : Categories

    Returns
    -------
    AnnotatedTruth
        Images have their own numbers if these are whole numbers and all different, which settles the order of equal
        scores; else they are numbered by image_id.

    Raises
    ------
    ValueError
        As in :func:`annotations_of_photos`.
    """
    found = [
        (photo.image_id, number, annotations)
        for path in paths
        for photo, number, annotations in progress(annotations_of_photos(path, images), unit="photo")
    ]
    own = [number for _, number, _ in found]
    usable = all(isinstance(number, int) for number in own) and len(set(own)) == len(own)
    by_name = {image_id: place for place, image_id in enumerate(sorted(image_id for image_id, *_ in found), 1)}
    numbers = {image_id: number if usable else by_name[image_id] for image_id, number, _ in found}
    true = [
        {
            "image_id": numbers[image_id],
            "category_id": categories.label_of_id[annotation["category_id"]],
            "iscrowd": annotation["iscrowd"],
            "area": annotation.get("area", area(annotation["segmentation"])),
            "segmentation": annotation["segmentation"],
        }
        for image_id, _, annotations in found
        for annotation in annotations
    ]
    return AnnotatedTruth(true, numbers, {image_id: number for image_id, number, _ in found})


def found_annotations(
    number: int, labels: Sequence[int] | np.ndarray, scores: Sequence[float] | np.ndarray, masks: Sequence[Rle]
) -> list[dict[str, Any]]:
    """Found instances of a photo for COCO's own evaluation.

    Parameters
    ----------
    number : int
        Of the image, as in :class:`AnnotatedTruth`.
    labels, scores : (n,) int, (n,) float
    masks : sequence of dict
        COCO compressed RLE.

    Returns
    -------
    list of dict
        The area is that of the box, as pycocotools has it for results with boxes.
    """
    found = []
    for label, score, mask in zip(labels, scores, masks, strict=True):
        _, _, width, height = coco_box(mask)
        head = {"image_id": number, "category_id": int(label), "iscrowd": 0, "area": width * height}
        found.append(head | {"score": float(score), "segmentation": mask})
    return found


def label_maps(
    labels: Sequence[int] | np.ndarray, masks: Sequence[Rle], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the class mask and the instance mask of a photo's true instances.

    Parameters
    ----------
    labels : (n,) int
        1..C, or 255 for instances that do not count.
    masks : list of dict
        COCO compressed RLE.
    size : (int, int)
        Height and width.

    Returns
    -------
    classes, objects : (H, W) uint8
        0 is background, 255 does not count. Other values are labels in the first, and 1.. for the instances in their
        order in the second. A palette PNG holds 254 instances: if there are more, the smallest do not count.
    """
    classes, objects = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    # ASSUME: crowds are below all instances. Where two instances overlap, the smaller one is on top, as in proxy masks;
    # if their areas are equal, the first one.
    areas = [area(mask) for mask in masks]
    order = sorted(range(len(masks)), key=lambda i: (labels[i] != IGNORE, -areas[i], -i))
    numbered = sorted([i for i in order if labels[i] != IGNORE][: IGNORE - 1])
    number_of = {i: number for number, i in enumerate(numbered, 1)}
    for i in order:
        covered = decode(masks[i])
        classes[covered], objects[covered] = labels[i], number_of.get(i, IGNORE)
    return classes, objects
