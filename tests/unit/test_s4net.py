"""S4Net's parts, on answers known by hand."""

import pytest
import torch

from aisi.salient_instances import s4net
from aisi.salient_instances.s4net import S4Net, decode_boxes, encode_boxes, prompted, propose, roi_marks, s4net_loss

ARCHITECTURE = {
    "backbone": "tf_efficientnet_lite0",
    "pyramid_channels": 8,
    "head_channels": 8,
    "mask_channels": [8, 4],
    "masking": "ternary",
    "input_size": 64,
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return S4Net(**ARCHITECTURE).eval()


def test_ternary_marks_inside_and_ring():
    [marks] = roi_marks(torch.tensor([[24.0, 24.0, 48.0, 48.0]]), (10, 10))  # cells 3..5, ring one cell wide
    assert marks[3:6, 3:6].eq(1).all()
    assert marks[2:7, 2:7].eq(-1).sum() == 25 - 9
    assert marks.eq(0).sum() == 100 - 25


def test_ring_is_clamped_at_the_border():
    """The released code loses the whole ring for boxes near the top or left edge."""
    [marks] = roi_marks(torch.tensor([[0.0, 0.0, 24.0, 24.0]]), (10, 10))
    assert marks[:3, :3].eq(1).all()
    assert marks[3, :4].eq(-1).all() and marks[:4, 3].eq(-1).all()
    assert marks[4:].eq(0).all()


def test_binary_marks_have_no_ring():
    [marks] = roi_marks(torch.tensor([[24.0, 24.0, 48.0, 48.0]]), (10, 10), masking="binary")
    assert marks.min() == 0 and marks.sum() == 9


def test_a_box_inside_one_cell_still_marks_it():
    [marks] = roi_marks(torch.tensor([[9.0, 9.0, 10.0, 10.0]]), (4, 4))
    assert marks[1, 1] == 1 and marks.eq(1).sum() == 1


def test_boxes_survive_encoding():
    anchors = torch.tensor([[0.0, 0.0, 16.0, 16.0], [8.0, 8.0, 40.0, 24.0]])
    boxes = torch.tensor([[2.0, 1.0, 20.0, 30.0], [4.0, 4.0, 60.0, 20.0]])
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes)
    assert encode_boxes(anchors, anchors).abs().max() == 0


def test_bfloat16_does_not_round_anchors(model, monkeypatch):
    """Under autocast the maps are bfloat16, whose numbers above 256 are even."""
    monkeypatch.setattr(model, "input_size", 320)
    maps = [torch.zeros(1, 8, side, side) for side in (80, 40, 20, 10, 5)]
    expected = torch.cat(model.anchors(maps))
    assert torch.equal(torch.cat(model.anchors([level.bfloat16() for level in maps])), expected)
    assert (expected[expected > 256] % 2 != 0).any()


def test_anchors_cover_five_sizes_and_three_ratios(model):
    pyramid = model.features(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert [tuple(level.shape[-2:]) for level in pyramid] == [(16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]
    for size, anchors, level in zip(s4net.ANCHOR_SIZES, model.anchors(pyramid), pyramid, strict=True):
        assert len(anchors) == 3 * level.shape[-1] ** 2
        width, height = (anchors[:, 2:] - anchors[:, :2]).T
        assert ((width * height).sqrt() - size).abs().max() <= 0.1 * size


def test_head_rows_follow_the_anchors(model):
    """A logit placed at one cell and anchor comes out at that anchor's row."""
    maps = torch.zeros(1, 6, 2, 3)
    maps[0, 2 * 1 + 1, 1, 2] = 5.0  # anchor 1, second logit, row 1, column 2
    rows = s4net._per_anchor(maps, 2)[0]
    assert rows.argmax() == ((1 * 3 + 2) * 3 + 1) * 2 + 1


def test_loss_of_photos_with_and_without_instances(model):
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    boxes, masks = [torch.tensor([[8.0, 8.0, 40.0, 40.0]]), torch.zeros(0, 4)], [torch.ones(1, 32, 32).byte()]
    masks.append(torch.zeros(0, 32, 32).byte())
    assert torch.isfinite(s4net_loss(model, {"images": images, "boxes": boxes, "masks": masks})).all()
    empty = {"images": images, "boxes": [torch.zeros(0, 4)] * 2, "masks": [masks[1]] * 2}
    assert torch.isfinite(s4net_loss(model, empty)).all()


def test_mask_loss_counts_only_known_pixels_inside_the_box(model):
    pyramid = model.features(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    boxes = [torch.tensor([[16.0, 16.0, 48.0, 48.0]])]
    mask = torch.zeros(1, 32, 32, dtype=torch.uint8)
    mask[0, 10:20, 10:20] = 1
    outside, void = mask.clone(), mask.clone()
    outside[0, :4] = 1
    void[0, 8:24, 8:24] = s4net.VOID
    reference = s4net._mask_loss(model, pyramid, boxes, [mask])
    assert s4net._mask_loss(model, pyramid, boxes, [outside]) == reference
    assert s4net._mask_loss(model, pyramid, boxes, [void]) == 0


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    model = S4Net(**ARCHITECTURE).train()
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[:, :, 16:48, 16:48] = 255
    mask = torch.zeros(1, 32, 32, dtype=torch.uint8)
    mask[0, 8:24, 8:24] = 1
    batch = {"images": images, "boxes": [torch.tensor([[16.0, 16.0, 48.0, 48.0]])], "masks": [mask]}
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        loss = s4net_loss(model, batch).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_proposals_are_sorted_bounded_and_inside(model):
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    for boxes, scores, masks in propose(model, images, nms_iou=0.4, max_candidates=5, score_threshold=0.0):
        assert 0 < len(boxes) <= 5 and len(boxes) == len(scores) == len(masks)
        assert (scores.diff() <= 0).all()
        assert boxes.min() >= 0 and boxes.max() <= 64
        assert masks.min() >= 0 and masks.max() <= 1


def test_no_proposal_above_the_threshold(model):
    [(boxes, scores, masks)] = propose(model, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), 0.4, 5, 1.0)
    assert len(boxes) == len(scores) == len(masks) == 0


def test_mask_confidence_is_the_mean_over_the_mask_inside_the_box():
    soft = torch.tensor([[[0.9, 0.7], [0.2, 1.0]], [[0.1, 0.1], [0.1, 0.1]]])
    inside = torch.tensor([[[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    torch.testing.assert_close(s4net.mask_confidence(soft, inside), torch.tensor([0.8, 0.0]))


def test_photos_of_a_batch_do_not_mix(model):
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    together = propose(model, images, 0.4, 5, 0.0)
    for photo in range(2):
        [alone] = propose(model, images[photo : photo + 1], 0.4, 5, 0.0)
        for got, expected in zip(together[photo], alone, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def refined(model):
    torch.manual_seed(0)
    return S4Net(**ARCHITECTURE, mask_stride=4).eval()


def test_refined_masks_have_a_finer_grid(refined):
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    [(boxes, _, masks)] = propose(refined, images, nms_iou=0.4, max_candidates=5, score_threshold=0.0)
    assert len(boxes) and masks.shape == (len(boxes), 16, 16)


def test_refinement_starts_from_the_masks_of_trained_weights(model, refined, tmp_path):
    s4net.save_s4net(tmp_path / "s4net.safetensors", model, ARCHITECTURE)
    s4net.start_from(refined, tmp_path / "s4net.safetensors")
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    boxes, photos = torch.tensor([[8.0, 8.0, 40.0, 40.0]]), torch.tensor([0])
    coarse, fine = (network.masks(network.features(images), boxes, photos) for network in (model, refined))
    expected = torch.nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear", align_corners=False)
    torch.testing.assert_close(fine, expected, rtol=0.02, atol=0.02)  # the file holds float16


def test_a_start_of_another_architecture_is_refused(model, tmp_path):
    s4net.save_s4net(tmp_path / "s4net.safetensors", model, ARCHITECTURE)
    wider = S4Net(**ARCHITECTURE | {"head_channels": 16})
    with pytest.raises(ValueError, match="does not fit S4Net.*training.start"):
        s4net.start_from(wider, tmp_path / "s4net.safetensors")


def test_weights_round_trip_in_half_precision(model, tmp_path):
    s4net.save_s4net(tmp_path / "s4net.safetensors", model, ARCHITECTURE)
    again = s4net.load_s4net(tmp_path / "s4net.safetensors", "cpu")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mask_stride", [8, 4])
def test_boxes_from_elsewhere_get_the_same_masks_and_scores(mask_stride):
    torch.manual_seed(0)
    model = S4Net(**ARCHITECTURE, mask_stride=mask_stride).eval()
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    [(boxes, scores, masks)] = propose(model, images, nms_iou=0.9, max_candidates=5, score_threshold=0.0)
    again, soft = prompted(model, images[0], boxes)
    assert soft.shape == (5, 64 // mask_stride, 64 // mask_stride)
    torch.testing.assert_close(soft, masks)
    torch.testing.assert_close(again, scores)
    moved, _ = prompted(model, images[0], boxes + 1)
    assert moved.shape == (5,) and ((moved >= 0) & (moved <= 1)).all()


def test_no_box_from_elsewhere(model):
    scores, soft = prompted(model, torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(0, 4))
    assert scores.shape == (0,) and soft.shape == (0, 8, 8)
