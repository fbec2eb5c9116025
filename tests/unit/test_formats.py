"""Every file between two stages: what is written is read back, and what is not that file is refused by name."""

import importlib
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from pycocotools import mask as rle

from aisi.formats import files, masks
from aisi.formats.attention import new_attention, open_attention
from aisi.formats.coco import (
    read_coco,
    read_coco_instances,
    read_coco_results,
    read_instances,
    write_coco,
    write_coco_results,
)
from aisi.formats.dataset import (
    IMAGE_COLUMNS,
    REJECTED_COLUMNS,
    Categories,
    read_categories,
    read_coco_ids,
    read_images,
    read_rejected_images,
    write_categories,
    write_coco_ids,
    write_images,
    write_rejected_images,
)
from aisi.formats.example_notes import EXAMPLE_NOTE_COLUMNS, read_example_notes, write_example_notes
from aisi.formats.features import new_features, read_features
from aisi.formats.files import FormatError
from aisi.formats.graph import Graph, read_graph, write_graph
from aisi.formats.instances import SalientInstances, new_salient_instances, read_salient_instances
from aisi.formats.masks import (
    PHOTO_COLUMNS,
    read_instance_map,
    read_labels,
    read_photo_table,
    voc_palette,
    write_labels,
    write_photo_table,
)
from aisi.formats.metrics import METRIC_COLUMNS, read_metrics, write_metrics
from aisi.formats.objectness import (
    CALIBRATION_COLUMNS,
    ObjectnessModel,
    read_calibration,
    read_objectness,
    read_objectness_model,
    write_calibration,
    write_objectness,
    write_objectness_model,
)
from aisi.formats.partition import Partition, read_partition, write_partition
from aisi.formats.photo_counts import PHOTO_COUNT_COLUMNS, read_photo_counts, write_photo_counts
from aisi.formats.review_curve import REVIEW_CURVE_COLUMNS, read_review_curve, write_review_curve
from aisi.formats.scores import Scores, read_scores, write_scores
from aisi.formats.seal import reseal
from aisi.formats.tags import TAG_COLUMNS, read_tags, write_tags
from aisi.formats.training_log import read_training_log, write_training_log

SHA = "0" * 64
LIMITS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(columns, *rows):
    return pd.DataFrame(rows, columns=columns)


def images(*rows):
    return table(IMAGE_COLUMNS, *rows)


IMAGES = images(
    ("a", "photos/a.jpg", 6, 4, ("cat", "dog"), SHA),
    ("sub/ü, \"b\" '1' ", "photos/sub/ü.png", 1, 9, (), SHA),
    ("007", "NA", 1, 1, ("null",), "nan"),
)
REJECTED = table(REJECTED_COLUMNS, ("a b.jpg", "truncated, sadly"), ("c", "two\nlines"))
CATEGORIES = Categories(("NA", "dining table"), (1, 90), ("#800000", "#008000"))
TAGS = table(
    TAG_COLUMNS,
    ("a", 0, 1, 2, 3, 4, 0.5, ("cat", "dog"), 2, "dog", 0.25, 0.125, "solver"),
    ("a", 1, 0, 0, 1, 1, 0.25, ("cat", "dog"), 0, "noisy", np.nan, np.nan, "override"),
)
METRICS = table(
    METRIC_COLUMNS,
    ("partition", "deeplab", 0, "semantic", "val", "voc", "miou", "all", 0.5, 3),
    ("partition", "", pd.NA, "tags", "train", "", "accuracy", "all", np.nan, 0),
).astype({"seed": "Int64", "value": float})


def encode(mask):
    return rle.encode(np.asfortranarray(mask, np.uint8))


def box_mask(height, width, box):
    x0, y0, x1, y1 = box
    mask = np.zeros((height, width), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return encode(mask)


def write_instances(
    path, photos=(("a", [(0, 0, 2, 3), (1, 1, 2, 2)], [0.9, 0.5]), ("b", [], []), ("c", [(3, 2, 4, 4)], [1]))
):
    with new_salient_instances(path) as writer:
        for image_id, boxes, scores in photos:
            writer.append(image_id, boxes, scores, [box_mask(4, 5, box) for box in boxes])


ATTENTION = [
    ("a", [1, 4], np.linspace(0, 1, 12).reshape(2, 2, 3)),
    ("b", [], np.zeros((0, 2, 2))),
    ("ç", [2], np.ones((1, 1, 4))),
]


def write_attention(path, photos=ATTENTION):
    with new_attention(path) as writer:
        for photo in photos:
            writer.append(*photo)


def read_attention(path):
    with open_attention(path) as maps:
        return [maps[image_id] for image_id, *_ in ATTENTION]


def write_features(path, *batches):
    batches = batches or (np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.ones((1, 3)))
    with new_features(path, 3, ROWS[: sum(map(len, batches))]) as append:
        for features in batches:
            append(features)


ROWS = np.arange(10, 17, dtype=np.uint64)
SCORES = Scores(np.array([0, 2, 2, 3]), np.array([1, 5, 2]), np.array([0.25, 0.5, 1], np.float32))
GRAPH = Graph(
    edges=np.array([[0, 1], [1, 3]], np.int32),
    weights=np.array([1.5, 2], np.float32),
    n_nodes=4,
    batches=np.array([0, 2, 4]),
    order=np.array([3, 0, 2, 1]),
)
PARTITION = Partition(
    instances=np.array([2, 5]),
    labels=np.array([0, 3]),
    objective=1.5,
    bound=np.nan,
    margins=np.array([np.nan, 0.5]),
    pinned=np.array([False, True]),
    status="optimal",
    solver="cplex",
)
LABELS = np.array([[0, 1, 20], [255, 254, 7]], np.uint8)
ANNOTATION = {"image_id": 1, "category_id": 1, "segmentation": {"size": [4, 5], "counts": "0d0"}, "score": 0.5}
RESULT = {"bbox": [0, 0, 5, 4], **ANNOTATION}
COCO = {
    "images": [{"id": 1, "image_id": "ü", "file_name": "ü.jpg", "width": 5, "height": 4}],
    "categories": [{"id": 1, "name": "NA"}, {"id": 90, "name": "dining table"}],
    "annotations": [{"id": 1, **RESULT}],
}
CURVE = table(REVIEW_CURVE_COLUMNS, ("margin", 0, 0.5, 1, 1, 2, 0.5, 0.5, np.nan, 0.5))
COUNTS = table(
    PHOTO_COUNT_COLUMNS,
    ("partition", "", 0, "tags", "train", "", "ü, b", "cat", 1, 1, 2),
    ("partition", "light", 1, "semantic", "val", "voc", "NA", "background", 0, 12, 0),
)
NOTES = table(EXAMPLE_NOTE_COLUMNS, ("a", "best: IoU 1.00"))

MODEL = ObjectnessModel(("fill", "inside"), np.array([0.5, 1]), np.array([0.1, 2]), np.array([1, -0.5]), 0.25)
TWO = SalientInstances(np.array(["a", "ü, b"], object), np.arange(2), np.zeros((2, 4), int), np.zeros(2), [])
CALIBRATION = table(CALIBRATION_COLUMNS, ("score", 2, 0.25, 0.5), ("objectness", 2, 0.5, 0.5))

FORMATS = {
    "images": (lambda path: write_images(path, IMAGES), read_images, "index_images"),
    "rejected_images": (lambda path: write_rejected_images(path, REJECTED), read_rejected_images, "index_images"),
    "categories": (lambda path: write_categories(path, CATEGORIES), read_categories, "index_images"),
    "tags": (lambda path: write_tags(path, TAGS), read_tags, "write_tags"),
    "metrics": (lambda path: write_metrics(path, METRICS), read_metrics, "evaluate_"),
    "instances": (write_instances, read_salient_instances, "detect_salient_instances"),
    "objectness_model": (
        lambda path: write_objectness_model(path, MODEL),
        read_objectness_model,
        "fit_objectness",
    ),
    "objectness": (
        lambda path: write_objectness(path, TWO, np.array([0.5, 0.25])),
        lambda path: read_objectness([path], TWO),
        "compute_objectness",
    ),
    "calibration": (lambda path: write_calibration(path, CALIBRATION), read_calibration, "fit_objectness"),
    "attention": (write_attention, read_attention, "compute_attention_maps"),
    "scores": (
        lambda path: write_scores(path, SCORES, ROWS[:3]),
        lambda path: read_scores(path, rows=ROWS[:3]),
        "compute_scores",
    ),
    "features": (write_features, lambda path: read_features(path, rows=ROWS[:3]), "compute_features"),
    "graph": (
        lambda path: write_graph(path, GRAPH, ROWS[:4]),
        lambda path: read_graph(path, rows=ROWS[:4]),
        "build_graph",
    ),
    "partition": (
        lambda path: write_partition(path, PARTITION, ROWS),
        lambda path: read_partition(path, rows=ROWS),
        "solve_partition",
    ),
    "labels": (lambda path: write_labels(path, LABELS), read_labels, "write_proxy_masks"),
    "coco": (lambda path: write_coco(path, COCO), lambda path: read_instances(path, CATEGORIES), "write_proxy_masks"),
    "coco_results": (lambda path: write_coco_results(path, [RESULT]), read_coco_results, "predict_"),
    "coco_ids": (lambda path: write_coco_ids(path, {"a": 7, "b": "x"}), read_coco_ids, "index_val_images"),
    "review_curve": (lambda path: write_review_curve(path, CURVE), read_review_curve, "compute_review_curve"),
    "training_log": (lambda path: write_training_log(path, [[0, 0.5, 0.1, None]]), read_training_log, "train_"),
    "photo_counts": (lambda path: write_photo_counts(path, COUNTS), read_photo_counts, "evaluate_"),
    "photo_table": (
        lambda path: write_photo_table(
            path, table(PHOTO_COLUMNS, ("a", "yes", 2, "cat", ""), ("b", "no", 0, "", "cat"))
        ),
        read_photo_table,
        "write_masks",
    ),
    "example_notes": (lambda path: write_example_notes(path, NOTES), read_example_notes, "evaluate_examples"),
}
SUFFIX = {
    **dict.fromkeys(("images", "rejected_images", "categories", "tags", "metrics", "coco_ids"), ".csv"),
    **dict.fromkeys(("review_curve", "training_log", "example_notes", "photo_counts", "photo_table"), ".csv"),
    **dict.fromkeys(("objectness", "calibration"), ".csv"),
    **dict.fromkeys(("instances", "attention", "scores", "features"), ".h5"),
    **{
        "graph": ".npz",
        "partition": ".npz",
        "labels": ".png",
        "coco": ".json",
        "coco_results": ".json",
        "objectness_model": ".json",
    },
}
every_format = pytest.mark.parametrize("kind", FORMATS)


@pytest.fixture
def artefact(tmp_path):
    """A function that writes the example of a format; gives path, reader and the rule's name."""

    def make(kind):
        write, read, rule = FORMATS[kind]
        path = tmp_path / f"{kind}{SUFFIX[kind]}"
        write(path)
        return SimpleNamespace(path=path, write=write, read=read, rule=rule)

    return make


# ------------------------------------------------------------------ what holds for all


@every_format
def test_equal_content_gives_equal_bytes(artefact, kind):
    file = artefact(kind)
    before = file.path.read_bytes()
    time.sleep(1.1 if SUFFIX[kind] in (".h5", ".npz") else 0)  # formats with time stamps count seconds
    file.write(file.path)
    assert file.path.read_bytes() == before


@every_format
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"nonsense, \xff\n1"])
def test_other_content_is_refused(artefact, kind, content):
    file = artefact(kind)
    file.path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        file.read(file.path)
    text = str(caught.value)
    assert str(file.path) in text
    assert "expected" in text
    assert file.rule in text


@every_format
def test_truncated_file_is_refused(artefact, kind):
    file = artefact(kind)
    content = file.path.read_bytes()
    cut = content[: content.rstrip().rfind(b"\n") + 4] if SUFFIX[kind] == ".csv" else content[: len(content) * 2 // 3]
    file.path.write_bytes(cut)
    with pytest.raises(FormatError, match=file.rule):
        file.read(file.path)


@every_format
def test_missing_file_is_refused(artefact, kind):
    file = artefact(kind)
    file.path.unlink()
    with pytest.raises(FormatError, match=file.rule):
        file.read(file.path)


def test_another_version_is_refused(artefact):
    for kind in ("instances", "attention", "scores", "features"):
        file = artefact(kind)
        with h5py.File(file.path, "a") as content:
            content.attrs["version"] = 99
        reseal(file.path)
        with pytest.raises(FormatError, match=f"version 99, expected aisi/.* version 2.*{file.rule}"):
            file.read(file.path)
    for kind in ("graph", "partition"):
        file = artefact(kind)
        arrays = dict(np.load(file.path))
        np.savez(file.path, **(arrays | {"version": 99}))
        reseal(file.path)
        with pytest.raises(FormatError, match=f"version 99.*{file.rule}"):
            file.read(file.path)
    file = artefact("coco")
    file.path.write_text(file.path.read_text().replace('"version": "1"', '"version": "99"'))
    reseal(file.path)
    with pytest.raises(FormatError, match="version 99"):
        file.read(file.path)


def test_labels_of_another_version_are_refused(artefact, monkeypatch):
    monkeypatch.setattr(masks, "PROXY_MASKS", replace(masks.PROXY_MASKS, version=99))
    file = artefact("labels")
    monkeypatch.undo()
    with pytest.raises(FormatError, match="proxy_masks 99, expected aisi/proxy_masks 1"):
        file.read(file.path)


def test_another_artefact_is_refused(artefact):
    with pytest.raises(FormatError, match="found aisi/scores version 2, expected aisi/features"):
        read_features(artefact("scores").path, rows=None)
    with pytest.raises(FormatError, match="found aisi/graph version 2, expected aisi/partition"):
        read_partition(artefact("graph").path, rows=None)
    with pytest.raises(FormatError, match="columns"):
        read_tags(artefact("images").path)
    path = artefact("features").path
    with h5py.File(path, "w", userblock_size=512) as foreign:
        foreign["feature"] = np.zeros(3)
    reseal(path)
    with pytest.raises(FormatError, match="no format version -1"):
        read_features(path, rows=None)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    reseal(path.with_suffix(".npy"))
    with pytest.raises(FormatError, match="npz"):
        read_graph(path.with_suffix(".npy"), rows=None)


def test_pickles_are_not_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", edges=np.array([{}], object))
    reseal(tmp_path / "a.npz")
    with pytest.raises(FormatError, match="allow_pickle|pickle"):
        read_graph(tmp_path / "a.npz", rows=None)


def test_a_writer_that_fails_leaves_the_old_file(artefact):
    file = artefact("instances")
    before = file.path.read_bytes()
    with pytest.raises(ValueError, match="descend"):
        write_instances(file.path, [("a", [(0, 0, 1, 1)], [0.5]), ("b", [(0, 0, 1, 1)] * 2, [0.1, 0.2])])
    assert file.path.read_bytes() == before
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


# ------------------------------------------------------------------ tables


@pytest.mark.parametrize(
    ("write", "read", "content"),
    [
        (write_images, read_images, IMAGES),
        (write_rejected_images, read_rejected_images, REJECTED),
        (write_tags, read_tags, TAGS),
        (write_metrics, read_metrics, METRICS),
    ],
)
def test_tables(tmp_path, write, read, content):
    for part in (content, content[:1], content[:0]):
        write(tmp_path / "a.csv", part)
        pd.testing.assert_frame_equal(read(tmp_path / "a.csv"), part, check_dtype=False)
        assert read(tmp_path / "a.csv").columns.tolist() == part.columns.tolist()


def test_shards_are_read_in_order(tmp_path):
    for name, part in (("0", IMAGES[2:]), ("1", IMAGES[:0]), ("2", IMAGES[:2])):
        write_images(tmp_path / name, part)
    assert read_images(*(tmp_path / name for name in "012"))["image_id"].tolist() == ["007", *IMAGES["image_id"][:2]]


def test_an_empty_table_keeps_its_types(tmp_path):
    write_images(tmp_path / "a.csv", IMAGES[:0])
    assert read_images(tmp_path / "a.csv")["width"].dtype == np.int64


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
keywords = st.lists(names.filter(lambda name: ";" not in name), unique=True, max_size=3).map(tuple)
sizes = st.integers(1, 10**6)


@given(rows=st.lists(st.tuples(names, names, sizes, sizes, keywords, names), unique_by=lambda row: row[0], max_size=6))
@LIMITS
def test_images_of_any_name(tmp_path, rows):
    write_images(tmp_path / "a.csv", images(*rows))
    assert list(read_images(tmp_path / "a.csv").itertuples(index=False, name=None)) == rows


@given(values=st.lists(st.floats(allow_infinity=False, width=32), min_size=1, max_size=6))
@LIMITS
def test_metrics_keep_seven_digits(tmp_path, values):
    rows = [("", "", pd.NA, "tags", "train", "", "accuracy", "all", value, 1) for value in values]
    write_metrics(tmp_path / "a.csv", table(METRIC_COLUMNS, *rows).astype({"seed": "Int64", "value": float}))
    assert np.allclose(read_metrics(tmp_path / "a.csv")["value"], values, rtol=1e-6, atol=0, equal_nan=True)


def test_tables_are_checked(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(ValueError, match="image_id \\['a'\\] twice"):
        write_images(path, pd.concat([IMAGES, IMAGES]))
    with pytest.raises(ValueError, match="columns"):
        write_images(path, IMAGES.drop(columns="sha256"))
    assert not path.exists()


def test_categories(tmp_path):
    path = tmp_path / "categories.csv"
    assert CATEGORIES.labels == range(1, 3) and len(CATEGORIES) == 2
    assert CATEGORIES.label_of == {"NA": 1, "dining table": 2}
    assert CATEGORIES.label_of_id == {1: 1, 90: 2}
    assert CATEGORIES.name_of == ("noisy", "NA", "dining table")
    for categories in (CATEGORIES, Categories((), (), ())):
        write_categories(path, categories)
        assert read_categories(path) == categories
    write_categories(path, CATEGORIES)
    assert path.read_text() == "label,category_id,name,colour\n1,1,NA,#800000\n2,90,dining table,#008000\n"


@pytest.mark.parametrize(
    ("names", "ids", "message"),
    [
        (("cat",), (1, 2), "found 1 names, 2 ids and 1 colours"),
        (("cat", "cat"), (1, 2), "occurs twice among the categories cat, cat"),
        (("cat", "dog"), (1, 1), "occurs twice among the categories cat, dog"),
        (tuple(map(str, range(255))), tuple(range(255)), "found 255 categories; a palette PNG holds at most 254"),
    ],
)
def test_wrong_categories(names, ids, message):
    with pytest.raises(ValueError, match=message):
        Categories(names, ids, ("#000000",) * len(names))


def test_a_table_that_is_not_of_categories(tmp_path):
    path = tmp_path / "categories.csv"
    path.write_text("label,category_id,name,colour\n2,1,cat,#000000\n")
    reseal(path)
    with pytest.raises(ValueError, match=r"found labels \[2\], expected 1 to 1.*index_images"):
        read_categories(path)
    path.write_text("label,category_id,name,colour\n1,1,cat,#000000\n2,2,cat,#000000\n")
    reseal(path)
    with pytest.raises(ValueError, match="occurs twice.*index_images"):
        read_categories(path)


@pytest.mark.parametrize("line", ["b,p,10", "b,p,ten,4,,s", "b,p,10,4,,s,more", "b,p,,4,,s", "b,p,1.5,4,,s"])
def test_lines_that_do_not_fit_are_refused(tmp_path, line):
    path = tmp_path / "a.csv"
    write_images(path, IMAGES[:1])
    path.write_text(path.read_text() + line + "\n")
    reseal(path)
    with pytest.raises(FormatError, match="index_images"):
        read_images(path)


# ------------------------------------------------------------------ HDF5


def test_salient_instances(artefact):
    found = read_salient_instances(artefact("instances").path)
    assert len(found) == 3
    assert found.image_ids.tolist() == ["a", "a", "c"]
    assert found.instance_ids.tolist() == [0, 1, 0]
    assert found.boxes.tolist() == [[0, 0, 2, 3], [1, 1, 2, 2], [3, 2, 4, 4]]
    assert found.scores.tolist() == [np.float32(0.9), 0.5, 1]
    assert [int(rle.area(mask)) for mask in found.masks] == [6, 1, 2]
    assert rle.toBbox(found.masks).tolist() == [[0, 0, 2, 3], [1, 1, 1, 1], [3, 2, 1, 2]]


def test_shards_of_salient_instances(tmp_path):
    photos = [("a", [(0, 0, 2, 3)], [0.9]), ("b", [], []), ("c", [(3, 2, 4, 4), (0, 0, 1, 1)], [1, 0.5])]
    write_instances(tmp_path / "whole", photos)
    for number, part in enumerate((photos[:1], [], photos[1:])):
        write_instances(tmp_path / str(number), part)
    whole = read_salient_instances(tmp_path / "whole")
    parts = read_salient_instances(*(tmp_path / str(number) for number in range(3)))
    assert all(np.array_equal(getattr(whole, name), getattr(parts, name)) for name in ("image_ids", "boxes", "scores"))
    assert whole.masks == parts.masks
    assert whole.boxes.dtype == parts.boxes.dtype == np.int64
    assert read_salient_instances(tmp_path / "whole", masks=False).masks == []


PROMPTS = {"source": ["refined", "attention"], "stability": [0.9, 0.5], "predicted_iou": [0.8, 0.7]}


def test_columns_about_prompts(tmp_path):
    boxes = [(0, 0, 2, 3), (1, 1, 2, 2)]
    for name in ("a", "b"):
        with new_salient_instances(tmp_path / name, prompts=True) as writer:
            writer.append(name, boxes, [0.9, 0.5], [box_mask(4, 5, box) for box in boxes], **PROMPTS)
            writer.append("none", [], [], [], **dict.fromkeys(PROMPTS, []))
    found = read_salient_instances(tmp_path / "a", tmp_path / "b")
    assert {name: column.tolist() for name, column in found.prompts.items()} == {
        "source": ["refined", "attention"] * 2,
        "stability": [np.float32(0.9), 0.5] * 2,
        "predicted_iou": [np.float32(0.8), np.float32(0.7)] * 2,
    }
    write_instances(tmp_path / "c")
    assert read_salient_instances(tmp_path / "c").prompts == {}
    assert read_salient_instances(tmp_path / "a", tmp_path / "c").prompts == {}  # not all instances have them


@pytest.mark.parametrize(
    ("has_columns", "columns"),
    [(True, {}), (False, PROMPTS), (True, PROMPTS | {"stability": [0.9]}), (True, PROMPTS | {"other": [0, 0]})],
)
def test_columns_about_prompts_are_checked(tmp_path, has_columns, columns):
    boxes = [(0, 0, 2, 3), (1, 1, 2, 2)]
    with (
        pytest.raises(ValueError, match="b: expected 2 values in each of the columns"),
        new_salient_instances(tmp_path / "a.h5", has_columns) as writer,
    ):
        writer.append("b", boxes, [0.9, 0.5], [box_mask(4, 5, box) for box in boxes], **columns)


def test_no_instances_at_all(tmp_path):
    write_instances(tmp_path / "a.h5", [])
    found = read_salient_instances(tmp_path / "a.h5")
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.masks == []


@given(masks=st.lists(npst.arrays(np.uint8, (5, 7), elements=st.integers(0, 1)).filter(np.any), max_size=4), name=names)
@LIMITS
def test_masks_of_any_shape(tmp_path, masks, name):
    encoded = [encode(mask) for mask in masks]
    with new_salient_instances(tmp_path / "a.h5") as writer:
        writer.append(name, [(0, 0, 7, 5)] * len(masks), np.linspace(1, 0, len(masks)), encoded)
    found = read_salient_instances(tmp_path / "a.h5")
    assert found.image_ids.tolist() == [name] * len(masks)
    assert all(np.array_equal(rle.decode(mask), truth) for mask, truth in zip(found.masks, masks, strict=True))


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ([(0, 0, 1, 1)], [], "1 boxes, 0 scores"),
        ([(0, 0, 1, 1)] * 2, [0.1, 0.2], "descend"),
        ([(0, 0, 1, 1)], [1.5], r"\[0, 1\]"),
        ([(0, 0, 1, 1)], [np.nan], r"\[0, 1\]"),
        ([(2, 2, 2, 3)], [1], "empty or leaves"),
        ([(-1, 0, 1, 1)], [1], "empty or leaves"),
        ([(0, 0, 6, 4)], [1], "empty or leaves"),
        ([(0, 0, 5, 5)], [1], "empty or leaves"),
    ],
)
def test_instances_are_checked(tmp_path, boxes, scores, message):
    with pytest.raises(ValueError, match=f"b: .*{message}"), new_salient_instances(tmp_path / "a.h5") as writer:
        writer.append("b", boxes, scores, [box_mask(4, 5, (0, 0, 1, 1)) for _ in boxes])


def test_attention(artefact):
    with open_attention(artefact("attention").path) as maps:
        for image_id, labels, expected in ATTENTION:
            found_labels, found = maps[image_id]
            assert found_labels.tolist() == labels
            assert found.dtype == np.float32
            assert np.allclose(found, expected, atol=1e-3) if labels else len(found) == 0
        assert len(maps["unknown"][0]) == len(maps["unknown"][1]) == 0


def test_no_attention_at_all(tmp_path):
    write_attention(tmp_path / "a.h5", [])
    with open_attention(tmp_path / "a.h5") as maps:
        assert maps["a"][1].shape == (0, 1, 1)


@pytest.mark.parametrize(
    ("labels", "maps"),
    [([1], np.zeros((2, 1, 1))), ([1], np.zeros((1, 1))), ([1], [[[1.1]]]), ([1], [[[-0.1]]]), ([1], [[[np.nan]]])],
)
def test_attention_is_checked(tmp_path, labels, maps):
    with pytest.raises(ValueError, match="^a: "):
        write_attention(tmp_path / "a.h5", [("a", labels, maps)])


def test_scores(tmp_path):
    write_scores(tmp_path / "0", SCORES, ROWS[:3])
    write_scores(tmp_path / "1", Scores(np.zeros(1), np.zeros(0), np.zeros(0)), ROWS[:0])
    write_scores(tmp_path / "2", SCORES, ROWS[3:6])
    found = read_scores(*(tmp_path / name for name in "012"), rows=ROWS[:6])
    assert found.offsets.tolist() == [0, 2, 2, 3, 5, 5, 6]
    assert found.labels.tolist() == [1, 5, 2] * 2
    assert found.scores.tolist() == [0.25, 0.5, 1] * 2
    assert (found.offsets.dtype, found.labels.dtype, found.scores.dtype) == (np.int64, np.int64, np.float32)
    with pytest.raises(ValueError, match="found 2 labels and 2 scores, expected 3 of each"):
        write_scores(tmp_path / "3", Scores(SCORES.offsets, SCORES.labels[:2], SCORES.scores[:2]), ROWS[:3])


def test_features(tmp_path):
    write_features(tmp_path / "0")
    write_features(tmp_path / "1", np.zeros((0, 3)))
    found = read_features(tmp_path / "1", tmp_path / "0", tmp_path / "1", rows=ROWS[:3])
    assert found.tolist() == [[0, 1, 2], [3, 4, 5], [1, 1, 1]]
    assert found.dtype == np.float32
    assert read_features(tmp_path / "1", rows=None).shape == (0, 3)


# ------------------------------------------------------------------ npz


def test_graph(artefact):
    found = read_graph(artefact("graph").path, rows=None)
    assert found.edges.tolist() == GRAPH.edges.tolist()
    assert found.weights.tolist() == GRAPH.weights.tolist()
    assert found.n_nodes == 4
    assert found.batches.tolist() == [0, 2, 4]
    assert found.order.tolist() == [3, 0, 2, 1]
    assert (found.edges.dtype, found.weights.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("n_nodes", [0, 3])
def test_graph_without_edges(tmp_path, n_nodes):
    nodes = np.arange(n_nodes)
    write_graph(
        tmp_path / "a.npz", Graph(np.zeros((0, 2)), np.zeros(0), n_nodes, np.array([0, n_nodes]), nodes), ROWS[:n_nodes]
    )
    found = read_graph(tmp_path / "a.npz", rows=None)
    assert found.edges.shape == (0, 2)
    assert found.n_nodes == n_nodes


@pytest.mark.parametrize("edges", [[[0, 0]], [[1, 0]], [[-1, 0]], [[0, 4]]])
def test_graph_is_checked(tmp_path, edges):
    with pytest.raises(ValueError, match="i < j"):
        write_graph(tmp_path / "a.npz", replace(GRAPH, edges=np.array(edges), weights=np.ones(1)), ROWS[:4])
    with pytest.raises(ValueError, match="1 edges and 2 weights"):
        write_graph(tmp_path / "a.npz", replace(GRAPH, edges=np.array([[0, 1]])), ROWS[:4])
    with pytest.raises(ValueError, match="each of 0 to 3 once"):
        write_graph(tmp_path / "a.npz", replace(GRAPH, order=np.zeros(4)), ROWS[:4])


def test_partition(artefact):
    found = read_partition(artefact("partition").path, rows=None)
    assert (found.objective, found.status, found.solver) == (1.5, "optimal", "cplex")
    assert np.isnan(found.bound)
    for name in ("instances", "labels", "margins", "pinned"):
        assert np.array_equal(getattr(found, name), getattr(PARTITION, name), equal_nan=name == "margins")
    assert found.pinned.dtype == bool


def test_partition_is_checked(tmp_path):
    with pytest.raises(ValueError, match="differ in length"):
        write_partition(tmp_path / "a.npz", replace(PARTITION, labels=np.zeros(3)), ROWS)


# ------------------------------------------------------------------ label maps and COCO JSON


def test_palette_is_that_of_voc():
    palette = voc_palette()
    assert palette[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert palette[15].tolist() == [192, 128, 128]
    assert palette[255].tolist() == [224, 224, 192]
    assert len({tuple(colour) for colour in palette.tolist()}) == 256


def test_labels(artefact):
    path = artefact("labels").path
    found = read_labels(path)
    assert np.array_equal(found, LABELS)
    assert found.dtype == np.uint8
    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image.convert("RGB")), voc_palette()[LABELS])


@given(labels=npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, max_side=9)))
@LIMITS
def test_labels_of_any_shape(tmp_path, labels):
    write_labels(tmp_path / "a.png", labels)
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)
    assert np.array_equal(read_instance_map(tmp_path / "a.png"), labels)


@pytest.mark.parametrize(
    "labels", [[[256]], [[-1]], [[0.5]], [[True]], [1, 2], np.zeros((0, 3), int), np.zeros((1, 1, 1), int)]
)
def test_labels_are_checked(tmp_path, labels):
    with pytest.raises(ValueError, match="label"):
        write_labels(tmp_path / "a.png", np.array(labels))


@pytest.mark.parametrize("colours", [2, 16, 256])
def test_labels_of_a_dataset(tmp_path, colours):
    values = (LABELS.astype(int) % colours).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "grey.png")
    palette = Image.fromarray(values, mode="P")
    palette.putpalette(voc_palette(colours).tobytes())
    palette.save(tmp_path / "palette.png", bits={2: 1, 16: 4, 256: 8}[colours])
    for name in ("grey", "palette"):
        assert np.array_equal(read_labels(tmp_path / f"{name}.png"), values)


def test_labels_of_other_modes_are_refused(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="mode RGB, expected a palette or grey PNG.*If it is your file, convert"):
        read_labels(tmp_path / "a.png")
    Image.fromarray(np.full((2, 2), 1000, np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(FormatError, match="mode I;16"):
        read_labels(tmp_path / "b.png")
    assert read_instance_map(tmp_path / "b.png").tolist() == [[1000] * 2] * 2


def test_coco(artefact):
    path = artefact("coco").path
    found = read_coco(path)
    assert {key: found[key] for key in COCO} == COCO
    assert found["info"].items() >= {"description": "aisi/proxy_masks", "version": "1"}.items()
    assert "ü.jpg" in path.read_text(encoding="utf-8")


def test_coco_is_checked(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="JSON"):
        write_coco(path, {"images": [float("nan")]})
    for content, message in (({}, "no images, categories, annotations"), ([], "no images"), (3, "no images")):
        path.write_text(json.dumps(content))
        with pytest.raises(FormatError, match=message):
            read_coco(path)


def test_coco_of_a_dataset(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(COCO | {"info": "free text"}))
    assert read_coco(path)["images"] == COCO["images"]


def test_coco_instances(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"images": [], "annotations": [{}]}).encode())
    assert read_coco_instances(path) == ([], [{}])
    path.write_text("[]")
    assert read_coco_instances(path) == (None, [])
    for content in ({"images": []}, {"images": {}, "annotations": []}, [1], 3, None, {"annotations": []}):
        path.write_text(json.dumps(content))
        with pytest.raises(FormatError, match="bare list"):
            read_coco_instances(path)
    path.write_text("[" * 100_000)
    with pytest.raises(FormatError, match="cannot be read"):
        read_coco_instances(path)


@pytest.mark.parametrize("source", ["override", "external"])
def test_only_the_solver_is_bound_to_keywords(tmp_path, source):
    """The true category of an instance counts for the oracle even if it is no keyword; so does another method's."""
    tags = TAGS.iloc[:1].assign(keywords=[("cat",)])
    write_tags(tmp_path / "tags.csv", tags.assign(source=source))
    assert read_tags(tmp_path / "tags.csv")["tag"].tolist() == ["dog"]
    with pytest.raises(ValueError, match="expected a keyword of the photo"):
        write_tags(tmp_path / "tags.csv", tags.assign(source="solver"))


def test_messages_name_the_rules_in_whole_sentences():
    """Also where several rules make a file, or a group of rules."""
    modules = [
        importlib.import_module(f"aisi.formats.{path.stem}") for path in Path(files.__file__).parent.glob("*.py")
    ]
    formats = {fmt.name: fmt for module in modules for fmt in vars(module).values() if isinstance(fmt, files.Format)}
    assert {"metrics", "training_log", "images", "graph"} <= set(formats)
    for fmt in formats.values():
        message = str(files.mismatch("x", fmt, "a", "b"))
        assert re.search(
            r"(: rule \w+( or \w+)?( \([\w :.]+\))?|: one of the \w+_ rules) makes it again\.$", message
        ), message
