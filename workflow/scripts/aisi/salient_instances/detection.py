"""Salient instances of photos, found by a trained S4Net."""

import numpy as np
import torch
import torch.nn.functional as F

from aisi.masks import covered_shares, decode, encode, intersections_over_union
from aisi.salient_instances.s4net import propose
from aisi.training.augmentation import to_tensor, warp

TILE_SIDES = 0.6
"""Sides of a tile, as a share of the photo's: neighbours overlap by a third of a tile."""
SAME_OBJECT = 0.5
"""Masks of a larger IoU show one object."""


def detect(
    model,
    photo,
    *,
    score_threshold,
    max_instances,
    nms_iou,
    max_covered=1.0,
    scales=(1.0,),
    flip=False,
    tiles=False,
):
    """Find the salient instances of one photo.

    Parameters
    ----------
    model : S4Net
    photo : (H, W, 3) uint8
    score_threshold : float
        Instances of a lower score, objectness times mask confidence, are left out, in [0, 1].
    max_instances : int
    nms_iou : float
        Of two boxes that overlap more, the lower score goes.
    max_covered : float
        An instance goes if more than this share of its mask lies in one of a higher score, in [0, 1]; so parts of an
        object go that the overlap of boxes lets through.
    scales : sequence of float
        The photo is warped to squares of these multiples of the network's own.
    flip : bool
        Each view is seen mirrored, too. What several views find is fused: see :func:`fuse`.
    tiles : bool
        Four overlapping parts of the photo are seen as well, where small objects are larger.

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
    sizes = [max(64, round(model.input_size * scale / 64) * 64) for scale in scales]
    views = [(size, mirrored) for size in sizes for mirrored in (False, True)[: 1 + flip]]
    settings = {"nms_iou": nms_iou, "max_instances": max_instances, "score_threshold": score_threshold}
    found = _look(model, photo, (0, 0, width, height), views, settings)
    if tiles:
        parts = [found]
        for tile in tiles_of(width, height):
            boxes, scores, masks = _look(model, photo, tile, views, settings)
            kept = uncut(boxes, tile, width, height)
            parts.append((boxes[kept], scores[kept], [masks[position] for position in kept]))
        found = _once(*_joined(parts))
    boxes, scores, masks = found
    kept = _uncovered(masks, max_covered)[:max_instances]
    return boxes[kept], scores[kept], [masks[position] for position in kept]


def tiles_of(width, height):
    """Boxes XYXY of the four tiles of a photo, one in each corner."""
    w, h = round(TILE_SIDES * width), round(TILE_SIDES * height)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def uncut(boxes, tile, width, height):
    """Positions of the boxes (n, 4) that touch no border of their tile but the photo's own."""
    inner = np.array([tile[0] > 0, tile[1] > 0, tile[2] < width, tile[3] < height])
    touching = np.abs(boxes - np.array(tile)) <= 1
    return np.flatnonzero(~(touching & inner).any(1))


def _look(model, photo, region, views, settings):
    """Instances of a region XYXY of the photo, fused over the views, each a side and whether it is mirrored."""
    device = next(model.parameters()).device
    least = settings["score_threshold"] / len(views)  # of one view; the fused score is a mean over all
    parts = []
    for size, mirrored in views:
        image = to_tensor(warp(photo, (size, size), region))[None].to(device)
        [(boxes, scores, soft)] = propose(
            model,
            image.flip(-1) if mirrored else image,
            settings["nms_iou"],
            settings["max_instances"],
            least,
        )
        if mirrored:
            boxes, soft = (
                torch.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1),
                soft.flip(-1),
            )
        scale = boxes.new_tensor([region[2] - region[0], region[3] - region[1]] * 2) / size
        parts.append(_cut_out(boxes * scale, scores, soft, photo.shape[:2], region))
    return fuse(parts, settings["score_threshold"]) if len(parts) > 1 else parts[0]


def fuse(views, score_threshold):
    """What several views of the same have found, as one.

    Parameters
    ----------
    views : list of (boxes, scores, masks)
        As from :func:`detect`.
    score_threshold : float

    Returns
    -------
    boxes, scores, masks
        One for each cluster of masks that overlap the best of it by an IoU above ``SAME_OBJECT``. The mask holds the
        pixels of more than half of the cluster's; the score is the cluster's sum over the number of views, so what
        one view alone sees counts for less. By descending score, those below the threshold left out.
    """
    boxes, scores, masks = _joined(views)
    free, tight, fused, united = list(range(len(masks))), [], [], []
    while free:
        overlap = intersections_over_union([masks[free[0]]], [masks[position] for position in free])[0]
        cluster = [position for position, value in zip(free, overlap, strict=True) if value > SAME_OBJECT]
        free = [position for position in free if position not in cluster]
        votes = sum(decode(masks[position]).astype(np.int64) for position in cluster)
        mask = 2 * votes > len(cluster)
        score = min(1.0, scores[cluster].sum() / len(views))
        if mask.any() and score >= score_threshold:
            tight.append(_tight_box(mask))
            fused.append(score)
            united.append(encode(mask))
    order = np.argsort(-np.array(fused), kind="stable")
    boxes, scores = np.array(tight, np.int64).reshape(-1, 4), np.array(fused, np.float32)
    return boxes[order], scores[order], [united[position] for position in order]


def _joined(parts):
    """Instances of several lists as one, by descending score."""
    boxes, scores, masks = zip(*parts, strict=True)
    boxes, scores, masks = np.concatenate(boxes), np.concatenate(scores), [mask for part in masks for mask in part]
    order = np.argsort(-scores, kind="stable")
    return boxes[order], scores[order], [masks[position] for position in order]


def _once(boxes, scores, masks):
    """Instances by descending score, without those that show an object of a better one again."""
    kept = []
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


def _uncovered(masks, max_covered):
    """Positions of the masks, best first, that lie in no kept one by more than ``max_covered`` of their pixels."""
    kept = []
    for position, mask in enumerate(masks):
        if covered_shares(mask, [masks[k] for k in kept]).max(initial=0) <= max_covered:
            kept.append(position)
    return kept
