"""Average precision on a COCO dataset's annotations: equal to pycocotools' own evaluation of the same files."""

import contextlib
import io
import json
import runpy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from aisi.evaluation.annotations import annotated_objects, found_annotations, label_maps, read_annotated_truth
from aisi.evaluation.ground_truth import true_objects
from aisi.evaluation.metrics import average_precision_metrics, coco_metrics
from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import IMAGE_COLUMNS, Categories, write_categories, write_images
from aisi.formats.metrics import read_metrics
from aisi.formats.photo_counts import read_photo_counts
from aisi.masks import encode, from_segmentation, outside_void, to_json
from tiny_coco import box
from workflow_text import SCRIPTS

CATEGORIES = Categories(("person", "plate", "table", "kite"), (1, 47, 67, 90), ("#000000",) * 4)
HEIGHT, WIDTH = 120, 160
STATS = {"ap": 0, "ap50": 1, "ap75": 2, "ap_s": 3, "ap_m": 4, "ap_l": 5}
"""Our metrics, by their place in pycocotools' summary."""


def annotation(image, category, segmentation, **more):
    mask = from_segmentation(segmentation, SimpleNamespace(height=HEIGHT, width=WIDTH))
    keys = {"image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0}
    return keys | {"area": float(rle.area(mask)), "bbox": rle.toBbox(mask).tolist()} | more


def crowd(image, category, *where):
    runs = np.zeros((HEIGHT, WIDTH), bool)
    runs[where] = True
    changes = np.flatnonzero(np.diff(runs.ravel(order="F"), prepend=False))
    counts = np.diff(changes, prepend=0, append=runs.size).tolist()
    return annotation(image, category, {"size": [HEIGHT, WIDTH], "counts": counts}, iscrowd=1)


DINNER = [
    annotation(7, 67, box(10, 40, 150, 110)),
    *(annotation(7, 47, box(x, 60, x + 20, 80)) for x in (20, 50, 80, 110)),
    annotation(7, 1, box(60, 30, 100, 118)),
    crowd(7, 1, slice(0, 25), slice(0, 150)),
]
"""A table, four plates on it, a person in front of it, and a crowd behind."""


def write(folder, annotations, n_images=1, first=7):
    """Write COCO's JSON and its table of photos; the files' order is not that of the images' numbers."""
    numbers = list(range(first, first + n_images))
    names = {number: f"{'zyx'[number % 3]}{number}" for number in numbers}
    images = [{"id": n, "file_name": f"{names[n]}.jpg", "width": WIDTH, "height": HEIGHT} for n in numbers]
    categories = [{"id": n, "name": name} for n, name in zip(CATEGORIES.ids, CATEGORIES.names, strict=True)]
    whole = [one | {"id": number} for number, one in enumerate(annotations, 1)]
    path = folder / "instances_val.json"
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": whole}))
    rows = sorted((name, f"{name}.jpg", WIDTH, HEIGHT, ("person",), "") for name in names.values())
    return path, pd.DataFrame(rows, columns=IMAGE_COLUMNS), names


def official(path, results):
    """pycocotools' summary, 12 values, of results on the file."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluation = COCOeval(truth, truth.loadRes(json.loads(json.dumps(results))), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def ours(path, photos, names, results):
    """Our figures over all categories, -1 where nothing counts, and all rows."""
    truth = read_annotated_truth([path], photos, CATEGORIES)
    found = []
    for image_id in photos["image_id"]:
        own = [one for one in results if names[one["image_id"]] == image_id]
        labels = [CATEGORIES.label_of_id[one["category_id"]] for one in own]
        masks = [one["segmentation"] for one in own]
        found += found_annotations(truth.numbers[image_id], labels, [one["score"] for one in own], masks)
    rows = coco_metrics(truth.annotations, found, truth.numbers.values(), CATEGORIES.names)
    values = {metric: value for metric, category, value, _ in rows if category == "all"}
    return {metric: -1 if np.isnan(values[metric]) else values[metric] for metric in STATS}, rows


def result(image, category, mask, score):
    head = {"image_id": image, "category_id": category, "score": score}
    return head | {"segmentation": to_json(mask), "bbox": rle.toBbox(mask).tolist()}


def as_annotated(annotations):
    """Results that repeat the annotations but crowds."""
    size = SimpleNamespace(height=HEIGHT, width=WIDTH)
    return [
        result(one["image_id"], one["category_id"], from_segmentation(one["segmentation"], size), 0.9)
        for one in annotations
        if not one["iscrowd"]
    ]


def test_what_is_predicted_as_annotated_has_ap_1(tmp_path):
    path, photos, names = write(tmp_path, DINNER)
    results = as_annotated(DINNER)
    values, rows = ours(path, photos, names, results)
    stats = official(path, results)
    assert stats[0] == 1.0
    assert values == {metric: stats[place] for metric, place in STATS.items()}
    assert [n for metric, category, _, n in rows if metric == "ap"] == [6, 1, 4, 1, 0]  # the crowd does not count


def test_label_maps_cannot_show_it(tmp_path):
    """Drawn without overlaps, the table lacks the plates and the person: the same predictions get less than 1."""
    path, photos, _ = write(tmp_path, DINNER)
    ((_, labels, masks),) = annotated_objects(path, photos, CATEGORIES)
    classes, objects = label_maps(labels, masks, (HEIGHT, WIDTH))
    results = as_annotated(DINNER)
    kept, cut = outside_void([one["segmentation"] for one in results], objects == 255)
    found = [CATEGORIES.label_of_id[results[place]["category_id"]] for place in kept]
    pair = (*true_objects(objects, classes), found, [0.9] * len(kept), cut)
    (whole, *_) = average_precision_metrics([pair], CATEGORIES.names)
    assert whole[:2] == ("ap", "all") and whole[2] < 0.9


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_pycocotools_to_the_last_digit(tmp_path, seed):
    """Nine photos, also empty ones, crowds, areas of the file's own, ties of scores, wrong categories."""
    random = np.random.default_rng(seed)
    annotations, results = [], []
    for image in range(7, 16):
        for _ in range(random.integers(0, 6)):
            x, y = random.integers(0, WIDTH - 60), random.integers(0, HEIGHT - 60)
            width, height = random.integers(4, 60, 2)
            corners = box(*map(int, (x, y, x + width, y + height)))
            category = int(random.choice([1, 47, 67]))
            one = annotation(image, category, corners, area=float(width * height * random.uniform(0.5, 1.0)))
            annotations.append(one)
            moved = np.zeros((HEIGHT, WIDTH), bool)
            dx, dy = random.integers(-3, 4, 2)
            moved[max(0, y + dy) : y + dy + height, max(0, x + dx) : x + dx + width] = True
            guess = category if random.random() < 0.8 else 90
            results.append(result(image, guess, encode(moved), round(float(random.uniform()), 1)))
        if random.random() < 0.3:
            annotations.append(crowd(image, 1, slice(0, 40), slice(20, 90)))
    path, photos, names = write(tmp_path, annotations, n_images=9)
    values, _ = ours(path, photos, names, results)
    stats = official(path, results)
    assert values == {metric: stats[place] for metric, place in STATS.items()}
    assert 0 < values["ap"] < 1


def test_the_rule_evaluates_on_the_annotations(tmp_path):
    path, photos, names = write(tmp_path, DINNER)
    write_images(tmp_path / "images.csv", photos)
    write_categories(tmp_path / "categories.csv", CATEGORIES)
    write_coco_results(tmp_path / "predictions.json", [one | {"image_id": names[7]} for one in as_annotated(DINNER)])
    files = {"instances": tmp_path / "predictions.json", "images": [tmp_path / "images.csv"], "annotations": [path]}
    files |= {"categories": tmp_path / "categories.csv", "masks": [], "objects": [], "listed": []}
    head = {"network": "net", "seed": 0, "task": "instance", "split": "val", "protocol": "coco"}
    job = SimpleNamespace(
        input=SimpleNamespace(**files),
        output=SimpleNamespace(metrics=tmp_path / "metrics.csv", counts=tmp_path / "counts.csv"),
        params=SimpleNamespace(**head),
        wildcards=SimpleNamespace(assignment="partition"),
        log=[str(tmp_path / "log")],
    )
    runpy.run_path(str(SCRIPTS / "evaluate_instance.py"), {"snakemake": job})
    metrics = read_metrics(tmp_path / "metrics.csv")
    overall = metrics[(metrics["category"] == "all") & (metrics["metric"] == "ap")]
    assert overall["value"].tolist() == [1.0] and overall["n"].tolist() == [6]
    counts = read_photo_counts(tmp_path / "counts.csv")
    assert counts[["hits", "true", "found"]].sum().tolist() == [6, 6, 6]  # crowds are not counted
