"""Training pictures of S4Net."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from snakemake.utils import update_config

import train_s4net
from aisi.formats.masks import write_labels
from aisi.masks import area, instances_of_map
from aisi.salient_instances.pictures import SalientPictures, list_pictures
from aisi.salient_instances.s4net import load_s4net
from workflow_text import ROOT

FILE = "s4net_resnet50.yaml"


@pytest.fixture
def root(tmp_path):
    for folder in ("ImageSets", "JPEGImages", "SegmentationObject"):
        (tmp_path / folder).mkdir()
    photo = np.zeros((60, 90, 3), np.uint8)
    labels = np.zeros((60, 90), np.uint8)
    photo[10:30, 20:60] = 255
    labels[10:30, 20:60], labels[40:50, 5:15], labels[30, 20:60] = 1, 2, 255
    Image.fromarray(photo).save(tmp_path / "JPEGImages" / "a.jpg", quality=95)
    write_labels(tmp_path / "SegmentationObject" / "a.png", labels)
    (tmp_path / "ImageSets" / "train.txt").write_text("a\n")
    return tmp_path


def test_missing_files_are_named(root):
    (root / "ImageSets" / "train.txt").write_text("a\nb\n")
    with pytest.raises(FileNotFoundError, match=r"2 files .*train\.txt.*b\.jpg"):
        list_pictures(root, "train")


def test_whole_picture_keeps_its_instances(root):
    pictures = SalientPictures(list_pictures(root, "train"), size=64, smallest_crop=1.0, colour_jitter=0.0)
    image, boxes, masks = pictures.sample(0, np.random.default_rng(0))
    assert image.shape == (3, 64, 64) and boxes.shape == (2, 4) and masks.shape == (2, 32, 32)
    x0, y0, x1, y1 = boxes[0].tolist()
    assert (y0, y1) == (pytest.approx(10 / 60 * 64, abs=1), pytest.approx(30 / 60 * 64, abs=1))
    assert min(x0, 64 - x1) == pytest.approx(20 / 90 * 64, abs=1)
    assert x1 - x0 == pytest.approx(40 / 90 * 64, abs=1)
    assert set(np.unique(masks)) == {0, 1, 255}
    bright = image.float().mean(0)[int(y0) + 2 : int(y1) - 2, int(x0) + 2 : int(x1) - 2]
    assert bright.min() > 200  # the mirrored picture and its boxes go together


def test_samples_repeat_with_their_generator(root):
    pictures = SalientPictures(list_pictures(root, "train"), size=64, smallest_crop=0.5, colour_jitter=0.4)
    first, again, other = (pictures.sample(0, np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    assert first.equal(again) and not first.equal(other)


def test_crops_never_leave_boxes_outside(root):
    pictures = SalientPictures(list_pictures(root, "train"), size=64, smallest_crop=0.5, colour_jitter=0.4)
    samples = [pictures.sample(0, np.random.default_rng(seed)) for seed in range(30)]
    for _, boxes, masks in samples:
        assert len(boxes) == len(masks)
        assert (boxes[:, 2:] > boxes[:, :2]).all() and (boxes >= 0).all() and (boxes <= 64).all()
    batch = pictures.collate(samples[:3])
    assert batch["images"].shape == (3, 3, 64, 64) and len(batch["boxes"]) == 3


def test_instances_of_a_map_leave_background_and_void_out():
    labels = np.array([[0, 1, 1], [2, 255, 0]], np.uint8)
    assert [area(mask) for mask in instances_of_map(labels)] == [2, 1]


def test_crowded_samples_hold_instances_of_other_photos(root):
    pairs = list_pictures(root, "train") * 3
    plain, crowded = SalientPictures(pairs, size=64), SalientPictures(pairs, size=64, crowded=1.0)
    counts = {
        name: [len(pictures.sample(0, np.random.default_rng(seed))[1]) for seed in range(40)]
        for name, pictures in (("plain", plain), ("crowded", crowded))
    }
    assert max(counts["plain"]) <= 2 < np.mean(counts["crowded"])
    for seed in range(40):
        image, boxes, masks = crowded.sample(0, np.random.default_rng(seed))
        assert image.shape == (3, 64, 64) and masks.shape == (len(boxes), 32, 32)
        assert (boxes[:, 2:] > boxes[:, :2]).all() and boxes.min() >= 0 and boxes.max() <= 64
        assert ((masks == 1).sum(0) <= 1).all()  # a pixel belongs to one instance


def test_an_instance_that_is_mostly_hidden_is_void(root):
    pictures = SalientPictures(list_pictures(root, "train"), size=64, crowded=1.0)
    labels = np.zeros((64, 64), np.uint8)
    labels[:3, :3] = 7  # smaller than any pasted instance
    for seed in range(60):
        own = labels.copy()
        pictures._paste(Image.new("RGB", (64, 64)), own, np.random.default_rng(seed))
        left = (own == 7).sum()
        assert left == 0 or left >= 0.3 * 9


def test_without_crops_and_colours_a_sample_is_the_photo_or_its_mirror_image(root):
    pictures = SalientPictures(list_pictures(root, "train"), size=64, smallest_crop=1.0, colour_jitter=0.0)
    samples = [pictures.sample(0, np.random.default_rng(seed))[0] for seed in range(20)]
    assert len({sample.numpy().tobytes() for sample in samples}) == 2
    one = samples[0]
    assert all(sample.equal(one) or sample.equal(one.flip(2)) for sample in samples)


def test_the_config_of_the_papers_s4net_builds_and_trains_a_step(root):
    """Every key of the network and the recipe as in the config, but small photos, one step, and random weights."""
    config, changes = (yaml.safe_load((ROOT / "config" / name).read_text()) for name in ("config.yaml", FILE))
    update_config(config, changes)
    block = config["salient_instances"]
    network, recipe = block["network"], block["training"]["recipe"]
    assert network.pop("weights") == "imagenet" and network["backbone"] == "resnet50"
    assert (network["pyramid_channels"], network["head_channels"], network["mask_channels"]) == (256, 512, [128, 64])
    assert recipe["iterations"] == 40000 and (network["input_size"], network["mask_stride"]) == (320, 8)
    train_s4net.main(
        root=root,
        split="train",
        start=None,
        architecture=network | {"input_size": 64},
        backbone_weights="none",
        samples=block["training"]["samples"],
        crowded=block["training"]["crowded"],
        recipe=recipe | {"iterations": 1, "workers": 0},
        threads=1,
        code="",
        weights=root / "w.safetensors",
        log=root / "log.csv",
        times=root / "times.csv",
    )
    model = load_s4net(root / "w.safetensors", "cpu")
    assert sum(parameter.numel() for parameter in model.parameters()) > 25e6
    assert float(pd.read_csv(root / "log.csv")["loss"][0]) > 0


def test_the_program_of_the_page_numbers_the_instances(tmp_path):
    page = (ROOT / "docs/salient_instances.md").read_text()
    (tmp_path / "numbered.py").write_text(re.search(r"```python\n(import sys\n.*?)```", page, re.DOTALL)[1])
    coloured, white = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint8)
    coloured[2:5, 2:5], coloured[10:15, 20:25] = (255, 0, 0), (0, 255, 0)
    white[2:5, 2:5], white[10:15, 20:25], white[0, 29] = 255, 250, 90  # the last is a soft edge
    for kind, mask in (("colours", coloured), ("regions", white)):
        (tmp_path / kind).mkdir()
        Image.fromarray(mask).save(tmp_path / kind / "a.png")
        command = [sys.executable, tmp_path / "numbered.py", kind, tmp_path / kind, tmp_path / "out" / kind]
        subprocess.run(command, check=True)
        numbers = np.array(Image.open(tmp_path / "out" / kind / "a.png"))
        assert numbers.shape == (20, 30) and sorted(np.unique(numbers)) == [0, 1, 2], kind
        assert {np.count_nonzero(numbers == n) for n in (1, 2)} == {9, 25}, kind
