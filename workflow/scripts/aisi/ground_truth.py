"""The dataset's true masks, for evaluation and the reference rows alone."""

import numpy as np
from pycocotools import mask as rle

from aisi.files import inside
from aisi.formats import IGNORE, NOISY, read_labels


def photos_with_masks(images, folder):
    """The photos that have a true mask, ``{image_id}.png`` in the folder.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.read_images`.
    folder : str or Path

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        If there are photos but none has a mask: most likely the folder is not the right one.
    """
    found = images[[inside(folder, f"{image_id}.png").is_file() for image_id in images["image_id"]]]
    if len(images) and not len(found):
        raise ValueError(
            f"{folder}: none of {len(images)} photos has a true mask here; expected for example "
            f"{images['image_id'].iloc[0]}.png. Name the right folder, or none to leave evaluation out."
        )
    print(f"{len(found)} of {len(images)} photos have a true mask in {folder}.")
    return found


def read_label_map(folder, photo, n_labels=IGNORE - 1):
    """Read a photo's label map and check it.

    Parameters
    ----------
    folder : str or Path
    photo : row of images
        With image_id, height and width.
    n_labels : int
        C, the largest label allowed below 255.

    Returns
    -------
    (H, W) uint8

    Raises
    ------
    ValueError
        If the map has another size than the upright photo, or a label above C other than 255.
    """
    path = inside(folder, f"{photo.image_id}.png")
    labels = read_labels(path)
    if labels.shape != (photo.height, photo.width):
        raise ValueError(
            f"{path}: found {labels.shape[0]} x {labels.shape[1]} pixels, expected {photo.height} x {photo.width} "
            "(height x width of the EXIF-upright photo)."
        )
    wrong = [label for label in _values(labels) if n_labels < label < IGNORE]
    if wrong:
        raise ValueError(f"{path}: found label {wrong[0]}, expected 0 to {n_labels} or {IGNORE}, as in categories.csv.")
    return labels


def true_label(mask, truth):
    """True category of an instance: the one that covers at least half of its pixels that are not 255.

    Parameters
    ----------
    mask : (H, W) bool
    truth : (H, W) uint8
        True class mask.

    Returns
    -------
    int
        1..C, or 0 (noisy) if no category covers half, or nothing but 255 is below the mask. Of two categories with
        half each the lower.
    """
    counts = np.bincount(truth[mask], minlength=IGNORE + 1)[:IGNORE]
    label = 1 + int(counts[1:].argmax())
    return label if counts[label] and 2 * counts[label] >= counts.sum() else NOISY


def true_objects(objects, classes):
    """True instances of a photo.

    Parameters
    ----------
    objects : (H, W) uint8
        0 background, 1.. instances, 255 void.
    classes : (H, W) uint8
        True class mask.

    Returns
    -------
    labels : (n,) int64
        By :func:`true_label`. Objects of no category are left out.
    masks : list of dict
        COCO compressed RLE.
    """
    labels, masks = [], []
    for number in _values(objects):
        if number in (0, IGNORE):
            continue
        mask = objects == number
        if label := true_label(mask, classes):
            labels.append(label)
            masks.append(rle.encode(np.asfortranarray(mask, np.uint8)))
    return np.array(labels, np.int64), masks


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
    cut = [rle.encode(np.asfortranarray(rle.decode(mask) * clear, np.uint8)) for mask in masks]
    kept = [position for position, mask in enumerate(cut) if rle.area(mask)]
    return np.array(kept, np.int64), [cut[position] for position in kept]


def _values(labels):
    """Values that occur, ascending; for bytes much faster than sorting."""
    return np.flatnonzero(np.bincount(labels.ravel(), minlength=IGNORE + 1))
