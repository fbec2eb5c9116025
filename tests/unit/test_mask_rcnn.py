"""Mask R-CNN: published number of parameters, samples, training on tagged instances, predictions as COCO's results."""

import json

import numpy as np
import pytest
import torch
import torchvision
import yaml
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

import predict_instance
import train_instance
from aisi.formats.coco import read_instances, write_coco
from aisi.formats.dataset import write_coco_ids
from aisi.segmenters.mask_rcnn import (
    InstancePhotos,
    InstanceSegmenter,
    coco_results,
    find_instances,
    instance_loss,
    load_segmenter,
    predict,
    save_segmenter,
)
from aisi.training.engine import parameter_groups
from aisi.training.weights import save_weights
from tensorboard_events import read_events
from tiny_photos import BACKBONE, CATEGORIES, COLOURS, write_photos
from workflow_text import ROOT

CPU = torch.device("cpu")
LIGHT = {"backbone": BACKBONE, "image_size": 64, "largest_size": 96, "pyramid_channels": 16}
LIGHT |= {"anchor_sizes": [8, 16, 32, 48, 64], "proposals": 20, "samples": 16, "box_channels": 32, "mask_channels": 8}
PAPER = {"backbone": "resnet50", "image_size": 800, "largest_size": 1333, "pyramid_channels": 256}
PAPER |= {"anchor_sizes": [32, 64, 128, 256, 512], "proposals": 1000, "samples": 512}
PAPER |= {"box_channels": 1024, "mask_channels": 256}
PAIRS = [("red", "green"), ("green", "blue"), ("blue", "red")]
NAMES = list(COLOURS)


def half(side, size=(48, 40)):
    """Mask of the left (0) or right (1) half of a photo of size (width, height)."""
    mask = np.zeros(size[::-1], np.uint8, order="F")
    mask[:, side * size[0] // 2 : (side + 1) * size[0] // 2] = 1
    return rle.encode(mask)


@pytest.fixture
def folder(tmp_path):
    """Photos of two colours, and both halves of each as tagged instances."""
    images = write_photos(tmp_path, PAIRS)
    write_instances(tmp_path / "instances.json", images, [[half(0), half(1)]] * len(PAIRS))
    return tmp_path


def write_instances(path, images, masks):
    listed = [{"id": n, "image_id": image_id} for n, image_id in enumerate(images["image_id"], start=1)]
    entries = [
        {
            "image_id": n,
            "category_id": 1 + NAMES.index(PAIRS[(n - 1) % len(PAIRS)][side]),
            "score": 0.5,
            "bbox": [0, 0, 1, 1],
            "segmentation": mask,
        }
        for n, photo in enumerate(masks, start=1)
        for side, mask in enumerate(photo)
    ]
    for entry in entries:
        entry["segmentation"] = entry["segmentation"] | {"counts": entry["segmentation"]["counts"].decode()}
    categories = [{"id": n, "name": name} for n, name in zip(CATEGORIES.ids, CATEGORIES.names, strict=True)]
    write_coco(path, {"images": listed, "categories": categories, "annotations": entries})


def photos_of(folder):
    images = write_photos(folder, PAIRS)
    return find_instances(images, read_instances(folder / "instances.json", CATEGORIES), NAMES)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return InstanceSegmenter(3, **LIGHT).eval()


def test_the_papers_network_has_the_published_parameters():
    """44,401,393 with frozen batch norms: torchvision's MaskRCNN_ResNet50_FPN_Weights.COCO_V1, num_params."""
    model = InstanceSegmenter(90, **PAPER)
    norms = sum(p.numel() for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters())
    published = torchvision.models.detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["num_params"]
    assert sum(p.numel() for p in model.parameters()) - norms == published == 44_401_393


def test_proposals_of_training_and_prediction():
    """The paper-sized configs have torchvision's numbers; without training_proposals both are the same."""
    theirs = torchvision.models.detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).rpn
    for file in ("voc2012.yaml", "coco.yaml"):
        networks = yaml.safe_load((ROOT / "config" / file).read_text())["instance"]["networks"]
        for network in (block["network"] for block in networks.values()):
            ours = InstanceSegmenter(3, **network | {"weights": "none"}).rpn
            assert (ours._pre_nms_top_n, ours._post_nms_top_n) == (theirs._pre_nms_top_n, theirs._post_nms_top_n)
    assert InstanceSegmenter(3, **LIGHT).rpn._post_nms_top_n == {"training": 20, "testing": 20}


def test_parameter_groups_hold_every_parameter_once(model):
    backbone, others = parameter_groups(model, model.backbone.backbone, 0.1)
    assert (backbone["scale"], others["scale"]) == (0.1, 1.0)
    assert {id(p) for p in backbone["params"]} == {id(p) for p in model.backbone.backbone.parameters()}
    assert sorted(map(id, backbone["params"] + others["params"])) == sorted(map(id, model.parameters()))


def test_photo_boxes_and_masks_of_a_sample_fit(folder):
    samples = InstancePhotos(photos_of(folder), 60, 96, (1.0, 1.0), 0.0)
    firsts = set()
    for seed in range(8):
        image, target = samples.sample(0, np.random.default_rng(seed))
        assert image.shape == (3, 60, 72) and image.dtype == torch.uint8
        left = int(target["boxes"][0, 0] != 0)
        assert target["boxes"].tolist() == [[36, 0, 72, 60], [0, 0, 36, 60]][:: 1 if left else -1]
        assert target["labels"].tolist() == [1, 2] and target["masks"].shape == (2, 60, 72)
        for label, mask in zip(("red", "green"), target["masks"], strict=True):
            inside = image[:, mask.bool()].float().median(1).values
            assert inside.tolist() == pytest.approx(COLOURS[label], abs=1)
        firsts.add(left)
    assert firsts == {0, 1}


def test_sizes_stay_within_bounds(folder):
    samples = InstancePhotos(photos_of(folder), 60, 84, (0.5, 2.0), 0.0)
    sides = np.array([samples.sample(0, np.random.default_rng(seed))[0].shape[1:] for seed in range(30)])
    assert sides.min() >= 30 and sides.max() == 84 and len(np.unique(sides[:, 0])) > 10


def test_an_instance_without_a_pixel_after_resizing_is_left_out(folder):
    point = np.zeros((40, 48), np.uint8, order="F")
    point[1, 1] = 1
    path, labels, masks = photos_of(folder)[0]
    samples = InstancePhotos([(path, [1, 3], [half(0), rle.encode(point)])], 10, 12, (1.0, 1.0), 0.0)
    _, target = samples.sample(0, np.random.default_rng(0))
    assert target["labels"].tolist() == [1] and target["masks"].shape == (1, 10, 12)
    samples.photos = [(path, [3], [rle.encode(point)])]
    _, target = samples.sample(0, np.random.default_rng(0))
    assert target["boxes"].shape == (0, 4) and target["masks"].shape == (0, 10, 12)


def test_a_batch_without_instances_trains():
    model = InstanceSegmenter(3, **LIGHT).train()
    target = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    target["masks"] = torch.zeros(0, 64, 64, dtype=torch.uint8)
    loss = instance_loss(model, {"photos": [torch.zeros(3, 64, 64, dtype=torch.uint8)], "targets": [target]})
    loss.backward()
    assert loss.isfinite()
    assert instance_loss(model.eval(), {"photos": [torch.zeros(3, 64, 64)], "targets": [target]}).isfinite()


def test_instances_without_a_pixel_are_left_out_and_counted_in_the_log(folder, capsys):
    empty = rle.encode(np.zeros((40, 48), np.uint8, order="F"))
    images = write_photos(folder, PAIRS)
    write_instances(folder / "instances.json", images, [[half(0), empty], [empty], []])
    [(path, labels, masks)] = find_instances(images, read_instances(folder / "instances.json", CATEGORIES), NAMES)
    assert path == images["path"][0] and labels == [1] and rle.area(masks).tolist() == [24 * 40]
    printed = capsys.readouterr().out
    assert "2 instances have no pixel" in printed and "without an instance to learn from: green, blue." in printed


def test_an_error_if_no_photo_has_an_instance(folder):
    with pytest.raises(ValueError, match="None of the 3 photos has an instance with a tag.*score_threshold"):
        find_instances(write_photos(folder, PAIRS), {}, NAMES)


def arguments(folder, epochs, **changes):
    recipe = {"epochs": epochs, "batch_size": 2, "optimizer": "adamw", "learning_rate": 0.002, "clip": 1.0}
    recipe |= {"weight_decay": 0.0, "schedule": "one_cycle"}
    return {
        **{"images_paths": [folder / "images.csv"], "roots": None, "categories_path": folder / "categories.csv"},
        "network": LIGHT,
        **{"instances_path": folder / "instances.json", "pretrained": "none", "seed": 0, "threads": 1, "code": "0"},
        **{"samples": {"scales": [1.0, 1.0], "colour_jitter": 0.0}, "recipe": recipe},
        **{"weights_path": folder / "weights.safetensors", "log_path": folder / "training.csv", "times_path": None},
        **changes,
    }


def test_training_learns(tmp_path):
    images = write_photos(tmp_path, 4 * PAIRS)
    write_instances(tmp_path / "instances.json", images, [[half(0), half(1)]] * len(images))
    watched = {"times_path": tmp_path / "times.csv", "tensorboard": True}
    train_instance.main(**arguments(tmp_path, 5, pretrained="imagenet", **watched))
    scalars, pictures = read_events(tmp_path / "times.tensorboard")
    assert len(scalars["loss_of_step"]) == 5 * len(images) // 2
    assert len(pictures["photo_proxy_mask_prediction"]) == 5
    losses = np.loadtxt(tmp_path / "training.csv", delimiter=",", skiprows=1, usecols=1)
    assert losses[-1] < 0.6 * losses[0]


def test_the_same_training_gives_the_same_bytes(folder):
    contents = []
    for name in ("one", "two"):
        train_instance.main(
            **arguments(folder, 1, weights_path=folder / name / "w", log_path=folder / name / "log.csv")
        )
        contents.append((folder / name / "w").read_bytes())
    assert contents[0] == contents[1]


def test_predictions_have_the_format_of_coco_results(folder, model):
    save_segmenter(folder / "w", model, {"n_categories": 3} | LIGHT)
    images = write_photos(folder, PAIRS)
    paths = [folder / "images.csv"], None, None, folder / "categories.csv", folder / "w"
    predict_instance.main(*paths, 0.0, 0.5, 7, 1, folder / "predictions.json")
    results = json.loads((folder / "predictions.json").read_text())
    assert {entry["image_id"] for entry in results} == set(images["image_id"])
    for entry in results:
        mask = entry["segmentation"]
        assert mask["size"] == [40, 48] and rle.area(mask) > 0 and entry["bbox"] == rle.toBbox(mask).tolist()
    found = read_instances(folder / "predictions.json", CATEGORIES)
    for labels, scores, masks in found.values():
        assert len(labels) == len(masks) <= 7 and set(labels) <= {1, 2, 3} and scores == sorted(scores, reverse=True)


@pytest.fixture(scope="module")
def large():
    """A network with random weights that sees photos of 640 x 960 pixels, such a photo, and its maps."""
    torch.manual_seed(0)
    network = InstanceSegmenter(3, **LIGHT | {"image_size": 640, "largest_size": 960, "proposals": 200}).eval()
    torch.nn.init.normal_(network.rpn.head.bbox_pred.weight, std=0.02)
    photos, _ = network.transform([torch.rand(3, 640, 960) * 255])
    with torch.inference_mode():
        maps = {level: values.bfloat16() for level, values in network.backbone(photos.tensors).items()}
    return network, photos, maps


@torch.inference_mode()
def test_bfloat16_does_not_round_proposals(large):
    """Under autocast the maps are bfloat16, whose numbers above 512 are multiples of 4."""
    network, photos, maps = large
    with torch.autocast("cpu", torch.bfloat16):
        [found], _ = network.rpn(photos, maps)
    [expected], _ = network.rpn(photos, {level: values.float() for level, values in maps.items()})
    assert (expected > 512).sum() > 50 and (expected % 4 != 0)[expected > 512].float().mean() > 0.5
    assert torch.equal(found, expected)


@torch.inference_mode()
def test_bfloat16_does_not_round_detections(large):
    network, _, _ = large
    proposals = [torch.tensor([[601.0, 101.5, 713.0, 307.0], [523.0, 7.0, 641.5, 95.0]])]
    logits, deltas = torch.eye(4)[1:3].bfloat16() * 5, (torch.arange(32.0).view(2, 16) / 64).bfloat16()
    found = network.roi_heads.postprocess_detections(logits, deltas, proposals, [(640, 960)])
    expected = network.roi_heads.postprocess_detections(logits.float(), deltas.float(), proposals, [(640, 960)])
    assert expected[0][0].max() > 512 and torch.equal(found[0][0], expected[0][0])


def test_training_and_prediction_resize_alike(tmp_path, model):
    """In noise, ways to resize differ. The network predicts from the numbers that it would train on."""
    noise = np.random.default_rng(0).integers(0, 256, (250, 333, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    photos, seen = [(str(tmp_path / "noise.png"), [1], [half(0, (333, 250))])], []
    samples = InstancePhotos(photos, LIGHT["image_size"], LIGHT["largest_size"], (1.0, 1.0), 0.0)
    photo, _ = samples.sample(0, np.random.default_rng(1))  # not mirrored
    assert photo.shape == (3, 64, 85)
    with model.backbone.register_forward_pre_hook(lambda _, maps: seen.append(maps[0])):
        predict(model, noise, score_threshold=0.5, nms_iou=0.5, max_instances=3)
    assert torch.equal(seen[0], model.transform.batch_images([model.transform.normalize(photo.float())]))


def test_predictions_have_the_ids_of_a_coco_dataset(folder, model):
    """pycocotools takes the results on the dataset's own file, which it refuses with our image_ids."""
    save_segmenter(folder / "w", model, {"n_categories": 3} | LIGHT)
    images = write_photos(folder, PAIRS)
    ids = {image_id: 391895 + number for number, image_id in enumerate(images["image_id"])}
    write_coco_ids(folder / "coco_ids.csv", ids)
    paths = [folder / "images.csv"], None, folder / "coco_ids.csv", folder / "categories.csv", folder / "w"
    predict_instance.main(*paths, 0.0, 0.5, 7, 1, folder / "predictions.json")
    truth = COCO()
    listed = [{"id": own, "file_name": f"{image_id}.jpg"} for image_id, own in ids.items()]
    truth.dataset = {"images": listed, "categories": [{"id": own} for own in CATEGORIES.ids], "annotations": []}
    truth.createIndex()
    loaded = truth.loadRes(str(folder / "predictions.json"))
    assert loaded.anns and {one["image_id"] for one in loaded.anns.values()} == set(ids.values())


def test_masks_have_the_size_of_the_photo(model):
    """The network predicts a photo, and the same photo at twice its size."""
    photo = np.asarray(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)))
    large = photo.repeat(2, 0).repeat(2, 1)
    settings = {"score_threshold": 0.0, "nms_iou": 0.5, "max_instances": 3}
    labels, scores, masks = predict(model, photo, **settings)
    assert len(labels) == 3 and all(mask["size"] == [64, 80] for mask in masks)
    assert all(mask["size"] == [128, 160] for mask in predict(model, large, **settings)[2])
    assert predict(model, photo, **settings | {"score_threshold": 1.0}) == ([], [], [])


def test_results_by_hand():
    [entry] = coco_results("a/b", [2], [0.12345678], [half(1)], [7, 70, 700])
    assert entry["image_id"] == "a/b" and entry["category_id"] == 70 and entry["score"] == 0.123457
    assert entry["bbox"] == [24, 0, 24, 40]


def test_weights_that_do_not_fit_are_refused(model, tmp_path):
    save_segmenter(tmp_path / "w", model, {"n_categories": 3} | LIGHT)
    with pytest.raises(ValueError, match="w: trained for 3 categories.*holds 20.*train_instance"):
        load_segmenter(tmp_path / "w", CPU, 20)
    save_segmenter(tmp_path / "w", model, {"n_categories": 3} | LIGHT | {"box_channels": 64})
    with pytest.raises(ValueError, match="w: does not fit InstanceSegmenter.*train_instance"):
        load_segmenter(tmp_path / "w", CPU, 3)
    save_weights(tmp_path / "w", {}, {"network": "deeplab", "n_categories": 3})
    with pytest.raises(ValueError, match="network deeplab.*network mask_rcnn"):
        load_segmenter(tmp_path / "w", CPU, 3)
