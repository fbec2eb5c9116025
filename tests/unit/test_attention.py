"""Attention: eq. 1, the maps of a photo's own keywords, and both ways of training."""

import numpy as np
import pytest
import torch

import compute_attention_maps
import train_attention
from aisi.attention.network import (
    AttentionNetwork,
    KeywordPhotos,
    PooledPhotos,
    attention_loss,
    attention_maps,
    keyword_vectors,
    load_attention,
    pool_photos,
    save_attention,
)
from aisi.formats.attention import open_attention
from aisi.photos import read_photo
from aisi.training.augmentation import to_tensor, warp
from receptive_field import all_positive, centre_seen
from tiny_photos import BACKBONE, halves, write_photos

NETWORK = {"backbone": BACKBONE, "output_stride": 16, "image_size": 64}
RECIPE = {"optimizer": "adamw", "schedule": "one_cycle", "weight_decay": 0.0, "batch_size": 4}
CPU = torch.device("cpu")
STEM = "backbone.body.conv_stem.weight"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = AttentionNetwork(3, **NETWORK).eval()
    torch.nn.init.normal_(model.classifier[1].weight)
    return model


def test_loss_by_hand():
    """Two categories; GAP gives scores 0 and log 3, so y = 1/2 and 3/4 (PAPER §3.1 eq. 1)."""
    scores = torch.tensor([[[[-1.0, 1.0]], [[np.log(3), np.log(3)]]]])
    loss = attention_loss(scores, torch.tensor([[1.0, 0.0]]))
    assert float(loss) == pytest.approx(-(np.log(1 / 2) + np.log(1 / 4)) / 2)


def test_keyword_vectors():
    assert keyword_vectors([[1, 3], [], [2]], 3).tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_score_maps_have_the_output_stride(stride):
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    assert AttentionNetwork(5, BACKBONE, stride, 64).eval()(images).shape == (1, 5, 64 // stride, 64 // stride)


def test_a_new_classifier_prefers_no_category():
    maps = attention_maps(AttentionNetwork(3, **NETWORK).eval(), halves("red", "blue"), [1, 2])
    assert np.all(maps == 0.5)


def test_a_resnets_maps_are_drawn_where_it_sees_them():
    """Cell i of stride 16 is drawn on pixels 16 i to 16 i + 16."""
    network = all_positive(AttentionNetwork(3, "resnet18", 16, 192)).eval()
    network.backbone.normalise = lambda photos: photos
    photos = torch.ones(1, 3, 192, 192, requires_grad=True)
    scores = network(photos)
    assert scores.shape == (1, 3, 12, 12)
    assert centre_seen(scores[0, :, 6, 5].sum(), photos) == pytest.approx([88, 104], abs=1)


def test_maps_of_the_photos_own_keywords_only(model):
    photo = halves("red", "blue")
    everything, own = attention_maps(model, photo, [1, 2, 3]), attention_maps(model, photo, [1, 3])
    assert own.shape == (2, 4, 4) and own.dtype == np.float32
    assert np.array_equal(own, everything[[0, 2]])
    assert everything.min() >= 0 and everything.max() <= 1 and np.ptp(everything) > 0
    assert attention_maps(model, photo, []).shape == (0, 4, 4)


def test_a_mirrored_photo_has_mirrored_maps(model):
    photo = halves("red", "blue")
    mirrored = attention_maps(model, photo[:, ::-1], [1, 2])
    assert mirrored[:, :, ::-1] == pytest.approx(attention_maps(model, photo, [1, 2]), abs=1e-5)


def test_the_order_of_pooling_and_classifying_does_not_matter(model, tmp_path):
    images = write_photos(tmp_path, [("red", "blue"), ("green", "green")])
    pooled = pool_photos(model, list(images["path"]))
    assert pooled.shape == (2, 2, model.backbone.channels[-1])
    batch = torch.stack([to_tensor(warp(read_photo(path), (64, 64))) for path in images["path"]])
    with torch.inference_mode():
        expected = model(batch).mean((2, 3))
        found = model.classifier(pooled[:, 0, :, None, None])[:, :, 0, 0]
    assert torch.allclose(found, expected, atol=1e-4)
    assert pool_photos(model, []).shape == (0, 2, model.backbone.channels[-1])


def test_samples_repeat_with_their_generator(tmp_path):
    images = write_photos(tmp_path, [("red", "blue")])
    photos = KeywordPhotos(list(images["path"]), keyword_vectors([[1, 3]], 3), 64)
    first, again, other = (photos.sample(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first[0].shape == (3, 64, 64) and first[0].dtype == torch.uint8 and first[1].tolist() == [1, 0, 1]
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])


def test_pooled_samples_are_one_of_both_ways():
    features = torch.arange(8.0).reshape(1, 2, 4)
    photos = PooledPhotos(features, torch.ones(1, 3))
    seen = {tuple(photos.sample(0, np.random.default_rng(seed))[0].ravel().tolist()) for seed in range(20)}
    assert seen == {(0, 1, 2, 3), (4, 5, 6, 7)}


def train(folder, weights, freeze, epochs, seed=0, **changes):
    arguments = {
        **{"images_paths": [folder / "images.csv"], "roots": None, "categories_path": folder / "categories.csv"},
        **{"network": NETWORK, "pretrained": "none", "freeze_backbone": freeze, "dropout": 0.0},
        **{"recipe": RECIPE | {"epochs": epochs, "learning_rate": 0.05 if freeze else 0.0005}, "seed": seed},
        **{"threads": 1, "code": "0", "times_path": None},
        **{"weights_path": folder / weights, "log_path": folder / f"{weights}.csv"},
    }
    train_attention.main(**arguments | changes)
    return folder / weights


PAIRS = [("red", "red"), ("green", "green"), ("blue", "blue"), ("red", "green"), ("green", "blue"), ("blue", "red")]


def test_training_finds_the_halves_of_a_photo(tmp_path):
    """Colours are learned from keywords alone; in a photo of two colours, each is found on its side."""
    images = write_photos(tmp_path, PAIRS * 2, size=(64, 64))
    weights = train(tmp_path, "classifier.safetensors", True, 60)
    tables = tmp_path / "images.csv", None, tmp_path / "categories.csv"
    compute_attention_maps.main(*tables, weights, 1, tmp_path / "maps.h5")
    with open_attention(tmp_path / "maps.h5") as maps:
        labels, found = maps["003"]  # red on the left, green on the right
        assert len(maps["000"][0]) == 1
    assert labels.tolist() == [1, 2] and len(images) == 12
    left, right = found[:, :, 0].mean(1), found[:, :, -1].mean(1)
    assert left[0] > right[0] and right[1] > left[1]


def test_without_freezing_the_backbone_learns_too(tmp_path):
    write_photos(tmp_path, PAIRS[:2])
    torch.manual_seed(0)
    before = AttentionNetwork(3, **NETWORK).state_dict()
    after = load_attention(train(tmp_path, "a", False, 3), CPU, 3).state_dict()
    assert not torch.equal(before[STEM], after[STEM])
    losses = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1, usecols=1)
    assert losses[-1] < losses[0]


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    write_photos(tmp_path, PAIRS)
    first, again, other = (train(tmp_path, name, True, 2, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


def test_fewer_photos_than_a_batch(tmp_path):
    write_photos(tmp_path, PAIRS[:1])
    assert train(tmp_path, "a", True, 1).is_file()


def test_no_photo(tmp_path):
    write_photos(tmp_path, [])
    with pytest.raises(ValueError, match="training set is empty"):
        train(tmp_path, "a", True, 1)


def test_weights_come_back(model, tmp_path):
    save_attention(tmp_path / "w", model, {"n_categories": 3} | NETWORK)
    again = load_attention(tmp_path / "w", CPU, 3)
    assert np.array_equal(
        attention_maps(again, halves("red", "blue"), [2]), attention_maps(model, halves("red", "blue"), [2])
    )


def test_weights_for_other_categories_are_refused(model, tmp_path):
    save_attention(tmp_path / "w", model, {"n_categories": 3} | NETWORK)
    with pytest.raises(ValueError, match="w: trained for 3 categories.*holds 4.*train_attention"):
        load_attention(tmp_path / "w", CPU, 4)


def test_missing_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match="w"):
        load_attention(tmp_path / "w", CPU, 3)


def test_broken_photo_stops_with_its_name(tmp_path):
    images = write_photos(tmp_path, PAIRS[:2])
    (tmp_path / "001.png").write_bytes(b"")
    with pytest.raises(ValueError, match="001.png"):
        pool_photos(AttentionNetwork(3, **NETWORK).eval(), list(images["path"]))
