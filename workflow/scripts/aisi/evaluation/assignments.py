"""Evaluation of tags and proxy masks against the true masks, for many assignments in one pass over the photos."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aisi.evaluation.annotations import AnnotatedTruth, found_annotations
from aisi.evaluation.metrics import (
    ConfusionTotal,
    Evaluation,
    InstancePair,
    confusion_matrix,
    evaluate_annotations,
    evaluate_instance_pairs,
    intersection_over_union,
    tag_counts,
    tag_metrics,
)
from aisi.formats.tags import BOX
from aisi.labels import NOISY
from aisi.masks import Rle, outside_void
from aisi.proxy_masks import TaggedPhoto, proxy_mask


def photo_iou(truth: np.ndarray, proxy: np.ndarray, n_labels: int) -> float:
    """Mean IoU of one photo over the labels in its true mask or its proxy mask, background included.

    Parameters
    ----------
    truth, proxy : (H, W) uint8
        As for :func:`aisi.evaluation.metrics.confusion_matrix`.
    n_labels : int
        C.

    Returns
    -------
    float
    """
    return float(np.nanmean(intersection_over_union(confusion_matrix(truth, proxy, n_labels))))


def evaluate_tags(
    tags: pd.DataFrame, oracle: pd.DataFrame, image_ids: Collection[str] | pd.Series, names: Sequence[str]
) -> Evaluation:
    """Accuracy of tags.

    Parameters
    ----------
    tags, oracle : DataFrame
        As from :func:`aisi.formats.tags.read_tags`, of the same instances. The oracle has the true tags.
    image_ids : collection of str
        The photos that count.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    Evaluation
        As from :func:`aisi.evaluation.metrics.tag_metrics` and :func:`aisi.evaluation.metrics.tag_counts`.

    Raises
    ------
    ValueError
        If the two tables have different instances.
    """
    key = ["image_id", "instance_id", *BOX]
    pairs = tags.merge(oracle[[*key, "label"]], on=key, validate="one_to_one", suffixes=("", "_true"))
    if not len(pairs) == len(tags) == len(oracle):
        raise ValueError(
            f"{len(tags)} tags, {len(oracle)} true tags, {len(pairs)} of the same instances. "
            "The files belong to different instances: delete both and run the workflow again."
        )
    pairs = pairs[pairs["image_id"].isin(list(image_ids))]
    rows = tag_metrics(pairs["label"], pairs["label_true"], pairs["keywords"].map(len), names)
    return Evaluation(rows, tag_counts(pairs["image_id"], pairs["label"], pairs["label_true"], names))


Truth = tuple[np.ndarray | None, tuple[np.ndarray, list[Rle], np.ndarray] | None]
"""A photo's true masks, as from :func:`aisi.evaluation.ground_truth.read_truth`."""


def evaluate_proxies(
    photos: Iterable[tuple[Sequence[TaggedPhoto], Truth]],
    n_assignments: int,
    names: Sequence[str],
    annotated: AnnotatedTruth | None = None,
) -> list[dict[str, Evaluation]]:
    """Evaluate the proxy masks of many assignments without writing them. Each photo's true masks are read once.

    Parameters
    ----------
    photos : iterable of (tagged, (truth, objects))
        tagged: the photo with the tags of each assignment, as :class:`aisi.proxy_masks.TaggedPhoto`. truth, objects:
        as from :func:`aisi.evaluation.ground_truth.read_truth`. The function holds one photo at a time.
    n_assignments : int
    names : list of str
        Names of labels 1..C.
    annotated : AnnotatedTruth, optional
        True instances from a dataset's COCO JSON, which then replace ``objects``.

    Returns
    -------
    list of dict
        For each assignment its evaluation by task: ``proxy_semantic`` as from
        :func:`aisi.evaluation.metrics.evaluate_label_maps`, ``proxy_instance`` as from
        :func:`aisi.evaluation.metrics.evaluate_instance_pairs`.
    """
    totals = [ConfusionTotal(len(names)) for _ in range(n_assignments)]
    pairs: list[list[InstancePair]] = [[] for _ in range(n_assignments)]
    annotations: list[list[dict[str, Any]]] = [[] for _ in range(n_assignments)]
    image_ids: list[str] = []  # of the pairs
    for tagged, (truth, objects) in photos:
        if truth is not None:
            confusions: dict[bytes, np.ndarray] = {}  # assignments with the same labels share the proxy mask
            for total, photo in zip(totals, tagged, strict=True):
                key = photo.labels.tobytes()
                if key not in confusions:
                    proxy = proxy_mask(photo.masks, photo.labels, photo.keywords)  # 255 counts as background
                    proxy = np.zeros_like(truth) if proxy is None else proxy
                    confusions[key] = confusion_matrix(truth, proxy, len(names))
                total.add(confusions[key], photo.image_id)
        if annotated is not None:
            if (number := annotated.numbers.get(tagged[0].image_id)) is not None:
                for own, photo in zip(annotations, tagged, strict=True):
                    everything = np.arange(len(photo.labels)), photo.masks
                    own += found_annotations(number, *_tagged(photo, *everything))
        elif objects is not None:
            true_labels, true_masks, void = objects
            image_ids.append(tagged[0].image_id)
            kept, cut = outside_void(tagged[0].masks, void)
            for pair, photo in zip(pairs, tagged, strict=True):
                pair.append((true_labels, true_masks, *_tagged(photo, kept, cut)))
    if annotated is None:
        instances = [evaluate_instance_pairs(pair, image_ids, names) for pair in pairs]
    else:
        name_of = {number: image_id for image_id, number in annotated.numbers.items()}
        instances = [evaluate_annotations(annotated.annotations, own, name_of, names, name_of) for own in annotations]
    return [
        {"proxy_semantic": Evaluation(total.rows(names), total.counts(names)), "proxy_instance": own}
        for total, own in zip(totals, instances, strict=True)
    ]


def _tagged(photo, kept, masks):
    """Labels, scores (rounded as in COCO's file) and masks of those instances ``kept`` that have a tag."""
    places = np.flatnonzero(photo.labels[kept] != NOISY)
    own = kept[places]
    return photo.labels[own], [round(float(score), 6) for score in photo.scores[own]], [masks[i] for i in places]
