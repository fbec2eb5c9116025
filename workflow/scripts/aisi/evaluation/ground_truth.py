"""The true masks of the dataset. Only evaluation and the rules of references may read them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.voc import read_split_list
from aisi.files import inside
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.masks import read_labels
from aisi.formats.tags import BOX, tag_columns
from aisi.labels import IGNORE, NOISY
from aisi.masks import (
    Rle,
    decode,
    encode,
    outside_void,
    tight_boxes,
    values_in,
)
from aisi.progress import progress


def photos_with_masks(images: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """Select the photos that have a true mask, ``{image_id}.png`` in the folder.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    folder : str or Path

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        If there are photos but none has a mask: most likely the folder is wrong.
    """
    found = images[[inside(folder, f"{image_id}.png").is_file() for image_id in images["image_id"]]]
    if len(images) and not len(found):
        raise ValueError(
            f"{folder}: none of {len(images)} photos has a true mask here, expected for example "
            f"{images['image_id'].iloc[0]}.png. Set the right folder, or null to leave out evaluation."
        )
    print(f"{len(found)} of {len(images)} photos have a true mask in {folder}.")
    return found


def read_label_map(folder: str | Path, photo: Any, n_labels: int = IGNORE - 1) -> np.ndarray:
    """Read a photo's label map and check it.

    Parameters
    ----------
    folder : str or Path
    photo : row of images
        With image_id, height and width.
    n_labels : int
        C, the largest label that is allowed besides 255.

    Returns
    -------
    (H, W) uint8

    Raises
    ------
    ValueError
        If the map does not have the size of the upright photo, or has a label above C other than 255.
    """
    path = inside(folder, f"{photo.image_id}.png")
    labels = read_labels(path)
    if labels.shape != (photo.height, photo.width):
        raise ValueError(
            f"{path}: found {labels.shape[0]} x {labels.shape[1]} pixels, expected {photo.height} x {photo.width} "
            "(height x width of the EXIF-upright photo)."
        )
    wrong = [label for label in values_in(labels) if n_labels < label < IGNORE]
    if wrong:
        raise ValueError(f"{path}: found label {wrong[0]}, expected 0 to {n_labels} or {IGNORE}, as in categories.csv.")
    return labels


def read_if_there(folder: str | Path, photo: Any) -> np.ndarray | None:
    """Read a photo's label map with any labels, as :func:`read_label_map`. None if the folder has no map of it."""
    return read_label_map(folder, photo) if inside(folder, f"{photo.image_id}.png").is_file() else None


def listed_photos(images: pd.DataFrame, list_paths: Sequence[str | Path]) -> pd.DataFrame:
    """Select the photos in lists like those of ``ImageSets``. All photos if there is no list."""
    if not list_paths:
        return images
    photos = PhotoNames.of_ids(images["image_id"])
    names = [name for path in list_paths for name, _ in read_split_list(path, photos)]
    return images[images["image_id"].isin({image_id for name in names for image_id in photos.find(name)})]


def true_label(mask: np.ndarray, truth: np.ndarray) -> int:
    """True category of an instance: the category of at least half of its pixels, void pixels left out.

    Parameters
    ----------
    mask : (H, W) bool
    truth : (H, W) uint8
        True class mask; 255 is void.

    Returns
    -------
    int
        1..C, or 0 (noisy) if no category covers half or all pixels are void. If two categories cover half each, the
        lower label.
    """
    counts = np.bincount(truth[mask], minlength=IGNORE + 1)[:IGNORE]
    label = 1 + int(counts[1:].argmax())
    return label if counts[label] and 2 * counts[label] >= counts.sum() else NOISY


def true_labels(masks: Sequence[Rle], truth: np.ndarray) -> np.ndarray:
    """True label of each instance of a photo, (n,) int64, by :func:`true_label`; masks are COCO compressed RLE."""
    return np.array([true_label(decode(mask), truth) for mask in masks], np.int64)


def oracle_tags(
    images: pd.DataFrame, instances: SalientInstances, labels: np.ndarray, categories: Categories
) -> pd.DataFrame:
    """Tags with the true labels.

    The true category counts even if it is not a keyword of the photo. Keywords name all that is in a photo, so this
    happens only where one was forgotten.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    instances : SalientInstances
        Instances of these photos.
    labels : (N,) int
        True label of each instance, 0 = noisy.
    categories : Categories

    Returns
    -------
    DataFrame
        Columns ``TAG_COLUMNS``. Attention and margin are empty, source is ``override``.
    """
    return tag_columns(instances, images, categories, labels, np.nan, np.nan, "override")


def true_objects(objects: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, list[Rle]]:
    """Find the true instances of a photo in its masks.

    Parameters
    ----------
    objects : (H, W) uint8
        0 background, 1.. instances, 255 void.
    classes : (H, W) uint8
        True class mask.

    Returns
    -------
    labels : (n,) int64
        As from :func:`true_label`. Objects of no category are left out.
    masks : list of dict
        COCO compressed RLE.
    """
    labels: list[int] = []
    masks: list[Rle] = []
    for number in values_in(objects):
        if number in (0, IGNORE):
            continue
        mask = objects == number
        if label := true_label(mask, classes):
            labels.append(label)
            masks.append(encode(mask))
    return np.array(labels, np.int64), masks


def read_objects(
    objects_folder: str | Path, classes_folder: str | Path, photo: Any, n_labels: int
) -> tuple[np.ndarray, list[Rle], np.ndarray]:
    """Read the true instances of a photo.

    Parameters
    ----------
    objects_folder, classes_folder : str or Path
        Folders of instance masks and of class masks.
    photo : row of images
        With image_id, height and width.
    n_labels : int

    Returns
    -------
    labels, masks
        As from :func:`true_objects`.
    void : (H, W) bool
        Pixels that do not count: 255 in the instance mask.
    """
    numbers = read_label_map(objects_folder, photo)
    return *true_objects(numbers, read_label_map(classes_folder, photo, n_labels)), numbers == IGNORE


def true_instances(
    photos: pd.DataFrame, objects_folder: str | Path, classes_folder: str | Path, n_labels: int
) -> tuple[SalientInstances, pd.DataFrame]:
    """Read all true instances of a split as if they were salient instances with tags.

    Parameters
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`. All have an instance mask and a class mask.
    objects_folder, classes_folder : str or Path
        Folders of these masks.
    n_labels : int

    Returns
    -------
    instances : SalientInstances
        All scores are 1.
    tags : DataFrame
        Columns image_id, instance_id, x0, y0, x1, y1, label.
    """
    image_ids: list[str] = []
    numbers: list[int] = []
    masks: list[Rle] = []
    labels: list[int] = []
    photo: Any  # a row
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        own_labels, own_masks, _ = read_objects(objects_folder, classes_folder, photo, n_labels)
        image_ids += [photo.image_id] * len(own_masks)
        numbers += range(len(own_masks))
        masks += own_masks
        labels += own_labels.tolist()
    instances = SalientInstances(
        np.array(image_ids, object),
        np.array(numbers, np.int64),
        tight_boxes(masks),
        np.ones(len(masks), np.float32),
        masks,
    )
    boxes = dict(zip(BOX, instances.boxes.T, strict=True))
    return instances, pd.DataFrame({"image_id": image_ids, "instance_id": numbers, **boxes, "label": labels})


def read_truth(
    photos: pd.DataFrame,
    with_classes: pd.DataFrame,
    with_objects: pd.DataFrame,
    classes_folder: str | Path,
    objects_folder: str | Path,
    n_labels: int,
) -> Iterator[tuple[np.ndarray | None, tuple[np.ndarray, list[Rle], np.ndarray] | None]]:
    """Read the true masks, one photo at a time.

    Parameters
    ----------
    photos, with_classes, with_objects : DataFrame
        As from :func:`aisi.formats.dataset.read_images`: all photos, those with a class mask to read, and those with
        an instance mask to read.
    classes_folder, objects_folder : str or Path
        Folders of class masks and of instance masks.
    n_labels : int

    Yields
    ------
    truth : (H, W) uint8 or None
        As from :func:`read_label_map`.
    objects : tuple or None
        As from :func:`read_objects`.
    """
    class_ids, object_ids = set(with_classes["image_id"]), set(with_objects["image_id"])
    photo: Any  # a row
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        truth = read_label_map(classes_folder, photo, n_labels) if photo.image_id in class_ids else None
        has_objects = photo.image_id in object_ids
        yield truth, read_objects(objects_folder, classes_folder, photo, n_labels) if has_objects else None


def instance_pairs(
    photos: Iterable[Any],
    classes_folder: str | Path,
    objects_folder: str | Path,
    found: Mapping[str, tuple[list[int], list[float], list[Rle]]],
    n_labels: int,
) -> Iterator[tuple[np.ndarray, list[Rle], list[int], list[float], list[Rle]]]:
    """Pair true instances with found ones, one photo at a time.

    Parameters
    ----------
    photos : iterable of rows of images
    classes_folder, objects_folder : str or Path
        Folders of class masks and of instance masks.
    found : dict
        As from :func:`aisi.formats.coco.read_instances`.
    n_labels : int

    Yields
    ------
    true_labels, true_masks, labels, scores, masks
        For :func:`aisi.evaluation.metrics.average_precision_metrics`. Found instances have no void pixels.
    """
    for photo in photos:
        true_labels, true_masks, void = read_objects(objects_folder, classes_folder, photo, n_labels)
        labels, scores, whole = found.get(photo.image_id, ([], [], []))
        kept, cut = outside_void(whole, void)
        yield true_labels, true_masks, [labels[k] for k in kept], [scores[k] for k in kept], cut
