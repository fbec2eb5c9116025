"""Which instances of a photo stay: by score, by the overlap of boxes and masks, and by number."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from aisi.masks import Rle, covered_shares

REASONS = ("score_threshold", "nms_iou", "max_covered", "max_instances")
"""Config keys of salient_instances that remove instances, in the order in which they do."""


def select(
    boxes: np.ndarray,
    scores: np.ndarray,
    masks: Sequence[Rle],
    *,
    score_threshold: float,
    nms_iou: float,
    max_covered: float,
    max_instances: int,
) -> tuple[list[int], Counter[str]]:
    """Select instances as the detector does, from instances that another program has found.

    Parameters
    ----------
    boxes : (n, 4) int
        XYXY, half-open.
    scores : (n,) float
        Descending.
    masks : sequence of dict
        COCO compressed RLE.
    score_threshold, nms_iou, max_covered, max_instances
        As in the config's block ``salient_instances``.

    Returns
    -------
    kept : list of int
        Positions of the instances that stay, ascending.
    removed : Counter
        How many instances each of ``REASONS`` removes.
    """
    confident = [position for position in range(len(masks)) if scores[position] >= score_threshold]
    apart = _suppress(boxes, confident, nms_iou)
    whole = [apart[k] for k in uncovered([masks[position] for position in apart], max_covered)]
    kept = whole[:max_instances]
    left = [len(masks), len(confident), len(apart), len(whole), len(kept)]
    counts = {reason: before - after for reason, before, after in zip(REASONS, left, left[1:], strict=False)}
    return kept, Counter(counts)


def uncovered(masks: Sequence[Rle], max_covered: float) -> list[int]:
    """Positions of masks, best first, of which no better kept mask covers more than this share of the pixels."""
    kept: list[int] = []
    for position, mask in enumerate(masks):
        if covered_shares(mask, [masks[k] for k in kept]).max(initial=0) <= max_covered:
            kept.append(position)
    return kept


def _suppress(boxes, positions, nms_iou):
    """Positions of boxes, best first, that overlap no better kept box with an IoU above ``nms_iou``."""
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    for position in positions:
        better = boxes[kept]
        low, high = np.maximum(better[:, :2], boxes[position, :2]), np.minimum(better[:, 2:], boxes[position, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        ious = shared / (areas[kept] + areas[position] - shared)
        if ious.max(initial=0) <= nms_iou:
            kept.append(position)
    return kept
