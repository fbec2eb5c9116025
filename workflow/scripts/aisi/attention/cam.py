"""Masks from attention maps alone, without instances: a reference for proxy masks."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

_ALMOST_ONE = 1 - 2**-11
"""The largest float16 below 1. Attention that float16 rounds to 1 gets the score of this value."""


def cam_mask(maps: np.ndarray, labels: Sequence[int], size: tuple[int, int], threshold: float) -> np.ndarray | None:
    """Label map of one photo.

    Parameters
    ----------
    maps : (K, h, w) float
        Attention of the photo's keywords in [0, 1]: the sigmoid of the score maps (PAPER §3.1).
    labels : (K,) int
        Their labels 1..C, ascending.
    size : (int, int)
        Height and width of the photo, pixels.
    threshold : float
        In (0, 1). A pixel is background if all its scores are below this share of their map's largest score.

    Returns
    -------
    (H, W) uint8 or None
        0 background, else the label with the largest share. If shares are equal, the lowest label. None if no score
        is above 0.
    """
    maps = np.clip(np.asarray(maps, np.float64), 1e-6, _ALMOST_ONE)
    # Zhou et al., Learning Deep Features for Discriminative Localization, §3.2: pixels whose score is at least 20 % of
    # the map's largest score. ASSUME scores below 0 speak against the keyword.
    scores = np.maximum(np.log(maps / (1 - maps)), 0)
    shares = [_resized(score / score.max(), size) for score in scores if score.max() > 0]
    present = [label for score, label in zip(scores, labels, strict=True) if score.max() > 0]
    if not present:
        return None
    best = np.argmax([np.full(size, threshold), *shares], axis=0)
    return np.array([0, *present], np.uint8)[best]


def _resized(values, size):
    """Resize a map (h, w) bilinearly with half-pixel centres, as for the scores of instances."""
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))
