import numpy as np
import pytest

from aisi.attention.cam import cam_mask


def sigmoid(scores):
    return 1 / (1 + np.exp(-np.asarray(scores, float)))


def test_the_largest_share_above_the_threshold_wins():
    maps = sigmoid([[[2.0, 0.3, -1.0, 1.0]], [[-3.0, 1.0, 4.0, 2.0]]])  # shares 1, .15, 0, .5 and 0, .25, 1, .5
    assert cam_mask(maps, [3, 7], (1, 4), 0.2).tolist() == [[3, 7, 7, 3]]
    assert cam_mask(maps, [3, 7], (1, 4), 0.3).tolist() == [[3, 0, 7, 3]]
    assert cam_mask(maps[:1], [3], (1, 4), 0.2).tolist() == [[3, 0, 0, 3]]


def test_a_keyword_without_positive_scores_has_no_pixels():
    maps = sigmoid([[[-1.0, -2.0]], [[1.0, -1.0]]])
    assert cam_mask(maps, [1, 2], (1, 2), 0.2).tolist() == [[2, 0]]
    assert cam_mask(maps[:1], [1], (1, 2), 0.2) is None
    assert cam_mask(np.zeros((0, 1, 1)), [], (4, 4), 0.2) is None


def test_maps_are_resized_to_the_photo():
    mask = cam_mask(sigmoid([[[5.0, -5.0]]]), [1], (2, 8), 0.5)
    assert mask.shape == (2, 8) and mask.dtype == np.uint8
    assert mask[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]  # shares 1, 1, .875, .625, .375, .125, 0, 0


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_attention_that_float16_rounds_to_0_or_1(value):
    mask = cam_mask(np.full((1, 2, 2), value), [1], (2, 2), 0.2)
    assert mask is None if value == 0 else (mask == 1).all()
