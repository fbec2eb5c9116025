"""DeepLab: shapes, the loss with and without ignored pixels, training crops, prediction at a photo's size, resume."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import predict_semantic
import train_semantic
from aisi.deeplab import (
    OUTSIDE,
    DeepLab,
    Proxy,
    ProxyCrops,
    SalientCrops,
    adjust_logits,
    find_proxies,
    load_deeplab,
    parameter_groups,
    predict,
    save_deeplab,
    segmentation_loss,
)
from aisi.formats import IGNORE, read_labels, write_labels
from aisi.images import read_photo
from aisi.processes import on_gpus
from tiny_photos import BACKBONE, CATEGORIES, COLOURS, halves, write_photos

HEAD = {"head": "decoder", "rates": [1, 2], "width": 16, "skip_width": 8}
NETWORK = {"backbone": BACKBONE, "output_stride": 16} | HEAD
CROPS = {"crop": 64, "scales": [1.0, 1.5], "colour_jitter": 0.0, "ignored_pixels": "nothing"}
NONE = torch.zeros(1, 4, dtype=torch.bool)
RECIPE = {"optimizer": "adamw", "schedule": "one_cycle", "weight_decay": 0.0, "batch_size": 4, "backbone_scale": 0.01}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DeepLab(3, **NETWORK).eval()


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("head", ["sum", "decoder", "no skip"])
def test_shapes(output_stride, head):
    changes = {"output_stride": output_stride, "head": head} if head != "no skip" else {"skip_width": 0}
    stride = 4 if head == "decoder" else output_stride
    logits = DeepLab(5, **NETWORK | {"output_stride": output_stride} | changes).eval()(
        torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    )
    assert logits.shape == (1, 6, 64 // stride, 96 // stride)


def test_the_sum_is_that_of_its_rates():
    head = DeepLab(2, **NETWORK | {"head": "sum", "rates": [6, 12, 18, 24]}).head
    maps = [torch.randn(1, branch.in_channels, 9, 9) for branch in head.branches][:1]
    expected = sum(
        F.conv2d(maps[-1], branch.weight, branch.bias, padding=rate, dilation=rate)
        for branch, rate in zip(head.branches, (6, 12, 18, 24), strict=True)
    )
    assert torch.allclose(head(maps), expected, atol=1e-5)


class Fixed(torch.nn.Module):
    """Gives the same logits whatever it sees."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, images):
        return self.logits.expand(len(images), -1, -1, -1)


def constant(*odds):
    """A network that is sure of the categories in these proportions, at 2 x 2 pixels."""
    return Fixed(torch.tensor(odds).log().view(1, -1, 1, 1).repeat(1, 1, 2, 2))


def test_loss_by_hand_leaves_255_out():
    """Label 1 costs -log(3/4), label 0 -log(1/4), 255 and what is beyond the photo nothing."""
    model, images = constant(1.0, 3.0), torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    labels = torch.tensor([[[1, 0], [1, 255]], [[OUTSIDE] * 2, [255] * 2]])
    batch = images, labels, torch.zeros(2, 2, dtype=torch.bool)
    loss = segmentation_loss(model, batch)
    assert segmentation_loss.count(batch) == 3
    assert loss.item() == pytest.approx(-(2 * np.log(3 / 4) + np.log(1 / 4)) / 3)
    loss.backward()
    assert torch.all(model.logits.grad[0, :, 1, 1] == 0) and torch.all(model.logits.grad[0, :, 0, 0] != 0)


def test_an_ignored_pixel_may_be_any_of_its_photos_keywords():
    """Odds 1:2:5. A 255 of a photo with keyword 1 costs -log(3/8); with both keywords nothing, as it must be one."""
    model, images = constant(1.0, 2.0, 5.0), torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    labels = torch.tensor([[[2, 255], [255, OUTSIDE]], [[255, 255], [OUTSIDE] * 2]])
    batch = images, labels, torch.tensor([[True, True, False], [True, True, True]])
    assert segmentation_loss.count(batch) == 5
    assert segmentation_loss(model, batch).item() == pytest.approx(-(np.log(5 / 8) + 2 * np.log(3 / 8)) / 5)


def test_candidates_are_background_and_keywords(proxies):
    silent, told = (ProxyCrops(proxies, 3, 32, (1.0, 1.0), 0.0, kind) for kind in ("nothing", "keywords"))
    rng = np.random.default_rng(0)
    assert not silent.sample(1, rng)[2].any()
    assert told.sample(1, rng)[2].tolist() == [True, False, True, True]  # green is 2, blue 3


@pytest.mark.parametrize("network", [{}, {"head": "sum"}, {"backbone": "vgg16", "head": "large_fov", "rates": [2]}])
def test_adjusted_logits(network, tmp_path):
    """Of 8 known pixels 6 are background and 2 of label 1: these lose log(3/4) and log(1/4), unseen labels nothing."""
    labels = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 255, 255]], np.uint8)
    write_labels(tmp_path / "a.png", labels)
    torch.manual_seed(0)
    model, photo = DeepLab(3, **NETWORK | network).eval(), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    before = model(photo)
    adjust_logits(model, [Proxy(tmp_path / "a.jpg", tmp_path / "a.png", ())], 0.5)
    change = model(photo) - before
    expected = -0.5 * torch.tensor([np.log(6 / 8), np.log(2 / 8), 0.0, 0.0]).float()
    assert torch.allclose(change, expected.view(1, 4, 1, 1).expand_as(change), atol=1e-5)


def test_a_batch_of_ignored_pixels_costs_nothing(model):
    batch = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.full((1, 32, 32), 255), NONE
    assert segmentation_loss(model, batch).item() == 0


def test_a_batch_of_one_trains():
    model = DeepLab(3, **NETWORK).train()
    batch = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.ones(1, 64, 64, dtype=torch.long), NONE
    segmentation_loss(model, batch).backward()


def test_parameter_groups_hold_every_parameter_once(model):
    backbone, head = parameter_groups(model, 0.1)
    assert (backbone["scale"], head["scale"]) == (0.1, 1.0)
    counts = [sum(p.numel() for p in group["params"]) for group in (backbone, head)]
    assert sum(counts) == sum(p.numel() for p in model.parameters())


def write_proxies(folder, images, pairs):
    """True label maps of photos of two colours."""
    labels = {name: number + 1 for number, name in enumerate(COLOURS)}
    for photo, (left, right) in zip(images.itertuples(), pairs, strict=True):
        mask = np.zeros((photo.height, photo.width), np.uint8)
        mask[:, : photo.width // 2], mask[:, photo.width // 2 :] = labels[left], labels[right]
        write_labels(folder / f"{photo.image_id}.png", mask)


PAIRS = [("red", "green"), ("green", "blue"), ("blue", "red")]


@pytest.fixture
def proxies(tmp_path):
    images = write_photos(tmp_path, PAIRS)
    write_proxies(tmp_path / "proxies", images, PAIRS)
    return find_proxies(images, CATEGORIES, tmp_path / "proxies")


@pytest.mark.parametrize("scales", [(0.3, 0.5), (1.0, 1.0), (2.0, 4.0)])
def test_image_and_labels_stay_together(proxies, scales):
    """Every pixel away from the border of the halves has the colour of its label; beyond the photo is none."""
    crops = ProxyCrops(proxies, 3, 64, scales, 0.0, "nothing")
    for seed in range(8):
        image, labels, _ = crops.sample(seed % 3, np.random.default_rng(seed))
        assert image.shape == (3, 64, 64) and labels.shape == (64, 64) and labels.dtype == torch.int64
        nearest = torch.stack([(image.permute(1, 2, 0) - torch.tensor(c)).abs().sum(-1) for c in COLOURS.values()])
        inside = labels != OUTSIDE
        right = (nearest.argmin(0) + 1 == labels)[inside].float().mean()
        assert right > 0.9 and set(labels[inside].tolist()) <= {1, 2, 3}
        assert inside.all() == (scales[0] == 2.0)


def test_a_sample_repeats_with_its_generator(proxies):
    crops = ProxyCrops(proxies, 3, 32, (0.5, 2.0), 0.3, "nothing")
    one, again, other = (crops.sample(0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1]) and not torch.equal(one[0], other[0])


def test_both_ways_are_seen(proxies):
    crops = ProxyCrops(proxies, 3, 32, (0.6, 0.6), 0.0, "nothing")
    firsts = set()
    for seed in range(16):
        labels = crops.sample(0, np.random.default_rng(seed))[1]
        row = labels[(labels != OUTSIDE).any(1)][0]
        firsts.add(int(row[row != OUTSIDE][0]))
    assert firsts == {1, 2}


@pytest.fixture
def salient_crops(tmp_path, proxies):
    """Half of the samples show one picture: void to the left, an instance to the right, background between."""
    labels = np.zeros((40, 40), np.uint8)
    labels[:, :10], labels[:, 30:] = 255, 7
    picture, mask = tmp_path / "salient.jpg", tmp_path / "salient.png"
    Image.new("RGB", (40, 40), "red").save(picture)
    write_labels(mask, labels)
    crops = ProxyCrops(proxies, 3, 40, (1.0, 1.0), 0.0, "nothing")
    return SalientCrops(crops, [(picture, mask)], 0.5)


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


def test_a_salient_instance_teaches_that_it_is_no_background(salient_crops):
    *_, candidates = salient_crops.sample(len(salient_crops) - 1, np.random.default_rng(0))
    labels = torch.full((1, 2, 2), IGNORE)
    # odds of 1 : 1 : 2 : 4, so 7 in 8 for the three categories together
    loss = segmentation_loss(constant(1, 1, 2, 4), (torch.zeros(1, 3, 2, 2), labels, candidates[None]))
    assert loss.item() == pytest.approx(-np.log(7 / 8), rel=1e-5)


def test_photos_without_a_proxy_are_left_out(tmp_path):
    images = write_photos(tmp_path, PAIRS)
    write_proxies(tmp_path / "proxies", images[:1], PAIRS[:1])
    assert [str(proxy.photo) for proxy in find_proxies(images, CATEGORIES, tmp_path / "proxies")] == [images["path"][0]]


def test_no_proxy_at_all(tmp_path):
    (tmp_path / "proxies").mkdir()
    with pytest.raises(ValueError, match="proxies: none of the 3 photos has a proxy mask.*score_threshold"):
        find_proxies(write_photos(tmp_path, PAIRS), CATEGORIES, tmp_path / "proxies")


def test_an_id_that_leads_out_is_refused(tmp_path):
    images = write_photos(tmp_path, PAIRS).assign(image_id=["../a", "b", "c"])
    with pytest.raises(ValueError, match="leads out"):
        find_proxies(images, CATEGORIES, tmp_path / "proxies")


def test_a_label_beyond_the_categories_is_refused(proxies):
    with pytest.raises(ValueError, match="001.png: holds label 3, but categories.csv ends at 2"):
        ProxyCrops(proxies, 2, 32, (1.0, 1.0), 0.0, "nothing").sample(1, np.random.default_rng(0))


def test_a_mask_of_another_size_is_refused(proxies):
    write_labels(proxies[0].mask, np.zeros((5, 5), np.uint8))
    with pytest.raises(ValueError, match=r"000.png: is \(5, 5\) pixels, its photo .* \(48, 40\)"):
        ProxyCrops(proxies, 3, 32, (1.0, 1.0), 0.0, "nothing").sample(0, np.random.default_rng(0))


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (1, 1), (130, 7)])
def test_predictions_have_the_photos_size(model, size):
    labels = predict(model, np.zeros((*size, 3), np.uint8), scales=(0.5, 1.0), flip=True)
    assert labels.shape == size and labels.dtype == np.uint8 and labels.max() <= 3


def test_a_mirrored_photo_has_the_mirrored_prediction(model):
    photo = halves("red", "blue", (64, 64))
    assert np.mean(predict(model, photo, flip=True) == predict(model, photo[:, ::-1], flip=True)[:, ::-1]) > 0.99


class Sized(torch.nn.Module):
    """Sure of label 1 in a photo 32 wide, rather of label 2 in any other."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        probabilities = [0.1, 0.8, 0.1] if images.shape[-1] == 32 else [0.1, 0.3, 0.6]
        return torch.tensor(probabilities).log().view(1, 3, 1, 1).expand(len(images), 3, 4, 4)


def test_probabilities_are_averaged_over_the_scales():
    """(0.8 + 0.3 + 0.3) / 3 for label 1, (0.1 + 0.6 + 0.6) / 3 for label 2."""
    photo = np.zeros((40, 64, 3), np.uint8)
    assert np.all(predict(Sized(), photo, scales=(0.5,)) == 1) and np.all(predict(Sized(), photo, scales=(1.0,)) == 2)
    assert np.all(predict(Sized(), photo, scales=(0.5, 1.0, 2.0)) == 1)
    assert np.all(predict(Sized(), photo, scales=(0.5, 1.0, 1.5, 2.0), flip=True) == 2)


def test_a_tie_goes_to_the_lowest_label():
    assert not predict(Fixed(torch.zeros(1, 4, 2, 2)), halves("red", "blue")).any()


def arguments(folder, epochs, seed=0, recipe=None, **changes):
    recipe = RECIPE | {"epochs": epochs, "learning_rate": 0.02} | (recipe or {})
    return {
        **{"images": [folder / "images.csv"], "categories": folder / "categories.csv", "proxies": folder / "proxies"},
        **{"network": NETWORK, "pretrained": "none", "seed": seed, "threads": 1, "code": "0"},
        "salient": None,
        "training": {"crops": CROPS, "salient_share": 0.0, "recipe": recipe, "logit_adjustment": 0.0},
        **{"weights": folder / "weights.safetensors", "log": folder / "training.csv", "times": None},
        **changes,
    }


def test_training_learns_colours_and_predicts_them(tmp_path):
    images = write_photos(tmp_path, PAIRS, size=(64, 64))
    write_proxies(tmp_path / "proxies", images, PAIRS)
    train_semantic.main(**arguments(tmp_path, 30))
    predict_semantic.main(
        images=[tmp_path / "images.csv"],
        categories=tmp_path / "categories.csv",
        weights=tmp_path / "weights.safetensors",
        **{"scales": [1.0], "flip": True, "threads": 1, "output": tmp_path / "predictions"},
    )
    right = [
        np.mean(
            read_labels(tmp_path / "predictions" / f"{name}.png") == read_labels(tmp_path / "proxies" / f"{name}.png")
        )
        for name in images["image_id"]
    ]
    assert np.mean(right) > 0.85
    assert Image.open(tmp_path / "predictions" / "000.png").mode == "P"


def test_training_reads_the_pictures_of_salient_instances(tmp_path):
    """Proxies that are red all over know no background; the picture shows some, in green beside a blue instance."""
    pairs, scene = [("red", "red")] * 4, halves("blue", "green", (64, 64))
    write_proxies(tmp_path / "proxies", write_photos(tmp_path, pairs, size=(64, 64)), pairs)
    for folder in ("JPEGImages", "SegmentationObject", "ImageSets"):
        (tmp_path / "salient" / folder).mkdir(parents=True)
    Image.fromarray(scene).save(tmp_path / "salient/JPEGImages/a.jpg")
    write_labels(
        tmp_path / "salient/SegmentationObject/a.png", np.repeat([[9, 0]], 32, 1).repeat(64, 0).astype(np.uint8)
    )
    (tmp_path / "salient/ImageSets/train.txt").write_text("a")
    predictions = {}
    for share in (0.0, 0.5):
        settings = arguments(tmp_path, 20, salient=[tmp_path / "salient", "train"])
        settings["training"]["salient_share"] = share
        train_semantic.main(**settings)
        network = load_deeplab(tmp_path / "weights.safetensors", CPU, len(CATEGORIES))
        predictions[share] = predict(network, scene)
    assert (predictions[0.0] == 1).all()
    assert (predictions[0.5][:, :28] > 0).mean() > 0.9 and (predictions[0.5][:, 36:] == 0).mean() > 0.9


KILLED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
import train_semantic
from aisi import training

training.CHECKPOINT_SECONDS = 0  # a checkpoint after each step
calls, segmentation_loss = [], train_semantic.deeplab.segmentation_loss

def deadly(model, batch):
    calls.append(0)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return segmentation_loss(model, batch)

deadly.count = segmentation_loss.count
train_semantic.deeplab.segmentation_loss = deadly
train_semantic.main(**json.loads(sys.argv[2]))
"""


def test_a_killed_training_ends_with_the_same_bytes(tmp_path, proxies):
    """Killed within the second epoch; called again, the training ends as an undisturbed one."""
    settings = arguments(tmp_path, 3, recipe={"batch_size": 2})
    command = [sys.executable, "-c", KILLED, Path(train_semantic.__file__).parent, json.dumps(settings, default=str)]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    assert torch.load(tmp_path / "training.checkpoint.pt", weights_only=True)["rng"]["step"] == 3
    train_semantic.main(**settings)
    train_semantic.main(**settings | {"weights": tmp_path / "whole", "log": tmp_path / "whole.csv"})
    assert (tmp_path / "weights.safetensors").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "training.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_processes_train_the_same_network(tmp_path):
    """Losses differ by less than 1e-4, predictions in next to no pixel; a share knows fewer pixels."""
    images = write_photos(tmp_path, PAIRS, size=(64, 64))
    write_proxies(tmp_path / "proxies", images, PAIRS)
    unknown = read_labels(tmp_path / "proxies" / "001.png")
    unknown[:40] = 255
    write_labels(tmp_path / "proxies" / "001.png", unknown)
    recipe = {"learning_rate": 0.001, "optimizer": "sgd"}
    losses, predictions = [], []
    for n in (1, 2):
        changes = {"network": NETWORK | {"head": "sum"}, "recipe": recipe, "log": tmp_path / f"{n}.csv"}
        settings = arguments(tmp_path, 4, weights=tmp_path / f"{n}.safetensors", **changes)
        on_gpus(train_semantic.main, n)(**settings)
        losses.append(np.loadtxt(tmp_path / f"{n}.csv", delimiter=",", skiprows=1, usecols=1))
        model = load_deeplab(tmp_path / f"{n}.safetensors", CPU, 3)
        predictions.append([predict(model, read_photo(path)) for path in images["path"]])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4) and losses[0][-1] < losses[0][0]
    assert np.mean(np.array(predictions[0]) == np.array(predictions[1])) > 0.999


def test_weights_come_back(model, tmp_path):
    save_deeplab(tmp_path / "w", model, {"n_categories": 3} | NETWORK)
    photo = halves("red", "blue")
    assert np.array_equal(predict(load_deeplab(tmp_path / "w", CPU, 3), photo), predict(model, photo))
    with pytest.raises(ValueError, match="w: trained for 3 categories.*holds 7.*train_semantic"):
        load_deeplab(tmp_path / "w", CPU, 7)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_deeplab(tmp_path / "nowhere", CPU, 3)
