"""Scores: means of bilinearly resized maps inside boxes, of every instance and keyword (PAPER §3.1 eq. 2)."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import compute_scores
from aisi.attention.scores import box_means, score_instances
from aisi.dataset.keywords import keyword_labels
from aisi.formats.attention import new_attention
from aisi.formats.dataset import Categories, write_categories, write_images
from aisi.formats.instances import SalientInstances, new_salient_instances, read_salient_instances
from aisi.formats.scores import read_scores
from aisi.masks import encode

CATEGORIES = Categories(("cat", "dog", "fox"), (10, 20, 30), ("#000000",) * 3)


def photos(**keywords):
    rows = [(name, f"{name}.jpg", 8, 6, tuple(words), "0") for name, words in keywords.items()]
    return pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "keywords", "sha256"])


def instances(*rows):
    """Instances from (image_id, box)."""
    ids = np.array([image_id for image_id, _ in rows], object)
    boxes = np.array([box for _, box in rows], np.int64).reshape(-1, 4)
    return SalientInstances(ids, np.zeros(len(ids), np.int64), boxes, np.ones(len(ids), np.float32), [{}] * len(ids))


class Maps(dict):
    """Attention maps of photos, as formats.AttentionMaps gives them: labels and a constant map for each."""

    def __init__(self, **labels):
        for name, values in labels.items():
            maps = np.array([np.full((2, 3), value) for value in values.values()]).reshape(-1, 2, 3)
            self[name] = np.array(list(values), np.int64), maps


def test_a_map_at_the_photos_size_is_averaged_as_it_is():
    maps = np.arange(24.0).reshape(2, 3, 4) / 24
    means = box_means(maps, (3, 4), [[1, 0, 3, 2], [3, 2, 4, 3]])
    assert means == pytest.approx(np.array([maps[:, 0:2, 1:3].mean((1, 2)), maps[:, 2, 3]]))


def test_two_cells_over_four_pixels():
    """Half-pixel centres: pixels lie at cells -0.25, 0.25, 0.75 and 1.25, so they hold 0, 0.25, 0.75 and 1."""
    maps = np.array([[[0.0, 1.0]]])
    boxes = [[0, 0, 1, 1], [1, 0, 2, 1], [0, 0, 4, 1], [1, 0, 4, 1]]
    assert box_means(maps, (1, 4), boxes).ravel() == pytest.approx([0, 0.25, 0.5, 2 / 3])


def test_no_boxes_and_no_keywords():
    assert box_means(np.zeros((2, 3, 3)), (9, 9), np.zeros((0, 4), int)).shape == (0, 2)
    assert box_means(np.zeros((0, 1, 1)), (9, 9), [[0, 0, 9, 9]]).shape == (1, 0)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_as_torch_resizes(h, w, height, width, seed):
    rng = np.random.default_rng(seed)
    maps = rng.random((3, h, w))
    corners = [np.sort(rng.choice(n + 1, 2, replace=False)) for n in (width, height)]
    (x0, x1), (y0, y1) = corners
    big = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], (height, width), mode="bilinear", align_corners=False
    )[0].numpy()
    expected = big[:, y0:y1, x0:x1].mean((1, 2))
    assert box_means(maps, (height, width), [[x0, y0, x1, y1]])[0] == pytest.approx(expected, abs=1e-6)


def test_one_score_for_each_keyword_of_each_instance():
    images = photos(a=["dog", "cat"], b=["fox"], c=["cat"])
    found = instances(("a", (0, 0, 8, 6)), ("a", (1, 1, 2, 2)), ("c", (0, 0, 1, 1)))
    scores = score_instances(images, CATEGORIES, found, Maps(a={1: 0.25, 2: 0.5}, b={3: 1.0}, c={1: 0.75}))
    assert scores.offsets.tolist() == [0, 2, 4, 5]
    assert scores.labels.tolist() == [1, 2, 1, 2, 1]
    assert scores.scores.tolist() == [0.25, 0.5, 0.25, 0.5, 0.75]


def test_no_instances():
    scores = score_instances(photos(a=["cat"]), CATEGORIES, instances(), Maps(a={1: 0.5}))
    assert scores.offsets.tolist() == [0] and len(scores.labels) == len(scores.scores) == 0


def test_a_photo_without_keywords_has_no_candidates():
    scores = score_instances(photos(a=[]), CATEGORIES, instances(("a", (0, 0, 1, 1))), Maps(a={}))
    assert scores.offsets.tolist() == [0, 0]


def test_maps_of_other_keywords_are_refused():
    with pytest.raises(ValueError, match=r"a: found attention maps of labels \[1\].*\[1, 2\].*compute_attention_maps"):
        score_instances(photos(a=["cat", "dog"]), CATEGORIES, instances(("a", (0, 0, 1, 1))), Maps(a={1: 0.5}))


def test_an_instance_of_another_shard_is_refused():
    with pytest.raises(ValueError, match="b: .*not in the shard's table"):
        score_instances(photos(a=["cat"]), CATEGORIES, instances(("b", (0, 0, 1, 1))), Maps(b={1: 0.5}))


def test_keyword_labels():
    assert keyword_labels(photos(a=["fox", "cat"], b=[]), CATEGORIES) == [[1, 3], []]
    with pytest.raises(ValueError, match="a: keyword 'cow' is not in categories.csv.*index_images"):
        keyword_labels(photos(a=["cow"]), CATEGORIES)


def test_script(tmp_path):
    """From files to a file: maps are float16, boxes those of the salient instances."""
    paths = SimpleNamespace(**{name: tmp_path / name for name in ("images", "categories", "found", "maps", "scores")})
    write_images(paths.images, photos(a=["cat"], b=["dog"]))
    write_categories(paths.categories, CATEGORIES)
    with new_salient_instances(paths.found) as writer:
        writer.append("b", [[0, 0, 4, 6]], [0.9], [encode(np.ones((6, 8), bool))])
    with new_attention(paths.maps) as writer:
        writer.append("a", [1], np.zeros((1, 1, 2)))
        writer.append("b", [2], [[[0.0, 1.0]]])
    compute_scores.main(paths.images, paths.categories, paths.found, paths.maps, paths.scores)
    scores = read_scores(paths.scores, rows=read_salient_instances(paths.found).rows)
    assert scores.offsets.tolist() == [0, 1] and scores.labels.tolist() == [2]
    # pixel centres at cells -0.375, -0.125, 0.125, 0.375
    assert scores.scores[0] == pytest.approx((0.125 + 0.375) / 4)
