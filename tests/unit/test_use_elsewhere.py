"""docs/use_elsewhere.md: torchvision trains on the proxies; readers follow the documented formats of the other tools.

The readers share no code with the writers. tests/unit/test_export.py has the reader for Ultralytics.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

import write_proxy_masks
from aisi.formats.dataset import read_images, write_images
from aisi.formats.instances import new_salient_instances
from aisi.formats.metrics import read_metrics
from aisi.formats.tags import TAG_COLUMNS, write_tags
from tiny_photos import CATEGORIES, COLOURS, PAIRS, write_photos
from workflow_text import ROOT

PAGE = (ROOT / "docs" / "use_elsewhere.md").read_text()
CODE = {title: code for title, code in re.findall(r"^## (\w+)\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)}
WIDTH, HEIGHT = 48, 40


@pytest.fixture(scope="module")
def proxies(tmp_path_factory):
    """Proxy masks of twelve photos in two colours, written by the rule's script; the last photo has none.

    The left half has its tag, the right half too, but in each third photo it is rejected.
    """
    folder = tmp_path_factory.mktemp("run")
    pairs = PAIRS * 4
    images = write_photos(folder / "photos", pairs, (WIDTH, HEIGHT))
    for photo in images.itertuples():
        Image.open(photo.path).save(Path(photo.path).with_suffix(".jpg"), quality=95)
    images["path"] = [str(Path(path).with_suffix(".jpg")) for path in images["path"]]
    write_images(folder / "images.csv", images)
    halves = np.zeros((2, HEIGHT, WIDTH), np.uint8, order="C")
    halves[0, :, : WIDTH // 2], halves[1, :, WIDTH // 2 :] = 1, 1
    masks = [rle.encode(np.asfortranarray(half)) for half in halves]
    labels, rows = {name: number + 1 for number, name in enumerate(COLOURS)}, []
    with new_salient_instances(folder / "instances.h5") as writer:
        for number, (photo, pair) in enumerate(zip(images.itertuples(), pairs, strict=True)):
            boxes = [[0, 0, WIDTH // 2, HEIGHT], [WIDTH // 2, 0, WIDTH, HEIGHT]]
            writer.append(photo.image_id, boxes, [0.9, 0.8], masks)
            for side in (0, 1):
                rejected = number == 11 or (side == 1 and number % 3 == 2)
                label = 0 if rejected else labels[pair[side]]
                tag = "noisy" if rejected else pair[side]
                box, score = boxes[side], 0.9 - 0.1 * side
                rows.append((photo.image_id, side, *box, score, photo.keywords, label, tag, 0.5, 0.1, "solver"))
    write_tags(folder / "tags.csv", pd.DataFrame(rows, columns=TAG_COLUMNS))
    out = folder / "partition"
    write_proxy_masks.main(
        images_paths=[folder / "images.csv"],
        salient_instances_paths=[folder / "instances.h5"],
        tags_path=folder / "tags.csv",
        categories_path=folder / "photos/categories.csv",
        settings={"noisy_pixels": "ignore", "missing_keywords": "background"},
        rejected_as_crowd=True,
        head={"assignment": "partition", "seed": 0, "split": "train"},
        masks_folder=out / "SegmentationClass",
        coco_path=out / "instances.json",
        list_path=out / "ImageSets/Segmentation/train.txt",
        shares_path=out / "shares.csv",
    )
    (out / "JPEGImages").symlink_to(folder / "photos")
    return out


def test_torchvision_trains_in_its_own_style(proxies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {"proxies": proxies, "n_categories": len(CATEGORIES), "epochs": 6}
    exec(CODE["torchvision"], names)
    losses = names["losses"]
    assert len(names["photos"]) == 11 and len(losses) == 12
    assert np.isfinite(losses).all() and np.mean(losses[-3:]) < np.mean(losses[:3])
    _, mask = names["photos"][2]
    assert set(mask.unique().tolist()) <= {0, 1, 2, 3, 255}


def settings(title):
    """The values of an example's config, by running it."""
    names = {}
    exec(CODE[title], names)
    return names["train_dataloader"]["dataset"]


def test_mmsegmentation(proxies):
    """BaseSegDataset: a line of ann_file is a stem below img_path and seg_map_path; classes by pixel value."""
    data = settings("mmsegmentation")
    stems = (proxies / data["ann_file"]).read_text().split("\n")
    assert stems.pop() == "" and len(stems) == 11
    for stem in stems:
        photo = Image.open(proxies / data["data_prefix"]["img_path"] / (stem + data["img_suffix"]))
        mask = Image.open(proxies / data["data_prefix"]["seg_map_path"] / (stem + data["seg_map_suffix"]))
        values = set(np.unique(np.array(mask)).tolist())
        assert photo.size == mask.size and mask.mode == "P"
        assert values - {data["ignore_index"]} <= set(range(len(CATEGORIES) + 1)) and len(values) > 1
    assert data["metainfo"]["classes"][0] == "background" and not data["reduce_zero_label"]


def parse_coco(path, photos):
    """What mmdetection's CocoDataset and detectron2's load_coco_json make of a JSON: boxes in pixels, masks, crowds."""
    coco = COCO(path)
    found = {}
    for image in coco.loadImgs(coco.getImgIds()):
        with Image.open(photos / image["file_name"]) as photo:
            assert photo.size == (image["width"], image["height"])
        for one in coco.imgToAnns[image["id"]]:
            x, y, width, height = one["bbox"]
            assert one["area"] > 0 and min(width, height) >= 1
            assert isinstance(one["segmentation"]["counts"], str)
            mask = rle.decode(one["segmentation"])
            assert mask[y : y + height, x : x + width].sum() == mask.sum() == one["area"]
            name = coco.cats[one["category_id"]]["name"]
            found.setdefault(image["file_name"], []).append((name, bool(one["iscrowd"])))
    return found


@pytest.mark.parametrize("title", ["mmdetection", "detectron2"])
def test_detectors(proxies, title):
    if title == "mmdetection":
        data = settings(title)
        path, photos = proxies / data["ann_file"], proxies / data["data_prefix"]["img"]
    else:
        names = re.search(r'f"{proxies}/(\S+)", f"{proxies}/(\S+)"', CODE[title])
        path, photos = proxies / names[1], proxies / names[2]
        assert 'MASK_FORMAT = "bitmask"' in CODE[title]
    found = parse_coco(path, photos)
    assert len(found) == 11
    assert found["000.jpg"] == [("red", False), ("green", False)]
    assert found["002.jpg"] == [("blue", False), ("red", True), ("blue", True)]
    rejected = [one for one in json.loads(path.read_text())["annotations"] if one.get("rejected")]
    assert len(rejected) == 2 * 3 and all(one["iscrowd"] == 1 for one in rejected)


def test_detectron2_pairs_maps_and_photos_by_name(proxies):
    """load_sem_seg: the intersection of the stems of both folders."""
    stems = [{Path(name).stem for name in os.listdir(proxies / part)} for part in ("SegmentationClass", "JPEGImages")]
    listed = (proxies / "ImageSets/Segmentation/train.txt").read_text().split()
    assert sorted(stems[0] & stems[1]) == listed


def test_shares(proxies):
    shares = read_metrics(proxies / "shares.csv").set_index("metric")["value"]
    assert shares["share_ignored"] == pytest.approx(3 / 22) and shares["share_background"] == 0
    assert len(read_images(proxies.parent / "images.csv")) == 12
