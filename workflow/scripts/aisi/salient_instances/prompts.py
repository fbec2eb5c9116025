"""Salient instances with the help of a promptable segmenter: masks of the detector refined, further objects found."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from aisi.masks import Rle, covered_shares, encode, intersections_over_union, tight_boxes
from aisi.salient_instances.attention_regions import enlarged, peaks
from aisi.salient_instances.promptable import Answer, PromptableSegmenter

SAME_OBJECT = 0.6
"""Of two masks with a larger IoU one is removed."""
STILL_THE_OBJECT = 0.5
"""A refined mask replaces the detector's if their IoU is larger."""
GRID_PREDICTED_IOU, GRID_STABILITY = 0.88, 0.95
"""Smallest values for a mask at a point of the grid, as in SAM's own generator of masks."""


class Found(NamedTuple):
    """Instances of one photo, by descending score.

    Attributes
    ----------
    boxes : (n, 4) int64
        XYXY, half-open, tight around the masks.
    scores : (n,) float32
        In [0, 1].
    masks : list of dict
        COCO RLE.
    sources : list of str
        ``detector``: kept as it was. ``refined``: the detector's box and mask were the prompt. ``attention``: a peak of
        a keyword's attention map. ``grid``: a point of the grid.
    stability, predicted_iou : (n,) float32
        As in :class:`aisi.salient_instances.promptable.Answer`; for ``detector`` those of the refused refined mask.
    """

    boxes: np.ndarray
    scores: np.ndarray
    masks: list[Rle]
    sources: list[str]
    stability: np.ndarray
    predicted_iou: np.ndarray


class Candidate(NamedTuple):
    """A mask that may become an instance."""

    mask: Rle
    score: float
    source: str
    stability: float
    predicted_iou: float


def prompt_instances(
    segmenter: PromptableSegmenter,
    photo: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    masks: list[Rle],
    maps: np.ndarray,
    *,
    grid: int,
    max_covered: float,
    max_instances: int,
) -> Found:
    """Refine the instances of one photo and find more.

    Parameters
    ----------
    segmenter : PromptableSegmenter
    photo : (H, W, 3) uint8
    boxes, scores, masks
        The detector's instances, as from :func:`aisi.salient_instances.detection.detect`.
    maps : (K, h, w) float
        Attention of the photo's keywords, in [0, 1].
    grid : int
        Points in each row and column of a grid over the photo; 0: no grid.
    max_covered : float
        As for :func:`aisi.salient_instances.detection.detect`.
    max_instances : int

    Returns
    -------
    Found
    """
    segmenter.see(photo)
    candidates = [
        *refined(segmenter, boxes, scores, masks),
        *at_attention(segmenter, maps, photo.shape[:2]),
        *on_grid(segmenter, grid, photo.shape[:2]),
    ]
    return resolve(candidates, max_covered, max_instances)


def refined(
    segmenter: PromptableSegmenter, boxes: np.ndarray, scores: np.ndarray, masks: list[Rle]
) -> Iterator[Candidate]:
    """Prompt with each of the detector's boxes (n, 4) and masks; scores (n,) stay the detector's."""
    for box, score, mask in zip(boxes, scores.tolist(), masks, strict=True):
        answer = segmenter.in_box(box, mask)
        better = encode(answer.mask)
        same = intersections_over_union([better], [mask])[0, 0] > STILL_THE_OBJECT
        kept, source = (better, "refined") if same else (mask, "detector")
        yield Candidate(kept, score, source, answer.stability, answer.predicted_iou)


def at_attention(segmenter: PromptableSegmenter, maps: np.ndarray, size: tuple[int, int]) -> Iterator[Candidate]:
    """Prompt with each peak of attention maps (K, h, w) of a photo of ``size``, height and width.

    The score is the predicted IoU times stability times the mean attention in the mask, relative to the map's largest
    value. So background, which has sharp masks too, gets a low score.
    """
    for attention in maps:
        whole = enlarged(attention / max(attention.max(initial=0), 1e-6), size)
        for x, y in peaks(attention, size):
            answer = segmenter.at_point(x, y)
            if answer.mask.any():
                yield _scored(answer, "attention", float(whole[answer.mask].mean()))


def on_grid(segmenter: PromptableSegmenter, points: int, size: tuple[int, int]) -> Iterator[Candidate]:
    """Prompt with each point of a grid over a photo; masks must be as good as SAM's own generator asks for."""
    for y in (np.arange(points) + 0.5) / max(1, points) * size[0]:
        for x in (np.arange(points) + 0.5) / max(1, points) * size[1]:
            answer = segmenter.at_point(x, y)
            if answer.predicted_iou >= GRID_PREDICTED_IOU and answer.stability >= GRID_STABILITY and answer.mask.any():
                yield _scored(answer, "grid", 1.0)


def _scored(answer: Answer, source: str, attention: float) -> Candidate:
    score = answer.predicted_iou * answer.stability * attention
    return Candidate(encode(answer.mask), score, source, answer.stability, answer.predicted_iou)


def resolve(candidates: list[Candidate], max_covered: float, max_instances: int) -> Found:
    """Keep one of the candidates that show the same object: the detector's first, then the one of higher score."""
    own = ("detector", "refined")
    order = sorted(range(len(candidates)), key=lambda row: (candidates[row].source not in own, -candidates[row].score))
    kept: list[Candidate] = []
    for candidate in (candidates[row] for row in order):
        masks = [other.mask for other in kept]
        again = intersections_over_union([candidate.mask], masks).max(initial=0) > SAME_OBJECT
        if not again and covered_shares(candidate.mask, masks).max(initial=0) <= max_covered:
            kept.append(candidate)
    kept = sorted(kept, key=lambda candidate: -candidate.score)[:max_instances]
    masks, scores, sources, stability, predicted = (
        [getattr(candidate, name) for candidate in kept]
        for name in ("mask", "score", "source", "stability", "predicted_iou")
    )
    return Found(
        tight_boxes(masks),
        np.array(scores, np.float32),
        masks,
        sources,
        np.array(stability, np.float32),
        np.array(predicted, np.float32),
    )
