"""From soft masks to instances of a photo."""

import numpy as np
import torch
from pycocotools import mask as rle

from aisi.salient_instances import detection
from aisi.salient_instances.selection import uncovered


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
    assert uncovered(masks, 0.8) == [0, 2, 3]
    assert uncovered(masks, 0.4) == [0, 3]
    assert uncovered(masks, 1.0) == [0, 1, 2, 3]
    assert uncovered([part, whole], 0.8) == [0, 1]  # a whole is no part of its better part
    assert uncovered([], 0.8) == []


def box_mask(x0, y0, x1, y1, shape=(40, 80)):
    mask = np.zeros(shape, np.uint8)
    mask[y0:y1, x0:x1] = 1
    return rle.encode(np.asfortranarray(mask))


def instances(*rows):
    boxes, scores = np.array([row[:4] for row in rows]).reshape(-1, 4), np.array([row[4] for row in rows], np.float32)
    return boxes, scores, [box_mask(*row[:4]) for row in rows]


def test_tiles_cover_the_photo_and_overlap():
    seen = np.zeros((50, 90), int)
    for x0, y0, x1, y1 in detection.tiles_of(90, 50):
        assert (x1 - x0, y1 - y0) == (54, 30)
        seen[y0:y1, x0:x1] += 1
    assert seen.min() == 1 and seen[25, 45] == 4


def test_what_an_inner_border_cuts_is_left_out():
    tile = 36, 0, 90, 30  # right above: its left and lower borders are inside the photo
    boxes = np.array([[36, 5, 50, 20], [40, 0, 90, 20], [40, 5, 50, 30], [40, 5, 50, 28]])
    assert detection.uncut(boxes, tile, 90, 50).tolist() == [1, 3]


def test_an_object_found_twice_stays_once():
    found = instances((0, 0, 10, 10, 0.9), (0, 0, 10, 8, 0.8), (4, 0, 14, 10, 0.7))
    boxes, scores, _ = detection._once(*found)
    assert boxes.tolist() == [[0, 0, 10, 10], [4, 0, 14, 10]]


class OneSquare(torch.nn.Module):
    """Stands for S4Net in :func:`aisi.detection.detect`: finds what is white."""

    input_size = 64

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


def propose_white(model, images, nms_iou, max_candidates, score_threshold):
    [white] = (images > 128).all(1)
    rows, columns = torch.nonzero(white.any(1))[:, 0], torch.nonzero(white.any(0))[:, 0]
    if not len(rows):
        return [(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 8, 8))]
    box = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()
    return [(box[None], torch.tensor([0.9]), white[None].float())]


def test_every_view_finds_the_object_where_it_is(monkeypatch):
    monkeypatch.setattr(detection, "propose", propose_white)
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[10:30, 20:60] = 255
    settings = {"score_threshold": 0.5, "max_instances": 5, "nms_iou": 0.4}
    for views in ({}, {"tiles": True}, {"flip": True}, {"scales": (1, 2), "flip": True, "tiles": True}):
        boxes, scores, masks = detection.detect(OneSquare(), photo, **settings, **views)
        assert len(boxes) == len(scores) == len(masks) == 1, views
        assert np.abs(boxes[0] - [20, 10, 60, 30]).max() <= 3, views
        assert scores[0] == np.float32(0.9)


def test_scales_and_flip_say_what_the_network_sees(monkeypatch):
    seen = []

    def propose_nothing(model, images, **settings):
        seen.append(images)
        return [(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 8, 8))]

    monkeypatch.setattr(detection, "propose", propose_nothing)
    photo = np.random.default_rng(0).integers(0, 255, (50, 90, 3), np.uint8)
    settings = {"score_threshold": 0.5, "max_instances": 5, "nms_iou": 0.4}
    detection.detect(OneSquare(), photo, **settings, scales=(1, 2), flip=True)
    assert [images.shape[-2:] for images in seen] == [(64, 64), (64, 64), (128, 128), (128, 128)]
    assert torch.equal(seen[1], seen[0].flip(-1)) and torch.equal(seen[3], seen[2].flip(-1))
    assert not torch.equal(seen[1], seen[0])


def test_of_two_views_the_surer_instance_stays(monkeypatch):
    def propose_left(model, images, **settings):
        """Finds the left half, surer in the larger picture, and calls it by another box there."""
        side, is_large = images.shape[-1], images.shape[-1] > 64
        mask = torch.zeros(1, 8, 8)
        mask[:, :, :4] = 1
        box = torch.tensor([[0.0, 0.0, side / 2, side * (0.8 if is_large else 1.0)]])
        return [(box, torch.tensor([0.9 if is_large else 0.6]), mask)]

    monkeypatch.setattr(detection, "propose", propose_left)
    settings = {"score_threshold": 0.5, "max_instances": 5, "nms_iou": 0.4}
    photo = np.zeros((100, 200, 3), np.uint8)
    boxes, scores, _ = detection.detect(OneSquare(), photo, **settings, scales=(1, 2))
    assert boxes.tolist() == [[0, 0, 100, 80]] and np.allclose(scores, 0.9)
    boxes, scores, _ = detection.detect(OneSquare(), photo, **settings, flip=True)  # left halves of both pictures
    assert boxes.tolist() == [[0, 0, 100, 100], [100, 0, 200, 100]] and np.allclose(scores, 0.6)


def prompted_whole(model, image, boxes):
    """Every box is an object, the first with more confidence than all of S4Net's."""
    cells = torch.zeros(len(boxes), 8, 8)
    for row, (x0, y0, x1, y1) in enumerate((boxes / 8).round().int().tolist()):
        cells[row, y0:y1, x0:x1] = 1
    return torch.linspace(0.95, 0.1, len(boxes)), cells


def test_boxes_around_attention_find_keywords_without_an_instance(monkeypatch):
    monkeypatch.setattr(detection, "propose", propose_white)
    monkeypatch.setattr(detection, "prompted", prompted_whole)
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[:25, :50] = 255
    settings = {"score_threshold": 0.5, "max_instances": 5, "nms_iou": 0.4}
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 0, 0] = maps[1, 3, 3] = 1.0  # the first is where S4Net finds an instance
    [own], [score], [mask] = detection.detect(OneSquare(), photo, **settings)
    boxes, scores, masks = detection.detect(OneSquare(), photo, **settings, attention=maps)
    assert boxes.tolist() == [[150, 75, 200, 100], own.tolist()]  # the three cuts give one box: one instance
    assert np.allclose(scores, [0.95, score]) and masks[1] == mask
    for covered in maps[:1], maps[:0]:
        boxes, scores, masks = detection.detect(OneSquare(), photo, **settings, attention=covered)
        assert boxes.tolist() == [own.tolist()] and masks == [mask]


class ManySquares(torch.nn.Module):
    """Stands for S4Net in :func:`aisi.salient_instances.s4net.propose`: finds given boxes.

    Each has its objectness, and a mask of the same confidence in all cells.
    """

    input_size = 64

    def __init__(self, objectness, confidence, boxes):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.objectness, self.confidence = torch.tensor(objectness), torch.tensor(confidence)
        self.boxes = torch.tensor(boxes, dtype=torch.float)

    def features(self, images):
        return [torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 8, 8)]

    def anchors(self, pyramid):
        return (self.boxes,)

    def head(self, pyramid):
        logits = torch.stack([torch.zeros(len(self.boxes)), torch.logit(self.objectness)], 1)
        return [logits[None]], [torch.zeros(1, len(self.boxes), 4)]

    def masks(self, pyramid, boxes, photos):
        which = (boxes[:, None] == self.boxes).all(2).float().argmax(1)
        logit = torch.logit(self.confidence[which])[:, None, None].expand(-1, 8, 8)
        return torch.stack([torch.zeros_like(logit), logit], 1)


def detect_squares(model, **settings):
    photo = np.zeros((64, 64, 3), np.uint8)
    return detection.detect(model, photo, **{"score_threshold": 0.0, "max_instances": 2, "nms_iou": 0.4} | settings)


SQUARES = [[0, 0, 16, 16], [16, 0, 32, 16], [32, 0, 48, 16], [48, 0, 64, 16]]


def test_the_final_score_decides_which_instances_are_kept():
    model = ManySquares([0.9, 0.8, 0.7, 0.6], [0.55, 0.6, 0.9, 0.95], SQUARES)
    boxes, scores, _ = detect_squares(model)
    assert boxes.tolist() == [[32, 0, 48, 16], [48, 0, 64, 16]]
    assert np.allclose(scores, [0.63, 0.57])


def test_max_instances_counts_what_is_left_after_parts_are_dropped():
    model = ManySquares([0.9, 0.8, 0.6], [0.9, 0.9, 0.9], [[0, 0, 32, 32], [4, 4, 16, 16], [40, 40, 64, 64]])
    boxes, _, _ = detect_squares(model, nms_iou=1.0, max_covered=0.8)
    assert boxes.tolist() == [[0, 0, 32, 32], [40, 40, 64, 64]]


def test_the_threshold_is_for_objectness_times_confidence():
    model = ManySquares([0.9, 0.5], [0.6, 0.95], SQUARES[:2])
    assert detect_squares(model, score_threshold=0.5)[0].tolist() == [[0, 0, 16, 16]]
    assert len(detect_squares(model, score_threshold=0.55)[0]) == 0
