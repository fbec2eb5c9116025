"""Where the proxies lose their mIoU: step by step from the true masks to the proxies of an assignment."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import ConfusionTotal, confusion_matrix
from aisi.labels import IGNORE, NOISY
from aisi.masks import Rle, decode, encode, values_in
from aisi.proxy_masks import proxy_mask

CAUSES = {
    "not found": "less than half of an object lies in instances of its category",
    "mask shape": "instances instead of the true masks of the objects found",
    "tag": "the assignment's tags instead of the true ones",
    "noise kept": "instances of no category that keep a tag",
    "rejected": "instances of a category that lose theirs",
}
"""What each step changes, in order."""
LEAST_FOUND = 0.5


def step_labels(true: np.ndarray, tags: np.ndarray, unfiltered: np.ndarray) -> list[np.ndarray]:
    """Labels of a photo's instances at each step but the first, 0 = noisy.

    Parameters
    ----------
    true, tags, unfiltered : (n,) int
        From the true masks; of the assignment; of the same with r = 1, for the tags of what the assignment rejects.

    Returns
    -------
    list of (n,) int
        For ``mask shape``, ``tag``, ``noise kept`` and ``rejected``; the last is ``tags``.
    """
    objects, given = true != NOISY, np.where(tags != NOISY, tags, unfiltered)
    return [true, np.where(objects, given, NOISY), np.where(objects, given, tags), tags]


Objects = tuple[np.ndarray, list[Rle]]
"""Labels and masks of a photo's true instances."""


def found_truth(truth: np.ndarray, objects: Objects, masks: Sequence[Rle], labels: np.ndarray) -> np.ndarray:
    """The true class mask without the objects that the instances miss.

    Parameters
    ----------
    truth : (H, W) uint8
        0 background, 1..C, 255 ignore.
    objects : (labels, masks)
        The photo's true instances: (n,) int and COCO RLE.
    masks : list of dict
        Salient instances, COCO RLE.
    labels : (m,) int
        Their true labels.

    Returns
    -------
    (H, W) uint8
        Objects of which less than half lies in instances of their category are background.
    """
    left = truth.copy()
    for label, mask in zip(*objects, strict=True):
        whole, covered = decode(mask), np.zeros(truth.shape, bool)
        for position in np.flatnonzero(labels == label):
            covered |= decode(masks[int(position)])
        if (covered & whole).sum() < LEAST_FOUND * whole.sum():
            left[whole & (truth == label)] = 0
    return left


def class_regions(truth: np.ndarray) -> Objects:
    """The regions of a true class mask as if each category had one object: for datasets without instance masks."""
    labels = [label for label in values_in(truth) if label not in (0, IGNORE)]
    return np.array(labels, np.int64), [encode(truth == label) for label in labels]


def loss_table(
    photos: Iterable[tuple[np.ndarray, Objects | None, Sequence[Rle], Sequence[np.ndarray]]], names: Sequence[str]
) -> pd.DataFrame:
    """IoU lost to each cause.

    Parameters
    ----------
    photos : iterable of (truth, objects, masks, labels)
        truth and masks as for :func:`found_truth`; objects likewise, or None without instance masks; labels: (true,
        tags, unfiltered) as for :func:`step_labels`. Taken one at a time.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    DataFrame
        A row for all categories and each, background first; columns category, those of ``CAUSES``, and iou: what the
        assignment's proxies reach. A row's figures add up to 1.
    """
    totals = [ConfusionTotal(len(names)) for _ in CAUSES]
    for truth, objects, masks, labels in photos:
        proxies: list[np.ndarray | None] = [found_truth(truth, objects or class_regions(truth), masks, labels[0])]
        proxies += [proxy_mask(masks, step, ()) for step in step_labels(*labels)]
        for total, proxy in zip(totals, proxies, strict=True):
            total.add(confusion_matrix(truth, np.zeros_like(truth) if proxy is None else proxy, len(names)))
    rows = [total.rows(names) for total in totals]
    reached = pd.DataFrame([[value for _, _, value, _ in row] for row in rows], index=list(CAUSES)).T
    lost = reached.shift(axis=1, fill_value=1.0) - reached
    lost.insert(0, "category", [name for _, name, _, _ in rows[0]])
    return lost.assign(iou=reached.iloc[:, -1])
