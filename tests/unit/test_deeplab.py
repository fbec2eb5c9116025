"""DeepLab: shapes, the loss with and without ignored pixels, prediction at a photo's size, resume."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image

import predict_semantic
import train_semantic
from aisi.formats.masks import read_labels, write_labels
from aisi.labels import IGNORE
from aisi.photos import read_photo
from aisi.segmenters.crops import OUTSIDE, Proxy
from aisi.segmenters.deeplab import (
    DeepLab,
    adjust_logits,
    load_deeplab,
    predict,
    save_deeplab,
    segmentation_loss,
)
from aisi.segmenters.panel import HEIGHT, SHOWN, WIDTH
from aisi.training.engine import parameter_groups
from aisi.training.processes import on_gpus
from receptive_field import all_positive, centre_seen
from tensorboard_events import read_events
from tiny_photos import BACKBONE, CATEGORIES, PAIRS, halves, write_photos, write_proxies

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


def test_the_sum_head_adds_a_convolution_at_each_rate():
    head = DeepLab(2, **NETWORK | {"head": "sum", "rates": [6, 12, 18, 24]}).head
    maps = [torch.randn(1, branch.in_channels, 9, 9) for branch in head.branches][:1]
    expected = sum(
        F.conv2d(maps[-1], branch.weight, branch.bias, padding=rate, dilation=rate)
        for branch, rate in zip(head.branches, (6, 12, 18, 24), strict=True)
    )
    assert torch.allclose(head(maps), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(160, 176), (161, 177), (171, 150)], ids=str)
@pytest.mark.parametrize(("head", "skip_width"), [("sum", 0), ("decoder", 8)])
@pytest.mark.parametrize("stride", [8, 16])
def test_a_resnets_logits_are_drawn_where_it_sees_them(stride, head, skip_width, size):
    """Whatever the size of the photo. Half-pixel resizing would draw them 3.5 or 7.5 pixels to the right."""
    network = {"backbone": "resnet18", "output_stride": stride, "head": head, "skip_width": skip_width}
    model = all_positive(DeepLab(3, **NETWORK | network)).eval()
    model.backbone.normalise = lambda photos: photos
    photos = torch.ones(1, 3, *size, requires_grad=True)
    logits = F.interpolate(model(photos), size, mode="bilinear", align_corners=False)
    for x, y in ((80, 80), (83, 86)):
        assert centre_seen(logits[0, :, y, x].sum(), photos) == pytest.approx([x + 0.5, y + 0.5], abs=1)


class Fixed(torch.nn.Module):
    """Gives the same logits for every photo."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, images):
        return self.logits.expand(len(images), -1, -1, -1)


def constant(*odds):
    """A network with probabilities in these proportions at each of 2 x 2 pixels."""
    return Fixed(torch.tensor(odds).log().view(1, -1, 1, 1).repeat(1, 1, 2, 2))


def test_loss_by_hand_ignores_255():
    """Label 1 costs -log(3/4), label 0 -log(1/4); 255 and pixels beyond the photo cost nothing."""
    model, images = constant(1.0, 3.0), torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    labels = torch.tensor([[[1, 0], [1, 255]], [[OUTSIDE] * 2, [255] * 2]])
    batch = images, labels, torch.zeros(2, 2, dtype=torch.bool)
    loss = segmentation_loss(model, batch)
    assert segmentation_loss.count(batch) == 3
    assert loss.item() == pytest.approx(-(2 * np.log(3 / 4) + np.log(1 / 4)) / 3)
    loss.backward()
    assert torch.all(model.logits.grad[0, :, 1, 1] == 0) and torch.all(model.logits.grad[0, :, 0, 0] != 0)


def test_an_ignored_pixel_may_be_any_of_its_photos_keywords():
    """Odds 1:2:5. A 255 of a photo with keyword 1 costs -log(3/8); with both keywords 0, since any label is right."""
    model, images = constant(1.0, 2.0, 5.0), torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    labels = torch.tensor([[[2, 255], [255, OUTSIDE]], [[255, 255], [OUTSIDE] * 2]])
    batch = images, labels, torch.tensor([[True, True, False], [True, True, True]])
    assert segmentation_loss.count(batch) == 5
    assert segmentation_loss(model, batch).item() == pytest.approx(-(np.log(5 / 8) + 2 * np.log(3 / 8)) / 5)


def test_a_pixel_of_a_salient_instance_may_be_any_category():
    """Odds 1 : 1 : 2 : 4, so the three categories together have probability 7/8."""
    batch = torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), IGNORE), torch.tensor([[False, True, True, True]])
    assert segmentation_loss(constant(1, 1, 2, 4), batch).item() == pytest.approx(-np.log(7 / 8), rel=1e-5)


@pytest.mark.parametrize("network", [{}, {"head": "sum"}, {"backbone": "vgg16", "head": "large_fov", "rates": [2]}])
def test_adjusted_logits(network, tmp_path):
    """Of 8 known pixels 6 are background and 2 have label 1: their logits change by -0.5 log of 6/8 and of 2/8."""
    labels = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 255, 255]], np.uint8)
    write_labels(tmp_path / "a.png", labels)
    torch.manual_seed(0)
    model, photo = DeepLab(3, **NETWORK | network).eval(), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    before = model(photo)
    adjust_logits(model, [Proxy(tmp_path / "a.jpg", tmp_path / "a.png", ())], 0.5)
    change = model(photo) - before
    expected = -0.5 * torch.tensor([np.log(6 / 8), np.log(2 / 8), 0.0, 0.0]).float()
    assert torch.allclose(change, expected.view(1, 4, 1, 1).expand_as(change), atol=1e-5)


def test_the_loss_of_a_batch_of_ignored_pixels_is_0(model):
    batch = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.full((1, 32, 32), 255), NONE
    assert segmentation_loss(model, batch).item() == 0


def test_a_batch_of_one_trains():
    model = DeepLab(3, **NETWORK).train()
    batch = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.ones(1, 64, 64, dtype=torch.long), NONE
    segmentation_loss(model, batch).backward()


def test_parameter_groups_hold_every_parameter_once(model):
    backbone, head = parameter_groups(model, model.backbone, 0.1)
    assert (backbone["scale"], head["scale"]) == (0.1, 1.0)
    counts = [sum(p.numel() for p in group["params"]) for group in (backbone, head)]
    assert sum(counts) == sum(p.numel() for p in model.parameters())


def test_large_fov_starts_from_vgg16s_own_layers(monkeypatch):
    """Each weight of fc6 and fc7 is its place, so the copied ones tell which were taken."""
    state = torchvision.models.vgg16(weights=None).features.state_dict()
    state = {f"features.{name}": value for name, value in state.items()}
    fc6 = (torch.arange(4096.0)[:, None] + torch.arange(25088) / 2**15).float()
    fc7 = (torch.arange(4096.0)[:, None] + torch.arange(4096) / 2**12).float()
    for layer, weight in (("0", fc6), ("3", fc7), ("6", torch.zeros(1000, 4096))):
        state |= {f"classifier.{layer}.weight": weight, f"classifier.{layer}.bias": -weight[:, 0]}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: state)
    head = DeepLab(20, "vgg16", 8, "large_fov", [12], 1024, 0, "imagenet").head
    assert head[0].weight[5, 7, 1, 2] == fc6[20, 7 * 49 + 3 * 7 + 6] and head[0].bias[5] == -20
    assert head[0].weight[1023, 511, 2, 0] == fc6[4092, 511 * 49 + 6 * 7]
    assert head[3].weight[3, 9, 0, 0] == fc7[12, 36] and head[3].bias[3] == -12


def test_large_fov_without_a_classifier_starts_at_random(tmp_path):
    state = torchvision.models.vgg16(weights=None).features.state_dict()
    torch.save({f"features.{name}": value for name, value in state.items()}, tmp_path / "vgg16.pth")
    heads = []
    for weights in ("none", tmp_path / "vgg16.pth"):
        torch.manual_seed(0)
        model = DeepLab(3, "vgg16", 8, "large_fov", [2], 16, 0, weights)
        heads.append(model.head.state_dict())
    assert heads[0].keys() == heads[1].keys() and all(heads[0][name].equal(heads[1][name]) for name in heads[0])
    assert model.backbone.state_dict()["body.features.0.weight"].equal(state["0.weight"])


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (1, 1), (130, 7)])
def test_predictions_have_the_photos_size(model, size):
    labels = predict(model, np.zeros((*size, 3), np.uint8), scales=(0.5, 1.0), flip=True)
    assert labels.shape == size and labels.dtype == np.uint8 and labels.max() <= 3


def test_a_mirrored_photo_has_the_mirrored_prediction(model):
    photo = halves("red", "blue", (64, 64))
    assert np.mean(predict(model, photo, flip=True) == predict(model, photo[:, ::-1], flip=True)[:, ::-1]) > 0.99


class Sized(torch.nn.Module):
    """Prefers label 1 strongly in a photo of width 32, and label 2 weakly in any other."""

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
        **{"images_paths": [folder / "images.csv"], "roots": None, "categories_path": folder / "categories.csv"},
        **{"proxies_folder": folder / "proxies"},
        **{"network": NETWORK, "pretrained": "none", "seed": seed, "threads": 1, "code": "0"},
        "salient": None,
        "training": {"crops": CROPS, "salient_share": 0.0, "recipe": recipe, "logit_adjustment": 0.0},
        **{"weights_path": folder / "weights.safetensors", "log_path": folder / "training.csv", "times_path": None},
        **changes,
    }


def test_training_learns_colours_and_predicts_them(tmp_path):
    images = write_photos(tmp_path, PAIRS, size=(64, 64))
    write_proxies(tmp_path / "proxies", images, PAIRS)
    train_semantic.main(**arguments(tmp_path, 30))
    predict_semantic.main(
        images_paths=[tmp_path / "images.csv"],
        roots=None,
        categories_path=tmp_path / "categories.csv",
        weights_path=tmp_path / "weights.safetensors",
        **{"scales": [1.0], "flip": True, "threads": 1, "predictions_folder": tmp_path / "predictions"},
    )
    right = [
        np.mean(
            read_labels(tmp_path / "predictions" / f"{name}.png") == read_labels(tmp_path / "proxies" / f"{name}.png")
        )
        for name in images["image_id"]
    ]
    assert np.mean(right) > 0.85
    assert Image.open(tmp_path / "predictions" / "000.png").mode == "P"


def test_training_learns_from_photos_of_salient_instances(tmp_path):
    """The proxies are all red and have no background; the salient photo has some, green, beside a blue instance."""
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
from aisi.training import engine as training

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


def test_a_killed_training_ends_with_the_same_bytes(tmp_path):
    """Killed within the second epoch and called again, the training ends like an uninterrupted one."""
    write_proxies(tmp_path / "proxies", write_photos(tmp_path, PAIRS), PAIRS)
    settings = arguments(tmp_path, 3, recipe={"batch_size": 2})
    command = [sys.executable, "-c", KILLED, Path(train_semantic.__file__).parent, json.dumps(settings, default=str)]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    assert torch.load(tmp_path / "training.checkpoint.pt", weights_only=True)["rng"]["step"] == 3
    train_semantic.main(**settings)
    watched = {"times_path": tmp_path / "times.csv", "tensorboard": True}
    train_semantic.main(**settings | {"weights_path": tmp_path / "whole", "log_path": tmp_path / "whole.csv"} | watched)
    assert [size for _, size in read_events(tmp_path / "times.tensorboard")[1]["photo_proxy_mask_prediction"]] == [
        (3 * WIDTH, min(SHOWN, len(PAIRS)) * HEIGHT)
    ] * 3
    assert (tmp_path / "weights.safetensors").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "training.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_processes_train_the_same_network(tmp_path):
    """Losses differ by less than 1e-4, predictions in almost no pixel, though one share has fewer known pixels."""
    images = write_photos(tmp_path, PAIRS, size=(64, 64))
    write_proxies(tmp_path / "proxies", images, PAIRS)
    unknown = read_labels(tmp_path / "proxies" / "001.png")
    unknown[:40] = 255
    write_labels(tmp_path / "proxies" / "001.png", unknown)
    recipe = {"learning_rate": 0.001, "optimizer": "sgd"}
    losses, predictions = [], []
    for n in (1, 2):
        changes = {"network": NETWORK | {"head": "sum"}, "recipe": recipe, "log_path": tmp_path / f"{n}.csv"}
        settings = arguments(tmp_path, 4, weights_path=tmp_path / f"{n}.safetensors", **changes)
        on_gpus(train_semantic.main, n)(**settings)
        losses.append(np.loadtxt(tmp_path / f"{n}.csv", delimiter=",", skiprows=1, usecols=1))
        model = load_deeplab(tmp_path / f"{n}.safetensors", CPU, 3)
        predictions.append([predict(model, read_photo(path)) for path in images["path"]])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4) and losses[0][-1] < losses[0][0]
    assert np.mean(np.array(predictions[0]) == np.array(predictions[1])) > 0.999


def test_loaded_weights_predict_the_same(model, tmp_path):
    save_deeplab(tmp_path / "w", model, {"n_categories": 3} | NETWORK)
    photo = halves("red", "blue")
    assert np.array_equal(predict(load_deeplab(tmp_path / "w", CPU, 3), photo), predict(model, photo))
    with pytest.raises(ValueError, match="w: trained for 3 categories.*holds 7.*train_semantic"):
        load_deeplab(tmp_path / "w", CPU, 7)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_deeplab(tmp_path / "nowhere", CPU, 3)
