"""Scores: the attention of every salient instance for each keyword of its photo (PAPER §3.1 eq. 2)."""

from itertools import groupby

import numpy as np
import pandas as pd

from aisi.dataset.keywords import keyword_labels
from aisi.formats.attention import AttentionMaps
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores


def score_instances(
    images: pd.DataFrame, categories: Categories, instances: SalientInstances, attention: AttentionMaps
) -> Scores:
    """Score the instances of one shard.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories
    instances : SalientInstances
        Of the photos in ``images``.
    attention : AttentionMaps
        Of the same photos.

    Returns
    -------
    Scores
        In the order of ``instances``.

    Raises
    ------
    ValueError
        If an instance's photo is not in ``images``, or the photo's maps are not those of its keywords.
    """
    labels_of = dict(zip(images["image_id"], keyword_labels(images, categories), strict=True))
    size_of = dict(zip(images["image_id"], zip(images["height"], images["width"], strict=True), strict=True))
    counts, labels, scores = [], [], []
    for image_id, rows in groupby(range(len(instances)), instances.image_ids.__getitem__):
        if image_id not in labels_of:
            raise ValueError(
                f"{image_id}: it has salient instances but is not in the shard's table of photos. Delete the "
                "instances and run the workflow again: rule detect_salient_instances or import_salient_instances makes "
                "them again."
            )
        candidates, maps = attention[image_id]
        if candidates.tolist() != labels_of[image_id]:
            raise ValueError(
                f"{image_id}: found attention maps of labels {candidates.tolist()}, expected those of its keywords, "
                f"{labels_of[image_id]}. Delete the maps and run the workflow again: rule compute_attention_maps makes "
                "them again."
            )
        values = box_means(maps, size_of[image_id], instances.boxes[list(rows)])
        counts += [len(candidates)] * len(values)
        labels.append(np.tile(candidates, len(values)))
        scores.append(values.ravel())
    return Scores(
        np.cumsum([0, *counts], dtype=np.int64),
        np.concatenate([*labels, np.zeros(0, np.int64)]),
        np.concatenate([*scores, np.zeros(0)]).astype(np.float32),
    )


def box_means(maps: np.ndarray, size: tuple[int, int], boxes: np.ndarray) -> np.ndarray:
    """Average maps, resized bilinearly to the photo, inside boxes (PAPER §3.1 eq. 2).

    The resized maps are never made. A resized pixel is a weighted sum of cells. So the weights of rows and of columns
    are averaged over the sides of a box first, and then multiplied with the map.

    Parameters
    ----------
    maps : (K, h, w) float
        Attention in [0, 1].
    size : (int, int)
        Height and width of the photo, pixels.
    boxes : (n, 4) int
        XYXY, half-open, inside the photo, not empty.

    Returns
    -------
    (n, K) float64
        In [0, 1].
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    rows = _mean_weights(maps.shape[1], size[0], boxes[:, 1], boxes[:, 3])
    columns = _mean_weights(maps.shape[2], size[1], boxes[:, 0], boxes[:, 2])
    return np.einsum("nh,khw,nw->nk", rows, maps, columns, optimize=True)


def _mean_weights(cells, length, starts, ends):
    """Weights (n, cells) of a line's cells in its means over starts:ends, after it is resized to ``length`` pixels."""
    # ASSUME half-pixel centres (align_corners False), as torch and Pillow resize
    positions = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    lower = positions.astype(np.int64)
    weights = np.zeros((length + 1, cells))
    pixels = np.arange(length)
    weights[pixels + 1, lower] = 1 - (positions - lower)
    weights[pixels + 1, np.minimum(lower + 1, cells - 1)] += positions - lower
    sums = weights.cumsum(0)
    return (sums[ends] - sums[starts]) / (ends - starts)[:, None]
