"""Instances of another detector are imported, and those that do not fit their photo are listed."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from pycocotools import mask as rle

from aisi.formats.dataset import IMAGE_COLUMNS, write_images
from aisi.formats.files import FormatError
from aisi.formats.instances import read_salient_instances
from aisi.formats.masks import voc_palette
from aisi.masks import from_segmentation
from aisi.salient_instances.imported import from_coco, from_masks
from aisi.salient_instances.selection import REASONS, select

TOP = Path(__file__).parents[2]
HEIGHT, WIDTH = 4, 6
SETTINGS = {
    "origin": "",
    "filter": False,
    "score_threshold": 0.4,
    "nms_iou": 0.4,
    "max_covered": 0.8,
    "max_instances": 6,
}


class Params(dict):
    """A job's params, by attribute and by item."""

    __getattr__ = dict.__getitem__


def photos(*names):
    return pd.DataFrame([(name, f"{name}.jpg", WIDTH, HEIGHT, (), "0") for name in names], columns=IMAGE_COLUMNS)


def mask(x0, y0, x1, y1):
    values = np.zeros((HEIGHT, WIDTH), bool)
    values[y0:y1, x0:x1] = True
    return values


def runs(values):
    """Lengths of runs in column order, zeros first."""
    flat = np.concatenate([[False], values.ravel("F")])
    starts = np.flatnonzero(np.diff(flat)).tolist()
    return np.diff([0, *starts, values.size]).tolist()


def compressed(values):
    return {"size": list(values.shape), "counts": rle.encode(np.asfortranarray(values, np.uint8))["counts"].decode()}


def plain(values):
    return {"size": list(values.shape), "counts": runs(values)}


def polygon(x0, y0, x1, y1):
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def dataset(*annotations, images=({"id": 1, "file_name": "a.jpg"},)):
    return {"images": list(images), "annotations": [{"image_id": 1} | annotation for annotation in annotations]}


@pytest.fixture
def coco(tmp_path):
    def read(content, names=("a",), on_bad_instance="stop"):
        (tmp_path / "a.json").write_text(json.dumps(content))
        rows = photos(*names)
        return {image_id: found for image_id, *found in from_coco(tmp_path / "a.json", rows, on_bad_instance)}

    return read


def decoded(masks):
    return [rle.decode(each).astype(bool).tolist() for each in masks]


# ------------------------------------------------------------------ COCO JSON


@pytest.mark.parametrize("kind", [compressed, plain])
def test_rle(coco, kind):
    boxes, scores, masks = coco(dataset({"segmentation": kind(mask(1, 2, 4, 3)), "score": 0.5}))["a"]
    assert boxes.tolist() == [[1, 2, 4, 3]]
    assert scores.tolist() == [0.5]
    assert decoded(masks) == [mask(1, 2, 4, 3).tolist()]


def test_polygons(coco):
    boxes, _, masks = coco(dataset({"segmentation": polygon(0, 0, 2, 2) + polygon(4, 1, 6, 4)}))["a"]
    assert boxes.tolist() == [[0, 0, 6, 4]]
    assert decoded(masks) == [(mask(0, 0, 2, 2) | mask(4, 1, 6, 4)).tolist()]


def test_by_score_then_as_given_without_crowds(coco, capsys):
    annotations = [
        {"segmentation": plain(mask(0, 0, 1, 1)), "score": 0.25},
        {"segmentation": plain(mask(1, 0, 2, 1))},
        {"segmentation": plain(mask(2, 0, 3, 1)), "iscrowd": "0"},
        {"segmentation": plain(mask(3, 0, 4, 1)), "iscrowd": 1},
        {"segmentation": plain(mask(4, 0, 5, 1)), "iscrowd": 1, "rejected": True},
    ]
    boxes, scores, _ = coco(dataset(*annotations))["a"]
    assert boxes[:, 0].tolist() == [1, 2, 0]
    assert scores.tolist() == [1, 1, 0.25]
    out = capsys.readouterr().out
    assert "1 crowds are left out" in out and "1 rejected instances are left out" in out


@pytest.mark.parametrize("crowd", [1, 1.0, "1", True])
def test_a_file_in_which_everything_is_a_crowd_holds_instances(coco, crowd):
    annotations = [{"segmentation": plain(mask(x, 0, x + 1, 1)), "iscrowd": crowd} for x in range(3)]
    rejected = {"segmentation": plain(mask(5, 0, 6, 1)), "iscrowd": 1, "rejected": True}
    assert coco(dataset(*annotations, rejected))["a"][0][:, 0].tolist() == [0, 1, 2]
    assert len(coco(dataset(*annotations, {"segmentation": plain(mask(4, 0, 5, 1)), "iscrowd": "0"}))["a"][0]) == 1


BAD = {
    "box only": ({"bbox": [0, 0, 2, 2]}, "found only a box"),
    "empty": ({"bbox": [0, 0, 2, 2], "segmentation": []}, "found only a box"),
    "nothing": ({}, "expected polygons or RLE"),
    "two points": ({"segmentation": [[1, 1, 2, 2]]}, "three corners"),
    "shares of the photo": ({"segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 1.0]]}, "numbers from 0 to 1, expected pixels"),
    "no pixel": ({"segmentation": plain(mask(0, 0, 0, 0))}, "without a pixel"),
    "no area": ({"segmentation": [[2, 2, 2, 2, 2, 2]]}, "without a pixel"),
    "score": ({"segmentation": plain(mask(0, 0, 1, 1)), "score": 7}, "found score 7"),
}


@pytest.mark.parametrize(("annotation", "message"), BAD.values(), ids=BAD)
def test_bad_annotations_stop_or_are_left_out_with_their_reason(coco, annotation, message, capsys):
    content = dataset({"segmentation": plain(mask(0, 0, 1, 1))}, {"id": 5} | annotation)
    with pytest.raises(ValueError, match=f"a.json: annotation 5 of 'a': .*{message}"):
        coco(content)
    assert len(coco(content, on_bad_instance="skip")["a"][0]) == 1
    out = capsys.readouterr().out
    assert "a.json: 1 bad annotations are left out:" in out and message in out


def test_a_flat_polygon_is_one_polygon(coco):
    [flat], [nested] = (
        coco(dataset({"segmentation": each}))["a"][2] for each in (polygon(0, 0, 2, 2)[0], polygon(0, 0, 2, 2))
    )
    assert flat == nested


@pytest.mark.parametrize(("image", "own"), [(7, "7"), ("7", 7), (7.0, 7), ("0007", 7), ("x", "x")])
def test_ids_are_numbers_or_texts(coco, image, own):
    annotation = {"segmentation": plain(mask(0, 0, 1, 1)), "image_id": own}
    assert len(coco(dataset(annotation, images=[{"id": image, "file_name": "a.jpg"}]))["a"][0]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "sub/a b.jpg",
        "sub\\a b.png",
        "./sub/a b.jpg",
        "/root/sub/a b.jpg",
        "C:/x/sub/A B.JPG",
        "http://h/d/sub/a%20b.jpg",
        "a b",
    ],
)
def test_file_names_with_another_root(coco, name):
    found = coco(dataset(images=[{"id": 1, "file_name": name}, {"id": 2, "file_name": "c.jpg"}]), ("sub/a b", "c"))
    assert list(found) == ["sub/a b", "c"]


def test_a_file_name_that_may_be_two_photos(coco):
    with pytest.raises(ValueError, match="image 'k.jpg' may be photo 'x/k' or 'y/k'"):
        coco(dataset(images=[{"id": 1, "file_name": "k.jpg"}]), ("x/k", "y/k"))


def test_the_nearest_name_is_shown(coco):
    with pytest.raises(ValueError, match="'holiday 2'.*The nearest names are 'holyday 2.jpg'"):
        coco(dataset(images=[{"id": 1, "file_name": "holyday 2.jpg"}]), ("holiday 2",))


def test_photo_without_instances(coco):
    boxes, scores, masks = coco(dataset())["a"]
    assert boxes.shape == (0, 4)
    assert len(scores) == len(masks) == 0


def test_photos_in_their_own_order_and_others_left_out(coco):
    images = [{"id": n, "file_name": name} for n, name in enumerate(("other.jpg", "sub/ü 1.png", "a.jpg"))]
    annotations = [{"segmentation": plain(mask(n, 0, n + 1, 1)), "image_id": n} for n in range(3)]
    found = coco(dataset(*annotations, images=images), names=("a", "sub/ü 1"))
    assert list(found) == ["a", "sub/ü 1"]
    assert [found[name][0].tolist() for name in found] == [[[2, 0, 3, 1]], [[1, 0, 2, 1]]]


@pytest.mark.parametrize(
    ("number", "name"), [("a", "a"), ("a.jpg", "a"), ("sub/ü", "sub/ü"), (139, "139"), (139, "000000000139")]
)
def test_results_are_matched_by_image_id(coco, number, name):
    result = {"image_id": number, "segmentation": plain(mask(1, 1, 2, 2)), "score": 0.5}
    assert coco([result], names=("b", name))[name][0].tolist() == [[1, 1, 2, 2]]


def test_images_without_file_name_are_matched_by_id(coco):
    found = coco(dataset({"segmentation": plain(mask(1, 1, 2, 2)), "image_id": "a"}, images=[{"id": "a"}]))
    assert len(found["a"][0]) == 1


def test_id_does_not_count_where_there_is_a_file_name(coco):
    with pytest.raises(ValueError, match="no image has file_name '1'"):
        coco(dataset(), names=("1",))


def test_no_photos(coco):
    assert coco(dataset(), names=()) == {}
    assert coco([{"image_id": 1}], names=()) == {}
    assert coco([], names=("a",))["a"][0].shape == (0, 4)


def test_results_of_other_photos(coco):
    with pytest.raises(ValueError, match="found none of the 2 photos in 1 results.*image_id 7, .*'a'"):
        coco([{"image_id": 7, "segmentation": plain(mask(1, 1, 2, 2))}], names=("a", "b"))


def test_photos_that_are_not_listed(coco):
    with pytest.raises(ValueError, match="'b'") as caught:
        coco(dataset(), names=("a", "b", "c"))
    assert len(str(caught.value).splitlines()) == 2


def test_photos_listed_twice(coco):
    twice = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.png"}]
    with pytest.raises(ValueError, match="two images are photo 'a'"):
        coco(dataset(images=twice))
    with pytest.raises(ValueError, match="two images have the same id"):
        coco(dataset(images=[twice[0], {"id": 1, "file_name": "b.jpg"}]), names=("a", "b"))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "expected polygons or RLE"),
        ([], "expected polygons or RLE"),
        ("abc", "expected polygons or RLE"),
        ([[]], "three corners"),
        ([[1, 1, 2, 2]], "three corners"),
        ([[1, 1, 2, 2, 3]], "expected numbers"),
        ([["x", 1, 2, 2, 3, 3]], "expected numbers"),
        ([1, 1, 2, 2], "expected numbers"),
        ([[1, 1, 2, 2, 1e9, 3]], "inside 6 x 4"),
        ([[1, 1, 2, 2, float("nan"), 3]], "inside 6 x 4"),
        ({"size": [WIDTH, HEIGHT], "counts": [24]}, r"found masks of \[6, 4\] pixels, expected \[4, 6\].*EXIF-upright"),
        ({"counts": [24]}, "found masks of None"),
        ({"size": [HEIGHT, WIDTH]}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": [20]}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": [-1, 25]}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": [1.5, 22.5]}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": ""}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": "zzzz"}, "do not add up"),
        ({"size": [HEIGHT, WIDTH], "counts": compressed(mask(1, 1, 3, 3))["counts"][:-1]}, "do not add up"),
    ],
)
def test_wrong_segmentations(coco, segmentation, message):
    with pytest.raises(ValueError, match=f"a.json: annotation 5 of 'a': .*{message}"):
        coco(dataset({"id": 5, "segmentation": segmentation}))


@pytest.mark.parametrize("score", [-0.1, 1.5, "high", None, float("nan")])
def test_wrong_scores(coco, score):
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        coco(dataset({"segmentation": plain(mask(1, 1, 2, 2)), "score": score}))


def test_every_wrong_annotation_is_listed(coco):
    with pytest.raises(ValueError, match="annotation") as caught:
        coco(dataset({"id": 1, "segmentation": []}, {"id": 2, "segmentation": plain(mask(0, 0, 1, 1)), "score": 2}))
    assert len(str(caught.value).splitlines()) == 2


def test_wrong_files(tmp_path):
    for content in ("", "{", "{}", '{"images": []}', "3", "[3]"):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(FormatError, match="a.json"):
            list(from_coco(tmp_path / "a.json", photos("a")))


@given(values=npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40)))
@settings(deadline=None)
def test_rle_is_that_of_pycocotools(values):
    photo = SimpleNamespace(height=values.shape[0], width=values.shape[1])
    expected = rle.encode(np.asfortranarray(values, np.uint8))
    assert from_segmentation(compressed(values), photo) == expected
    assert from_segmentation(plain(values), photo) == expected


@given(counts=st.text(max_size=30))
@settings(deadline=None)
def test_any_text_as_rle_is_complete_or_refused(counts):
    try:
        found = from_segmentation({"size": [3, 3], "counts": counts}, SimpleNamespace(height=3, width=3))
    except ValueError:
        return
    assert rle.decode(found).shape == (3, 3)


# ------------------------------------------------------------------ folders of PNGs


def maps(folder, **values):
    for name, each in values.items():
        Image.fromarray(np.asarray(each)).save(folder / f"{name}.png")
    return folder


VALUES = np.array([[0, 3, 3, 0, 255, 1], [0, 3, 0, 0, 255, 0], [0] * 6, [0, 0, 0, 3, 0, 0]])


@pytest.mark.parametrize("kind", ["grey", "palette", "16 bits"])
def test_pngs(tmp_path, kind):
    values = VALUES.astype(np.uint16 if kind == "16 bits" else np.uint8)
    if kind == "palette":
        image = Image.fromarray(values, mode="P")
        image.putpalette(voc_palette().tobytes())
        image.save(tmp_path / "a.png")
    else:
        maps(tmp_path, a=values)
    [(image_id, boxes, scores, masks)] = from_masks(tmp_path, photos("a"))
    assert image_id == "a"
    assert boxes.tolist() == [[5, 0, 6, 1], [1, 0, 4, 4]]
    assert scores.tolist() == [1, 1]
    assert decoded(masks) == [(VALUES == 1).tolist(), (VALUES == 3).tolist()]


def test_more_than_255_instances(tmp_path):
    values = np.arange(24, dtype=np.uint16).reshape(HEIGHT, WIDTH) + 1000
    [(_, boxes, _, _)] = from_masks(maps(tmp_path, a=values), photos("a"))
    assert len(boxes) == 24
    assert boxes[7].tolist() == [1, 1, 2, 2]


def test_png_without_instances(tmp_path):
    [(_, boxes, scores, masks)] = from_masks(maps(tmp_path, a=np.zeros((HEIGHT, WIDTH), np.uint8)), photos("a"))
    assert boxes.shape == (0, 4)
    assert len(scores) == len(masks) == 0


def test_all_missing_pngs_are_listed(tmp_path):
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match="sub/b.png: not found, expected the instances of photo 'sub/b'") as caught:
        list(from_masks(maps(tmp_path, a=VALUES.astype(np.uint8)), photos("a", "sub/b", "c")))
    assert len(str(caught.value).splitlines()) == 2


def test_all_pngs_of_other_sizes_are_listed(tmp_path):
    maps(tmp_path, a=VALUES.astype(np.uint8).T, b=np.zeros((9, 9), np.uint8), c=VALUES.astype(np.uint8))
    with pytest.raises(ValueError, match=r"b.png: found masks of \[9, 9\] pixels, expected \[4, 6\]") as caught:
        list(from_masks(tmp_path, photos("a", "b", "c")))
    assert len(str(caught.value).splitlines()) == 2


def test_pngs_that_are_not_instance_maps(tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="mode RGB"):
        list(from_masks(tmp_path, photos("a")))
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(FormatError, match="cannot be read"):
        list(from_masks(tmp_path, photos("a")))


# ------------------------------------------------------------------ the script


@pytest.mark.parametrize("source", ["coco", "masks"])
def test_script(tmp_path, source):
    write_images(tmp_path / "images.csv", photos("a", "b"))
    maps(tmp_path, a=VALUES.astype(np.uint8), b=np.zeros((HEIGHT, WIDTH), np.uint8))
    (tmp_path / "a.json").write_text(
        json.dumps([{"image_id": "a", "segmentation": plain(number == VALUES)} for number in (1, 3)])
    )
    sources = {"coco": str(tmp_path / "a.json"), "masks": str(tmp_path)}
    job = SimpleNamespace(
        input=SimpleNamespace(images=str(tmp_path / "images.csv")),
        output=SimpleNamespace(salient_instances=str(tmp_path / "a.h5")),
        params=Params(SETTINGS | {"coco": None, "masks": None, "on_bad_instance": "stop"} | {source: sources[source]}),
        log=[str(tmp_path / "log")],
    )
    runpy.run_path(str(TOP / "workflow/scripts/import_salient_instances.py"), {"snakemake": job})
    found = read_salient_instances(tmp_path / "a.h5")
    assert found.image_ids.tolist() == ["a", "a"]
    assert found.instance_ids.tolist() == [0, 1]
    assert found.boxes.tolist() == [[5, 0, 6, 1], [1, 0, 4, 4]]


def test_script_on_an_empty_shard(tmp_path):
    write_images(tmp_path / "images.csv", photos())
    script = runpy.run_path(str(TOP / "workflow/scripts/import_salient_instances.py"))
    paths = {"images_path": tmp_path / "images.csv", "salient_instances_path": tmp_path / "a.h5"}
    paths |= {"coco_path": None, "masks_folder": tmp_path}
    settings = {name: SETTINGS[name] for name in REASONS}
    script["main"](**paths, on_bad_instance="stop", apply_filter=False, settings=settings, origin="")
    assert len(read_salient_instances(tmp_path / "a.h5")) == 0


# ------------------------------------------------------------------ selection


def squares(*corners, side=10):
    """Boxes of squares, and their masks in a photo of 60 x 60 pixels."""
    masks = np.zeros((len(corners), 60, 60), bool)
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + side, x : x + side] = True
    boxes = np.array([(x, y, x + side, y + side) for x, y in corners]).reshape(-1, 4)
    return boxes, [rle.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]


def test_each_setting_removes_what_it_says():
    boxes, masks = squares((0, 0), (1, 0), (30, 0), (0, 30), (30, 30))
    part_of_third = np.zeros((60, 60), np.uint8, order="F")
    part_of_third[2:6, 32:36] = 1
    boxes, masks = np.vstack([boxes, [[32, 2, 36, 6]]]), [*masks, rle.encode(part_of_third)]
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.5])
    order = np.argsort(-scores)
    boxes, scores, masks = boxes[order], scores[order], [masks[k] for k in order]
    settings = {"score_threshold": 0.4, "nms_iou": 0.4, "max_covered": 0.8, "max_instances": 2}
    kept, removed = select(boxes, scores, masks, **settings)
    assert kept == [0, 2]
    assert removed == {"score_threshold": 1, "nms_iou": 1, "max_covered": 1, "max_instances": 1}
    everything = {"score_threshold": 0, "nms_iou": 1, "max_covered": 1, "max_instances": 100}
    assert select(boxes, scores, masks, **everything)[0] == [0, 1, 2, 3, 4, 5]
    assert select(boxes[:0], scores[:0], [], **settings)[0] == []


def test_boxes_are_suppressed_as_by_torchvision():
    random = np.random.default_rng(0)
    corners = random.integers(0, 40, (40, 2))
    boxes, masks = squares(*map(tuple, corners.tolist()), side=18)
    scores = np.sort(random.uniform(size=40))[::-1].copy()
    kept, _ = select(boxes, scores, masks, score_threshold=0, nms_iou=0.3, max_covered=1, max_instances=100)
    expected = torchvision.ops.nms(torch.tensor(boxes, dtype=torch.float64), torch.tensor(scores), 0.3)
    assert kept == expected.tolist() and len(kept) < 40


@pytest.mark.parametrize("apply_filter", [False, True])
def test_settings_apply_on_request_and_otherwise_the_log_counts(tmp_path, capsys, apply_filter):
    write_images(tmp_path / "images.csv", photos("a"))
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[:2, :2] = True
    entries = [{"image_id": "a", "score": score, "segmentation": plain(found)} for score in (0.9, 0.8, 0.1)]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    script = runpy.run_path(str(TOP / "workflow/scripts/import_salient_instances.py"))
    script["main"](
        images_path=tmp_path / "images.csv",
        coco_path=tmp_path / "a.json",
        masks_folder=None,
        on_bad_instance="stop",
        apply_filter=apply_filter,
        settings={name: SETTINGS[name] for name in REASONS},
        origin="a.json (1a2b)",
        salient_instances_path=tmp_path / "a.h5",
    )
    assert len(read_salient_instances(tmp_path / "a.h5")) == (1 if apply_filter else 3)
    said = capsys.readouterr().out
    assert "score_threshold 1, nms_iou 1" in said
    assert ("2 of 3 instances are removed" in said) == apply_filter
    assert ("Warning: all 3 instances are imported" in said) != apply_filter


def test_an_error_that_repeats_takes_one_line(tmp_path):
    entries = [{"image_id": "a", "bbox": [0, 0, 2, 2], "score": 0.5}] * 1410
    (tmp_path / "a.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError) as caught:
        list(from_coco(tmp_path / "a.json", photos("a")))
    (line,) = str(caught.value).splitlines()
    assert "entry 1 of 'a' and 1409 more: found only a box" in line
