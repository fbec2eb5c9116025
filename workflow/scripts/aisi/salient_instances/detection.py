"""Salient instances of photos, found by a trained S4Net."""

import numpy as np
import torch.nn.functional as F

from aisi.masks import covered_shares, encode
from aisi.salient_instances.s4net import propose
from aisi.training.augmentation import to_tensor, warp


def detect(model, photo, *, score_threshold, max_instances, nms_iou, max_covered=1.0):
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

    Returns
    -------
    boxes : (n, 4) int64
        XYXY, half-open, tight around the masks.
    scores : (n,) float32
        Descending.
    masks : list of dict
        COCO RLE.
    """
    device = next(model.parameters()).device
    image = to_tensor(warp(photo, (model.input_size,) * 2))[None].to(device)
    [(boxes, scores, soft)] = propose(model, image, nms_iou, max_instances, score_threshold)
    scale = boxes.new_tensor([photo.shape[1], photo.shape[0]] * 2) / model.input_size
    boxes, scores, masks = _cut_out(boxes * scale, scores, soft, photo.shape[:2])
    kept = _uncovered(masks, max_covered)
    return boxes[kept], scores[kept], [masks[position] for position in kept]


def _cut_out(boxes, scores, soft, shape):
    """Threshold masks inside their boxes, at the photo's size; empty ones fall out."""
    tight, kept, masks = [], [], []
    for box, score, part in zip(boxes.tolist(), scores.tolist(), soft, strict=True):
        full = F.interpolate(part[None, None].float(), size=shape, mode="bilinear", align_corners=False)[0, 0]
        mask = np.zeros(shape, np.uint8)
        x0, y0, x1, y1 = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
        mask[y0:y1, x0:x1] = (full[y0:y1, x0:x1] >= 0.5).cpu().numpy()
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(rows):
            tight.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
            kept.append(score)
            masks.append(encode(mask))
    return np.array(tight, np.int64).reshape(-1, 4), np.array(kept, np.float32), masks


def _uncovered(masks, max_covered):
    """Positions of the masks, best first, that lie in no kept one by more than ``max_covered`` of their pixels."""
    kept = []
    for position, mask in enumerate(masks):
        if covered_shares(mask, [masks[k] for k in kept]).max(initial=0) <= max_covered:
            kept.append(position)
    return kept
