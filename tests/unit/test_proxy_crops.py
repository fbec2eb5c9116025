"""Training crops of the semantic networks: photo and labels stay together, what is learned from 255, salient photos."""

import numpy as np
import pytest
import torch
from PIL import Image

from aisi.formats.masks import write_labels
from aisi.labels import IGNORE
from aisi.segmenters.crops import OUTSIDE, ProxyCrops, SalientCrops, find_proxies
from tiny_photos import CATEGORIES, COLOURS, PAIRS, write_photos, write_proxies


@pytest.fixture
def proxies(tmp_path):
    images = write_photos(tmp_path, PAIRS)
    write_proxies(tmp_path / "proxies", images, PAIRS)
    return find_proxies(images, CATEGORIES, tmp_path / "proxies")


@pytest.mark.parametrize("scales", [(0.3, 0.5), (1.0, 1.0), (2.0, 4.0)])
def test_image_and_labels_stay_together(proxies, scales):
    """Away from the border of the halves each pixel has the colour of its label; pixels beyond the photo have none."""
    crops = ProxyCrops(proxies, 3, 64, scales, 0.0, "nothing")
    for seed in range(8):
        image, labels, _ = crops.sample(seed % 3, np.random.default_rng(seed))
        assert image.shape == (3, 64, 64) and labels.shape == (64, 64) and labels.dtype == torch.int64
        nearest = torch.stack([(image.permute(1, 2, 0) - torch.tensor(c)).abs().sum(-1) for c in COLOURS.values()])
        inside = labels != OUTSIDE
        right = (nearest.argmin(0) + 1 == labels)[inside].float().mean()
        assert right > 0.9 and set(labels[inside].tolist()) <= {1, 2, 3}
        assert inside.all() == (scales[0] == 2.0)


def test_candidates_are_background_and_keywords(proxies):
    nothing, keywords = (ProxyCrops(proxies, 3, 32, (1.0, 1.0), 0.0, ignored) for ignored in ("nothing", "keywords"))
    rng = np.random.default_rng(0)
    assert not nothing.sample(1, rng)[2].any()
    assert keywords.sample(1, rng)[2].tolist() == [True, False, True, True]  # green is 2, blue 3


def test_a_sample_repeats_with_its_generator(proxies):
    crops = ProxyCrops(proxies, 3, 32, (0.5, 2.0), 0.3, "nothing")
    one, again, other = (crops.sample(0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1]) and not torch.equal(one[0], other[0])


def test_crops_are_mirrored_at_random(proxies):
    crops = ProxyCrops(proxies, 3, 32, (0.6, 0.6), 0.0, "nothing")
    firsts = set()
    for seed in range(16):
        labels = crops.sample(0, np.random.default_rng(seed))[1]
        row = labels[(labels != OUTSIDE).any(1)][0]
        firsts.add(int(row[row != OUTSIDE][0]))
    assert firsts == {1, 2}


@pytest.fixture
def salient_crops(tmp_path, proxies):
    """Half of the samples are one photo: void on the left, an instance on the right, background between them."""
    labels = np.zeros((40, 40), np.uint8)
    labels[:, :10], labels[:, 30:] = 255, 7
    photo, mask = tmp_path / "salient.jpg", tmp_path / "salient.png"
    Image.new("RGB", (40, 40), "red").save(photo)
    write_labels(mask, labels)
    crops = ProxyCrops(proxies, 3, 40, (1.0, 1.0), 0.0, "nothing")
    return SalientCrops(crops, [(photo, mask)], 0.5)


def test_a_share_of_the_samples_shows_salient_instances(salient_crops, proxies):
    assert len(salient_crops) == 2 * len(proxies)
    assert len(SalientCrops(salient_crops.crops, [], 0.0)) == len(proxies)
    for ours, theirs in zip(
        salient_crops.sample(1, np.random.default_rng(0)),
        salient_crops.crops.sample(1, np.random.default_rng(0)),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_a_salient_instance_may_be_of_any_category(salient_crops):
    image, labels, candidates = salient_crops.sample(len(salient_crops) - 1, np.random.default_rng(0))
    if labels[0, 0] == IGNORE:  # mirrored
        labels = labels.flip(1)
    assert image.shape == (3, 40, 40)
    assert (labels[:, :10] == OUTSIDE).all()
    assert (labels[:, 10:30] == 0).all()
    assert (labels[:, 30:] == IGNORE).all()
    assert candidates.tolist() == [False, True, True, True]


def test_photos_without_a_proxy_are_left_out(tmp_path):
    images = write_photos(tmp_path, PAIRS)
    write_proxies(tmp_path / "proxies", images[:1], PAIRS[:1])
    assert [str(proxy.photo_path) for proxy in find_proxies(images, CATEGORIES, tmp_path / "proxies")] == [
        images["path"][0]
    ]


def test_an_error_if_no_photo_has_a_proxy(tmp_path):
    (tmp_path / "proxies").mkdir()
    with pytest.raises(ValueError, match="proxies: none of the 3 photos has a proxy mask.*score_threshold"):
        find_proxies(write_photos(tmp_path, PAIRS), CATEGORIES, tmp_path / "proxies")


def test_an_id_outside_the_folder_is_refused(tmp_path):
    images = write_photos(tmp_path, PAIRS).assign(image_id=["../a", "b", "c"])
    with pytest.raises(ValueError, match="leads out"):
        find_proxies(images, CATEGORIES, tmp_path / "proxies")


def test_a_label_beyond_the_categories_is_refused(proxies):
    with pytest.raises(ValueError, match="001.png: found label 3, but the largest in categories.csv is 2"):
        ProxyCrops(proxies, 2, 32, (1.0, 1.0), 0.0, "nothing").sample(1, np.random.default_rng(0))


def test_a_mask_of_another_size_is_refused(proxies):
    write_labels(proxies[0].mask_path, np.zeros((5, 5), np.uint8))
    with pytest.raises(ValueError, match=r"000.png: found \(5, 5\) pixels, expected the \(48, 40\) of its photo"):
        ProxyCrops(proxies, 3, 32, (1.0, 1.0), 0.0, "nothing").sample(0, np.random.default_rng(0))
