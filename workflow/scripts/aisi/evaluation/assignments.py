"""Judging assignments against the true masks: what is counted, and many of them in one pass over the photos."""

import numpy as np

from aisi.evaluation.metrics import (
    ConfusionTotal,
    average_precision_metrics,
    confusion_matrix,
    intersection_over_union,
    tag_metrics,
)
from aisi.labels import NOISY
from aisi.masks import outside_void
from aisi.proxy_masks import proxy_mask


def photo_iou(truth, proxy, n_labels):
    """Mean IoU of one photo over the labels, background included, that its truth or its proxy, (H, W) uint8, holds."""
    return float(np.nanmean(intersection_over_union(confusion_matrix(truth, proxy, n_labels))))


def judge_tags(tags, oracle, judged, names):
    """Accuracy of tags.

    Parameters
    ----------
    tags, oracle : DataFrame
        As from :func:`aisi.formats.tags.read_tags`, of the same instances; the second holds the true tags.
    judged : collection of str
        The image_ids that count.
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    list of tuple
        As from :func:`aisi.evaluation.metrics.tag_metrics`.

    Raises
    ------
    ValueError
        If the instances are not the same.
    """
    key = ["image_id", "instance_id"]
    pairs = tags.merge(oracle[[*key, "label"]], on=key, validate="one_to_one", suffixes=("", "_true"))
    if not len(pairs) == len(tags) == len(oracle):
        raise ValueError(
            f"{len(tags)} tags, {len(oracle)} true tags, {len(pairs)} of the same instances. "
            "They belong to different instances: delete both files and run the workflow again."
        )
    pairs = pairs[pairs["image_id"].isin(judged)]
    return tag_metrics(pairs["label"], pairs["label_true"], pairs["keywords"].map(len), names)


def judge_proxies(photos, n_assignments, names):
    """Judge the proxies of many assignments as if they had been written, each photo's true masks read once.

    Parameters
    ----------
    photos : iterable of (tagged, (truth, objects))
        tagged: the photo as :class:`aisi.proxy_masks.TaggedPhoto` by each assignment; the others as from
        :func:`aisi.evaluation.ground_truth.read_truth`. Taken one at a time.
    n_assignments : int
    names : list of str
        Names of labels 1..C.

    Returns
    -------
    list of dict
        For each assignment ``proxy_semantic``, the rows of :func:`aisi.evaluation.metrics.segmentation_metrics`, and
        ``proxy_instance``, those of :func:`aisi.evaluation.metrics.average_precision_metrics`.
    """
    totals = [ConfusionTotal(len(names)) for _ in range(n_assignments)]
    pairs = [[] for _ in range(n_assignments)]
    for tagged, (truth, objects) in photos:
        if truth is not None:
            confusions = {}  # assignments that agree on a photo share its proxy
            for total, photo in zip(totals, tagged, strict=True):
                key = photo.labels.tobytes()
                if key not in confusions:
                    proxy = proxy_mask(photo.masks, photo.labels, photo.keywords)  # 255 counts as background
                    proxy = np.zeros_like(truth) if proxy is None else proxy
                    confusions[key] = confusion_matrix(truth, proxy, len(names))
                total.add(confusions[key])
        if objects is not None:
            true_labels, true_masks, void = objects
            kept, cut = outside_void(tagged[0].masks, void)
            for found, photo in zip(pairs, tagged, strict=True):
                found.append((true_labels, true_masks, *_tagged(photo, kept, cut)))
    return [
        {"proxy_semantic": total.rows(names), "proxy_instance": average_precision_metrics(found, names)}
        for total, found in zip(totals, pairs, strict=True)
    ]


def _tagged(photo, kept, masks):
    """Labels, scores (rounded as in COCO's file) and masks of the tagged ones among the instances ``kept``."""
    places = np.flatnonzero(photo.labels[kept] != NOISY)
    own = kept[places]
    return photo.labels[own], [round(float(score), 6) for score in photo.scores[own]], [masks[i] for i in places]
