"""Figures of merit: accuracy of tags, IoU of label maps, recall and AP of instances.

Rows are ``(metric, category, value, n)``. The category is ``all`` or a name. The value is NaN if there is nothing to
count. n is the number of items that the value counts. :mod:`aisi.formats.photo_counts` says what the counts of a photo
are.
"""

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from aisi.formats.metrics import METRIC_COLUMNS
from aisi.formats.photo_counts import PHOTO_COUNT_COLUMNS
from aisi.labels import ALL, BACKGROUND, IGNORE, NOISY, NOISY_TAG
from aisi.masks import Rle, area, intersections_over_union

Row = tuple[str, str, float, int]
"""Metric, category, value and n."""
Count = tuple[str, str, int, int, int]
"""image_id, category, hits, true and found."""


class Evaluation(NamedTuple):
    """Figures of all photos, and the counts of each."""

    rows: list[Row]
    counts: list[Count]


def metric_table(
    rows: Iterable[Row],
    assignment: str = "",
    network: str = "",
    seed: int | str = 0,
    task: str = "",
    split: str = "",
    protocol: str = "",
) -> pd.DataFrame:
    """Rows of this module's functions as a table with columns ``METRIC_COLUMNS``."""
    head = (assignment, network, seed, task, split, protocol)
    return pd.DataFrame([(*head, *row) for row in rows], columns=METRIC_COLUMNS)


def count_table(counts: Iterable[Count], **head: Any) -> pd.DataFrame:
    """Counts as a table with columns ``PHOTO_COUNT_COLUMNS``; ``head`` as for :func:`metric_table`."""
    first = [head.get(name, "") for name in ("assignment", "network", "seed", "task", "split", "protocol")]
    return pd.DataFrame([(*first, *count) for count in counts], columns=PHOTO_COUNT_COLUMNS)


def share(hits: np.ndarray) -> tuple[float, int]:
    """Share of hits, (n,) bool, and n. The share of nothing is NaN."""
    return (float(np.mean(hits)) if len(hits) else np.nan), len(hits)


def tag_metrics(
    labels: Sequence[int] | np.ndarray | pd.Series,
    true_labels: Sequence[int] | np.ndarray | pd.Series,
    n_keywords: Sequence[int] | np.ndarray | pd.Series,
    names: Sequence[str],
) -> list[Row]:
    """Accuracy of tags.

    Parameters
    ----------
    labels, true_labels : (N,) int
        0 = noisy.
    n_keywords : (N,) int
        Number of keywords of each instance's photo.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    list of tuple
        ``accuracy``: share of all instances with the right tag; ``noisy`` is right for an instance of no category.
        ``accuracy_objects``: the same among instances with a true category, over all and for each category.
        ``accuracy_multi``: the same among those in photos with two or more keywords. ``retained``: share of instances
        with a tag.
    """
    labels, true_labels, n_keywords = (np.asarray(values, np.int64) for values in (labels, true_labels, n_keywords))
    right, objects = labels == true_labels, true_labels != NOISY
    rows = [
        ("accuracy", ALL, *share(right)),
        ("accuracy_objects", ALL, *share(right[objects])),
        ("accuracy_multi", ALL, *share(right[objects & (n_keywords >= 2)])),
        ("retained", ALL, *share(labels != NOISY)),
    ]
    return rows + [
        ("accuracy_objects", name, *share(right[true_labels == label])) for label, name in enumerate(names, start=1)
    ]


def tag_counts(
    image_ids: Iterable[str],
    labels: Sequence[int] | np.ndarray | pd.Series,
    true_labels: Sequence[int] | np.ndarray | pd.Series,
    names: Sequence[str],
) -> list[Count]:
    """Count the tags of each photo.

    Parameters
    ----------
    image_ids : (N,) str
        Photo of each instance.
    labels, true_labels, names
        As for :func:`tag_metrics`.

    Returns
    -------
    list of tuple
        By photo, then by label; ``noisy`` first.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for image_id, *pair in zip(image_ids, labels, true_labels, strict=True):
        found.setdefault(image_id, []).append((int(pair[0]), int(pair[1])))
    counts = []
    for image_id, pairs in found.items():
        for label in sorted({label for pair in pairs for label in pair}):
            hits = sum(pair == (label, label) for pair in pairs)
            true, tagged = (sum(pair[place] == label for pair in pairs) for place in (1, 0))
            counts.append((image_id, [NOISY_TAG, *names][label], hits, true, tagged))
    return counts


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, n_labels: int) -> np.ndarray:
    """Count pixels by true and predicted label, as VOC does.

    Parameters
    ----------
    truth, prediction : (H, W) uint8
        0 background, 1..C labels. 255 in the truth does not count; 255 in the prediction counts as background.
    n_labels : int
        C.

    Returns
    -------
    (C + 1, C + 1) int64
        Rows are true labels, columns are predicted labels.
    """
    counted = truth != IGNORE
    true, predicted = truth[counted].astype(np.int64), prediction[counted]
    predicted = np.where(predicted == IGNORE, 0, predicted)
    side = n_labels + 1
    return np.bincount(true * side + predicted, minlength=side * side).reshape(side, side)


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """IoU of each label, (C + 1,) float, from a confusion matrix. NaN for a label in neither truth nor prediction."""
    return intersection_over_union_of(np.diag(confusion), confusion.sum(1), confusion.sum(0))


def intersection_over_union_of(hits: np.ndarray, true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """IoU from numbers of pixels, arrays of one shape: in both, in the truth, in the result. NaN if in neither."""
    union = true + found - hits
    return np.divide(hits, union, out=np.full(np.shape(hits), np.nan), where=union > 0)


def evaluate_label_maps(photos: Iterable[tuple[str, np.ndarray, np.ndarray]], names: Sequence[str]) -> Evaluation:
    """VOC's mean IoU: intersections and unions are summed over all photos, then their ratios averaged over labels.

    Parameters
    ----------
    photos : iterable of (image_id, truth, prediction)
        (H, W) uint8 each, as in :func:`confusion_matrix`. The function holds one pair at a time.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    Evaluation
        Rows: ``miou``, the mean over background and the categories that occur; n is the number of photos. ``iou`` of
        ``background`` and of each category; n is the number of photos with this label in their truth. Counts: pixels.
    """
    total = ConfusionTotal(len(names))
    for image_id, truth, prediction in photos:
        total.add(confusion_matrix(truth, prediction, len(names)), image_id)
    return Evaluation(total.rows(names), total.counts(names))


class ConfusionTotal:
    """Adds the confusion matrices of photos, for :func:`evaluate_label_maps`."""

    def __init__(self, n_labels: int) -> None:
        side = n_labels + 1
        self._total, self._holding, self._n = np.zeros((side, side), np.int64), np.zeros(side, np.int64), 0
        self._counts: list[tuple[str, np.ndarray]] = []

    def add(self, confusion: np.ndarray, image_id: str = "") -> None:
        """Add a photo's matrix, as from :func:`confusion_matrix`; with an image_id its counts are kept."""
        self._total += confusion
        self._holding += confusion.sum(1) > 0
        self._n += 1
        if image_id:
            numbers = np.stack([np.diag(confusion), confusion.sum(1), confusion.sum(0)], axis=1)
            present = np.flatnonzero(numbers.any(1))
            self._counts.append((image_id, np.column_stack([present, numbers[present]])))

    def counts(self, names: Sequence[str]) -> list[Count]:
        """Pixels of each photo and label; ``background`` is label 0."""
        known = [BACKGROUND, *names]
        return [
            (image_id, known[label], hits, true, found)
            for image_id, rows in self._counts
            for label, hits, true, found in rows.tolist()
        ]

    def rows(self, names: Sequence[str]) -> list[Row]:
        """Rows as from :func:`evaluate_label_maps`."""
        ious = intersection_over_union(self._total)
        mean = float(np.nanmean(ious)) if np.any(~np.isnan(ious)) else np.nan
        return [("miou", ALL, mean, self._n)] + [
            ("iou", name, float(iou), int(count))
            for name, iou, count in zip([BACKGROUND, *names], ious, self._holding, strict=True)
        ]


def recall_metrics(
    photos: Iterable[tuple[Sequence[int] | np.ndarray, list[Rle], list[Rle]]],
    names: Sequence[str],
    threshold: float = 0.5,
) -> list[Row]:
    """Share of true instances that overlap a found instance with an IoU of at least the threshold.

    Parameters
    ----------
    photos : iterable of (true_labels, true_masks, masks)
        (n,) int, 1..C, and two lists of COCO compressed RLE. The labels of found instances do not count.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    list of tuple
        ``recall50`` over all and for each category; n is the number of true instances.
    """
    all_labels: list[int] = []
    all_hits: list[bool] = []
    for true_labels, true_masks, masks in photos:
        if len(true_masks):
            best = intersections_over_union(masks, true_masks).max(0, initial=0)
            all_labels.extend(true_labels)
            all_hits.extend(best >= threshold)
    labels, hits = np.array(all_labels, np.int64), np.array(all_hits, bool)
    metric = f"recall{round(100 * threshold)}"
    return [(metric, ALL, *share(hits))] + [
        (metric, name, *share(hits[labels == label])) for label, name in enumerate(names, start=1)
    ]


AREAS = {"": (0, 1e10), "_s": (0, 32**2), "_m": (32**2, 96**2), "_l": (96**2, 1e10)}
"""COCO's ranges of an instance's area in pixels, by the ending of the metric's name."""


InstancePair = tuple[
    Sequence[int] | np.ndarray, list[Rle], Sequence[int] | np.ndarray, Sequence[float] | np.ndarray, list[Rle]
]
"""True labels and masks of a photo; labels, scores and masks of its found instances."""


def average_precision_metrics(photos: Iterable[InstancePair], names: Sequence[str]) -> list[Row]:
    """The rows of :func:`evaluate_instance_pairs`."""
    return evaluate_instance_pairs(photos, (), names).rows


def evaluate_instance_pairs(
    photos: Iterable[InstancePair], image_ids: Iterable[str], names: Sequence[str]
) -> Evaluation:
    """COCO's average precision of masks, by pycocotools, which counts at most 100 found instances a photo.

    Parameters
    ----------
    photos : iterable of (true_labels, true_masks, labels, scores, masks)
        True instances and found ones: labels (n,) int, 1..C; scores (n,) float; masks lists of COCO compressed RLE.
    image_ids : iterable of str
        Names of the photos whose counts are wanted, in the order of the photos.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    Evaluation
        Rows: ``ap`` (mean over IoU 0.50:0.05:0.95), ``ap50``, ``ap70`` and ``ap75``; then ``ap_s``, ``ap_m`` and
        ``ap_l`` of instances in COCO's ``AREAS``. Over all (mean over the categories that occur in the truth) and for
        each category; n is the number of true instances. Counts: instances, matched at IoU 0.5 by COCO's rule.
    """
    true: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    n_photos = 0
    for true_labels, true_masks, labels, scores, masks in photos:
        n_photos += 1
        for label, mask in zip(true_labels, true_masks, strict=True):
            true.append(_annotation(n_photos, label, mask))
        for label, score, mask in zip(labels, scores, masks, strict=True):
            found.append(_annotation(n_photos, label, mask) | {"score": float(score)})
    return evaluate_annotations(true, found, range(1, n_photos + 1), names, dict(enumerate(image_ids, 1)))


def coco_metrics(
    true: list[dict[str, Any]], found: list[dict[str, Any]], image_ids: Iterable[int], names: Sequence[str]
) -> list[Row]:
    """The rows of :func:`evaluate_annotations`."""
    return evaluate_annotations(true, found, image_ids, names).rows


def evaluate_annotations(
    true: list[dict[str, Any]],
    found: list[dict[str, Any]],
    image_ids: Iterable[int],
    names: Sequence[str],
    name_of: Mapping[int, str] | None = None,
) -> Evaluation:
    """COCO's average precision of annotations, equal to what pycocotools' own summary prints.

    Parameters
    ----------
    true, found : list of dict
        Annotations as in COCO's JSON, without ids: image_id, category_id (label 1..C), iscrowd, area, and segmentation
        as COCO compressed RLE. Found ones have a score.
    image_ids : iterable of int
        All images that count, also those without annotations.
    names : sequence of str
        Names of labels 1..C.
    name_of : dict, optional
        Image to the image_id under which it is counted.

    Returns
    -------
    Evaluation
        As from :func:`evaluate_instance_pairs`. Crowds are not counted.
    """
    evaluation = _coco_evaluation(true, found, list(image_ids), len(names))
    precision = evaluation.eval["precision"][..., 0]
    rows = []
    for metric, thresholds, ending in _AVERAGE_PRECISIONS:
        smallest, largest = AREAS[ending]
        inside = [one for one in true if not one["iscrowd"] and smallest <= one["area"] <= largest]
        counts = np.bincount([one["category_id"] for one in inside], minlength=len(names) + 1)[1:]
        values = precision[thresholds, :, :, list(AREAS).index(ending)]
        counted = values[values > -1]  # in pycocotools' order, so that the last digit is its own too
        rows.append((metric, ALL, float(counted.mean()) if len(counted) else np.nan, len(inside)))
        means = np.where(counts > 0, values.mean((0, 1)), np.nan)
        rows += [(metric, name, float(mean), int(n)) for name, mean, n in zip(names, means, counts, strict=True)]
    return Evaluation(rows, _instance_counts(evaluation, names, name_of or {}))


def _instance_counts(evaluation, names, name_of):
    """Counts at IoU 0.5 of instances of any area, by photo."""
    counts = []
    for found in evaluation.evalImgs:
        if found is None or found["image_id"] not in name_of or tuple(found["aRng"]) != AREAS[""]:
            continue
        counted = ~np.asarray(found["gtIgnore"], bool)
        hits = int((np.asarray(found["gtMatches"])[0] > 0)[counted].sum()) if len(counted) else 0
        n_found = int((~np.asarray(found["dtIgnore"], bool)[0]).sum()) if len(found["dtIds"]) else 0
        if counted.any() or n_found:
            name = names[found["category_id"] - 1]
            counts.append((found["image_id"], found["category_id"], name, hits, int(counted.sum()), n_found))
    return [(name_of[number], *rest) for number, _, *rest in sorted(counts)]


_AVERAGE_PRECISIONS = [
    *(("ap", slice(None), ""), ("ap50", slice(0, 1), ""), ("ap70", slice(4, 5), ""), ("ap75", slice(5, 6), "")),
    *((f"ap{ending}", slice(None), ending) for ending in AREAS if ending),
]
"""Metric, its IoU thresholds, and the ending of its range of areas."""


def _annotation(photo, label, mask):
    head = {"image_id": photo, "category_id": int(label), "iscrowd": 0}
    return head | {"segmentation": mask, "area": area(mask)}


def _coco_evaluation(true, found, image_ids, n_labels):
    """pycocotools' evaluation; its precision is (T, R, C, A, 1) by IoU threshold, recall, label and area, or -1."""
    both = []
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its own progress
        for annotations in (true, found):
            coco = COCO()
            coco.dataset = {
                # the masks hold the sizes, but pycocotools needs the keys
                "images": [{"id": image_id, "height": 0, "width": 0} for image_id in image_ids],
                "categories": [{"id": label} for label in range(1, n_labels + 1)],
                "annotations": [one | {"id": number} for number, one in enumerate(annotations, 1)],
            }
            coco.createIndex()
            both.append(coco)
        evaluation = COCOeval(*both, "segm")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = list(AREAS.values()), list(AREAS)
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation
