"""From soft masks to instances of a photo."""

import numpy as np
import torch
from pycocotools import mask as rle

from aisi.salient_instances import detection


def cut_out(boxes, soft, shape=(40, 80)):
    scores = torch.linspace(0.9, 0.5, len(boxes))
    return detection._cut_out(torch.tensor(boxes, dtype=torch.float).reshape(-1, 4), scores, soft, shape)


def test_mask_is_cut_at_its_box_and_the_box_is_tight():
    soft = torch.zeros(1, 5, 10)
    soft[0, :, :5] = 1  # left half of the photo
    boxes, scores, [mask] = cut_out([[8.0, 4.0, 72.0, 36.0]], soft)
    full = rle.decode(mask).astype(bool)
    assert boxes.tolist() == [[8, 4, 40, 36]]
    assert full.shape == (40, 80) and full.sum() == 32 * 32 and full[4:36, 8:40].all()
    assert scores.dtype == np.float32


def test_empty_masks_fall_out():
    soft = torch.stack([torch.zeros(5, 10), torch.ones(5, 10)])
    boxes, scores, masks = cut_out([[0.0, 0.0, 20.0, 20.0], [10.0, 10.0, 20.0, 20.0]], soft)
    assert boxes.tolist() == [[10, 10, 20, 20]]
    assert np.isclose(scores[0], 0.5) and len(masks) == 1


def test_instance_of_one_pixel():
    boxes, _, masks = cut_out([[3.0, 4.0, 3.5, 4.5]], torch.ones(1, 5, 10))
    assert boxes.tolist() == [[3, 4, 4, 5]] and rle.area(masks[0]) == 1


def test_photo_without_instances():
    boxes, scores, masks = cut_out([], torch.zeros(0, 5, 10))
    assert boxes.shape == (0, 4) and scores.shape == (0,) and masks == []


def test_parts_of_a_better_instance_go():
    def box(x0, y0, x1, y1):
        mask = np.zeros((20, 20), np.uint8)
        mask[y0:y1, x0:x1] = 1
        return rle.encode(np.asfortranarray(mask))

    whole, part, half_out, apart = box(0, 0, 10, 10), box(2, 2, 6, 6), box(5, 0, 15, 10), box(15, 15, 20, 20)
    masks = [whole, part, half_out, apart]
    assert detection._uncovered(masks, 0.8) == [0, 2, 3]
    assert detection._uncovered(masks, 0.4) == [0, 3]
    assert detection._uncovered(masks, 1.0) == [0, 1, 2, 3]
    assert detection._uncovered([part, whole], 0.8) == [0, 1]  # a whole is no part of its better part
    assert detection._uncovered([], 0.8) == []
