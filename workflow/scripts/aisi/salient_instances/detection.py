"""Salient instances of photos, found by a trained S4Net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from aisi.masks import Rle, encode, intersections_over_union
from aisi.salient_instances.attention_regions import boxes_of_missing
from aisi.salient_instances.s4net import S4Net, prompted, propose
from aisi.salient_instances.selection import uncovered
from aisi.training.augmentation import to_tensor, warp

TILE_SIDES = 0.6
"""Sides of a tile, as a share of the photo's: neighbours overlap by a third of a tile."""
CANDIDATES = 100
"""Boxes of the highest objectness that get a mask in one view. ASSUME: beyond them no mask is among the best ones."""
SAME_OBJECT = 0.5
"""Masks of a larger IoU show one object."""
SIDE_STEP = 64
"""Stride of the coarsest level: sides of the network's input are multiples of it."""


@dataclass(frozen=True)
class View:
    """What the network sees at once: a region XYXY of the photo, at a factor of its input size, mirrored or not."""

    region: tuple[int, int, int, int]
    scale: float = 1.0
    mirrored: bool = False


def detect(
    model: S4Net,
    photo: np.ndarray,
    *,
    score_threshold: float,
    max_instances: int,
    nms_iou: float,
    max_covered: float = 1.0,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    tiles: bool = False,
    attention: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Rle]]:
    """Find the salient instances of one photo.

    Parameters
    ----------
    model : S4Net
    photo : (H, W, 3) uint8
    score_threshold : float
        Instances of a lower score, objectness times mask confidence, are left out, in [0, 1].
    max_instances : int
        The instances of the highest scores are kept, after all others have been removed.
    nms_iou : float
        Of two boxes that overlap more, the one with the lower score is removed.
    max_covered : float
        An instance is removed if more than this share of its mask, in [0, 1], lies in an instance of a higher score.
        This removes object parts that box NMS misses.
    scales : sequence of float
        Sizes at which the network looks at the whole photo, as factors of its input size, rounded to ``SIDE_STEP``.
    flip : bool
        Also look at the mirrored photo, at each of the sizes.
    tiles : bool
        Also look at four overlapping parts of the photo, in which small objects are larger.
    attention : (K, h, w) float, optional
        Maps of the photo's keywords. Boxes around the attention of keywords without an instance are prompts, too.
        Their instances may have a score below ``score_threshold``.

    Returns
    -------
    boxes : (n, 4) int64
        XYXY, half-open, tight around the masks.
    scores : (n,) float32
        Descending.
    masks : list of dict
        COCO RLE.
    """
    height, width = photo.shape[:2]
    candidates = max(CANDIDATES, max_instances)  # the score, and so the cut, is known when a box has a mask
    settings: dict[str, Any] = {
        "nms_iou": nms_iou,
        "max_candidates": candidates,
        "score_threshold": score_threshold,
    }
    sides = [False, True] if flip else [False]
    views = [View((0, 0, width, height), scale, mirrored) for scale in scales for mirrored in sides]
    views += [View(tile) for tile in tiles_of(width, height)] if tiles else []
    parts = [_look(model, photo, view, settings) for view in views]
    boxes, scores, masks = parts[0] if len(parts) == 1 else _once(*_joined(parts))
    boxes, scores, masks = _best(boxes, scores, masks, max_covered, max_instances)
    if attention is not None and len(missing := boxes_of_missing(attention, masks, (height, width))):
        boxes, scores, masks = _once(*_joined([(boxes, scores, masks), _prompted(model, photo, missing)]))
        boxes, scores, masks = _best(boxes, scores, masks, max_covered, max_instances)
    return boxes, scores, masks


def tiles_of(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Boxes XYXY of the four tiles of a photo, one in each corner."""
    w, h = round(TILE_SIDES * width), round(TILE_SIDES * height)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def uncut(boxes: np.ndarray, tile: tuple[int, int, int, int], width: int, height: int) -> np.ndarray:
    """Positions of the boxes (n, 4) that touch no border of their tile but the photo's own."""
    inner = np.array([tile[0] > 0, tile[1] > 0, tile[2] < width, tile[3] < height])
    touching = np.abs(boxes - np.array(tile)) <= 1
    return np.flatnonzero(~(touching & inner).any(1))


def _look(model, photo, view, settings):
    """Find the instances in a view of the photo, without those that an inner border of its region cuts."""
    side = SIDE_STEP * max(1, round(view.scale * model.input_size / SIDE_STEP))
    image = to_tensor(warp(photo, (side,) * 2, view.region))[None].to(next(model.parameters()).device)
    [(boxes, scores, soft)] = propose(model, image.flip(-1) if view.mirrored else image, **settings)
    if view.mirrored:
        boxes, soft = torch.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], 1), soft.flip(-1)
    left, top, right, bottom = view.region
    scale = boxes.new_tensor([right - left, bottom - top] * 2) / side
    boxes, scores, masks = _cut_out(boxes * scale, scores, soft, photo.shape[:2], view.region)
    whole = uncut(boxes, view.region, photo.shape[1], photo.shape[0])
    return boxes[whole], scores[whole], [masks[position] for position in whole]


def _prompted(model, photo, boxes):
    """Find an instance in each of the boxes (n, 4) XYXY of the photo; boxes without one fall out."""
    height, width = photo.shape[:2]
    image = to_tensor(warp(photo, (model.input_size,) * 2)).to(next(model.parameters()).device)
    scale = torch.tensor([width, height] * 2, dtype=torch.float, device=image.device) / model.input_size
    own = torch.from_numpy(boxes).to(image.device, torch.float) / scale
    scores, soft = prompted(model, image, own)
    return _cut_out(own * scale, scores, soft, photo.shape[:2])


def _joined(parts):
    """Join the instances of several lists, by descending score."""
    boxes, scores = (np.concatenate([part[column] for part in parts]) for column in (0, 1))
    masks = [mask for part in parts for mask in part[2]]
    order = np.argsort(-scores, kind="stable")
    return boxes[order], scores[order], [masks[position] for position in order]


def _best(boxes, scores, masks, max_covered, max_instances):
    """The best instances that lie in no better one."""
    kept = uncovered(masks, max_covered)[:max_instances]
    return boxes[kept], scores[kept], [masks[position] for position in kept]


def _once(boxes, scores, masks):
    """Instances by descending score, without those that show an object of a better one again."""
    kept: list[int] = []
    for position, mask in enumerate(masks):
        if intersections_over_union([mask], [masks[k] for k in kept]).max(initial=0) <= SAME_OBJECT:
            kept.append(position)
    return boxes[kept], scores[kept], [masks[position] for position in kept]


def _cut_out(boxes, scores, soft, shape, region=None):
    """Threshold masks, of the photo or a region of it, inside their boxes, at the photo's size (shape); none empty."""
    left, top, right, bottom = region or (0, 0, shape[1], shape[0])
    size = bottom - top, right - left
    tight, kept, masks = [], [], []
    for box, score, part in zip(boxes.tolist(), scores.tolist(), soft, strict=True):
        full = F.interpolate(part[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
        mask = np.zeros(shape, np.uint8)
        x0, y0, x1, y1 = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
        own = mask[top:bottom, left:right]
        own[y0:y1, x0:x1] = (full[y0:y1, x0:x1] >= 0.5).cpu().numpy()
        if own.any():
            tight.append(_tight_box(mask))
            kept.append(score)
            masks.append(encode(mask))
    return np.array(tight, np.int64).reshape(-1, 4), np.array(kept, np.float32), masks


def _tight_box(mask):
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
