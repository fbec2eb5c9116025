"""How surely a salient instance shows an object: a logistic regression on plain features of the detection.

The detector's score says how well a box and a mask fit. It does not know that an instance inside another one is often
an object's part, or that a ragged mask is often background. The regression learns this from photos with instance masks,
which are not the target's. So its values are probabilities, and their sum estimates how many objects were found.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aisi.formats.instances import SalientInstances, rows_by_photo
from aisi.formats.objectness import CALIBRATION_COLUMNS, ObjectnessModel
from aisi.labels import VOID
from aisi.masks import Rle, area, covered_shares, decode

FEATURES = ("score_logit", "log_area", "fill", "borders", "inside", "around", "log_count")
RIDGE = 5.0
"""Weight of the squared weights in the loss: few photos have masks, so large weights are not believed."""
FOLDS = 10
BINS = 5


def describe(boxes: np.ndarray, scores: np.ndarray, masks: Sequence[Rle]) -> np.ndarray:
    """Compute the features of the instances of one photo.

    Parameters
    ----------
    boxes : (n, 4) int
        XYXY, half-open.
    scores : (n,) float
        In [0, 1].
    masks : list of dict
        COCO RLE, none of them empty.

    Returns
    -------
    (n, F) float64
        In the order of ``FEATURES``: log-odds of the score; log of the mask's share of the photo; the mask's share of
        its box; how many borders of the photo the box touches; the largest share of the mask in another one; the
        largest share of another mask in this one; log of the number of instances.
    """
    n = len(scores)
    if not n:
        return np.zeros((0, len(FEATURES)))
    (height, width), boxes = masks[0]["size"], np.asarray(boxes)
    odds = np.clip(np.asarray(scores, float), 1e-3, 1 - 1e-3)
    areas = np.array([area(mask) for mask in masks], float)
    sides = boxes[:, 2:] - boxes[:, :2]
    touching = np.concatenate([boxes[:, :2] <= 0, boxes[:, 2:] >= [width, height]], axis=1)
    covered = np.array([covered_shares(mask, masks) for mask in masks])
    np.fill_diagonal(covered, 0.0)
    columns = [
        np.log(odds / (1 - odds)),
        np.log(areas / (height * width)),
        areas / sides.prod(1),
        touching.sum(1),
        covered.max(1),
        covered.max(0),
        np.full(n, np.log(n)),
    ]
    return np.stack(columns, axis=1).astype(float)


def objectness(model: ObjectnessModel, instances: SalientInstances) -> np.ndarray:
    """Compute the probability (N,) float64 that each instance shows an object.

    Raises
    ------
    ValueError
        If the model has other features.
    """
    if model.features != FEATURES:
        raise ValueError(
            f"The objectness model has the features {list(model.features)}, expected {list(FEATURES)}. "
            "Make it again with rule fit_objectness."
        )
    rows = rows_by_photo(instances.image_ids).values()
    parts = [describe(instances.boxes[own], instances.scores[own], instances.masks[own]) for own in rows]
    return predict(model, np.concatenate([np.zeros((0, len(FEATURES))), *parts]))


def predict(model: ObjectnessModel, features: np.ndarray) -> np.ndarray:
    """Compute the probabilities (N,) float64 of features (N, F)."""
    return 1 / (1 + np.exp(-((features - model.means) / model.scales @ model.weights + model.constant)))


def fit(features: np.ndarray, is_object: np.ndarray) -> ObjectnessModel:
    """Fit the regression, with a penalty on large weights, by Newton's method.

    Parameters
    ----------
    features : (N, F) float
    is_object : (N,) bool
        Both values must occur.

    Returns
    -------
    ObjectnessModel

    Raises
    ------
    ValueError
        If all instances are objects, or none is.
    """
    if not 0 < is_object.sum() < len(is_object):
        raise ValueError(
            f"{is_object.sum()} of {len(is_object)} instances show an object; the regression needs both kinds. "
            "Lower salient_instances.score_threshold, or take more photos (salient_instances.training.val)."
        )
    means, scales = features.mean(0), features.std(0)
    scales[scales == 0] = 1.0
    inputs = np.column_stack([(features - means) / scales, np.ones(len(features))])
    ridge = np.diag([*[RIDGE] * len(means), 0.0])
    weights = np.zeros(len(means) + 1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-(inputs @ weights)))
        slope = inputs.T @ (p - is_object) + ridge @ weights
        step = np.linalg.solve((inputs * (p * (1 - p))[:, None]).T @ inputs + ridge, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return ObjectnessModel(FEATURES, means, scales, weights[:-1], float(weights[-1]))


def cross_validate(features: np.ndarray, is_object: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Predict each instance by a model that saw no instance of its photo.

    Parameters
    ----------
    features, is_object
        As for :func:`fit`.
    photos : (N,) int
        Number of each instance's photo, 0...

    Returns
    -------
    (N,) float64
    """
    predicted = np.empty(len(is_object))
    for fold in range(FOLDS):
        own = photos % FOLDS == fold
        if own.any():
            predicted[own] = predict(fit(features[~own], is_object[~own]), features[own])
    return predicted


def shows_object(mask: Rle, labels: np.ndarray) -> bool:
    """Whether true instances cover at least half of a mask's pixels without void, as for the accuracy of tags.

    ``labels`` (H, W) has 0 for background, 1.. for instances and 255 for void. A mask on void alone shows no object.
    """
    own = labels[decode(mask)]
    own = own[own != VOID]
    return len(own) > 0 and float((own > 0).mean()) >= 0.5


def area_under_curve(scores: np.ndarray, is_object: np.ndarray) -> float:
    """Compute how often an object has a higher score than an instance without one; equal scores count half."""
    here, there = scores[is_object][:, None], scores[~is_object][None]
    return float((here > there).mean() + 0.5 * (here == there).mean())


def calibration(name: str, scores: np.ndarray, is_object: np.ndarray) -> pd.DataFrame:
    """Compute the share of objects in bins of equal size, by ascending score; columns ``CALIBRATION_COLUMNS``."""
    bins = np.array_split(np.argsort(scores, kind="stable"), BINS)
    rows = [(name, len(own), float(scores[own].mean()), float(is_object[own].mean())) for own in bins if len(own)]
    return pd.DataFrame(rows, columns=CALIBRATION_COLUMNS)
