"""Photos on their way into a network: resized, cropped, augmented, and read ahead of their use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aisi.training.augmentation import jitter_colours, mirror, random_part, read_ahead, to_tensor, warp


def test_to_tensor_and_mirror():
    photo = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(to_tensor(photo)[1], photo[..., 1])
    assert np.array_equal(to_tensor(mirror(Image.fromarray(photo)))[0], photo[:, ::-1, 0])


def test_warp_of_a_box():
    photo = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert np.array_equal(np.array(warp(photo, (2, 3), (1, 0, 3, 3))), photo[0:3, 1:3])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.1, 1), st.integers(0, 2**32 - 1))
def test_a_random_part_is_inside_the_photo_and_large_enough(width, height, least_area, seed):
    x0, y0, x1, y1 = random_part((width, height), np.random.default_rng(seed), least_area)
    assert 0 <= x0 < x1 <= width + 1e-6 and 0 <= y0 < y1 <= height + 1e-6
    # a part that would cross the border is cut there
    assert (x1 - x0) * (y1 - y0) >= least_area * width * height * 3 / 4 - 1e-6


def test_no_jitter_changes_nothing():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 5, 3), np.uint8))
    assert np.array_equal(np.array(jitter_colours(photo, 0.0, np.random.default_rng(0))), np.array(photo))
    assert not np.array_equal(np.array(jitter_colours(photo, 0.5, np.random.default_rng(0))), np.array(photo))


@pytest.mark.parametrize("n", [0, 1, 3, 20])
def test_reading_ahead_keeps_the_order(n):
    assert list(read_ahead(lambda item: item**2, range(n))) == [item**2 for item in range(n)]


def test_reading_ahead_reads_little_more_than_is_asked_for():
    read = []
    results = read_ahead(read.append, range(100), ahead=4)
    next(results)
    results.close()
    assert len(read) <= 6


def test_reading_ahead_raises_what_reading_raises():
    results = read_ahead(lambda item: 1 / item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
