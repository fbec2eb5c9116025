"""Scripts of proxy masks, evaluation and report, run as Snakemake runs them, on three photos in two shards."""

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as rle

from aisi.formats.attention import new_attention
from aisi.formats.coco import read_coco, write_coco_results
from aisi.formats.dataset import IMAGE_COLUMNS, Categories, read_categories, write_categories, write_images
from aisi.formats.files import FormatError
from aisi.formats.graph import Graph, write_graph
from aisi.formats.instances import new_salient_instances, read_salient_instances
from aisi.formats.masks import read_labels, write_labels
from aisi.formats.metrics import read_metrics
from aisi.formats.partition import Partition, write_partition
from aisi.formats.photo_counts import read_photo_counts
from aisi.formats.scores import Scores, write_scores
from aisi.formats.tags import read_tags, tag_columns, write_tags
from aisi.formats.training_log import write_training_log
from aisi.masks import encode, to_json
from aisi.planning.protocols import PROTOCOLS, instance_protocol

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PHOTOS = [("sub dir/ä", ("cat", "dog")), ("b", ("cat",)), ("c", ("dog",))]
SHARDS = [PHOTOS[:2], PHOTOS[2:]]
CAT, DOG, THING = np.s_[1:4, 1:4], np.s_[4:8, 5:9], np.s_[6:8, 0:2]
FOUND = {"sub dir/ä": [DOG, CAT, THING], "b": [], "c": [DOG]}
"""Regions found in each photo of 8 x 10 pixels; THING is of no category. The cat of b is not found."""


def run(script, log, **sections):
    """Run a script with a fake ``snakemake`` of dicts for input, output, params, wildcards. Raises its error."""
    fake = {name: Section(values) for name, values in sections.items()}
    job = SimpleNamespace(log=[log], threads=1, **fake)
    try:
        runpy.run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": job})
    except SystemExit as stop:
        raise stop.__context__ from None


class Section(dict):
    """Named items, as attributes and as keys."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A run up to the tags, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for image_id, _ in PHOTOS:
        classes, objects = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
        if image_id != "c":
            classes[CAT], objects[CAT] = 1, 1
        if image_id != "b":
            classes[DOG], objects[DOG] = 2, 2
        write_labels(f"classes/{image_id}.png", classes)
        write_labels(f"objects/{image_id}.png", objects)
        Path("photos", image_id).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 10, 3), 90, np.uint8)).save(f"photos/{image_id}.png")
    write_categories("categories.csv", Categories(("cat", "dog"), (5, 6), ("#800000", "#008000")))
    for shard, photos in enumerate(SHARDS):
        rows = [(image_id, f"photos/{image_id}.png", 10, 8, keywords, "") for image_id, keywords in photos]
        write_images(f"images_{shard}.csv", pd.DataFrame(rows, columns=IMAGE_COLUMNS))
        with new_salient_instances(f"instances_{shard}.h5") as writer:
            for image_id, _ in photos:
                regions = FOUND[image_id]
                boxes = [[where[1].start, where[0].start, where[1].stop, where[0].stop] for where in regions]
                scores = np.linspace(0.9, 0.5, len(regions))
                writer.append(image_id, boxes, scores, [rle_of(where) for where in regions])
    return tmp_path


def rle_of(where):
    mask = np.zeros((8, 10), np.uint8, order="F")
    mask[where] = 1
    return rle.encode(mask)


SHARED = {
    "images": ["images_0.csv", "images_1.csv"],
    "salient_instances": ["instances_0.h5", "instances_1.h5"],
    "categories": "categories.csv",
    "annotations": [],
    "masks": "classes",
    "objects": "objects",
    "listed": [],
}


def tag_oracle():
    run("tag_oracle", "oracle.log", input=SHARED, output={"tags": "oracle.csv"})
    return read_tags("oracle.csv")


def write_proxies(tags="oracle.csv", **params):
    silent = {"noisy_pixels": "ignore", "missing_keywords": "background", "rejected_as_crowd": False}
    silent |= {"seed": 0, "split": "train"}
    output = {"masks": "proxies", "coco": "instances.json", "listed": "lists/train.txt", "shares": "shares.csv"}
    files = {"input": SHARED | {"tags": tags}, "output": output, "wildcards": {"assignment": "oracle"}}
    run("write_proxy_masks", "proxies.log", **files, params=silent | params)


def evaluate(script, task="", missing="error", **inputs):
    params = {"network": "", "seed": 3, "task": task, "split": "train", "protocol": "counted", "missing": missing}
    wildcards = {"assignment": "oracle", "network": "net", "seed": "3"}
    output = {"metrics": "metrics.csv", "counts": "counts.csv"}
    run(script, "log.txt", input=SHARED | inputs, output=output, params=params, wildcards=wildcards)
    metrics = read_metrics("metrics.csv")
    assert set(metrics["seed"]) == {3}
    overall = metrics[metrics["category"] == "all"].set_index("metric")
    return overall["value"].to_dict(), overall["n"].to_dict()


def test_oracle_tags(run_folder):
    tags = tag_oracle()
    assert tags["tag"].tolist() == ["dog", "cat", "noisy", "dog"]
    assert tags["image_id"].tolist() == ["sub dir/ä"] * 3 + ["c"]
    assert tags["keywords"].tolist()[0] == ("cat", "dog")
    assert tags[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [5, 4, 9, 8]


def test_proxy_masks(run_folder):
    tag_oracle()
    write_proxies()
    assert sorted(path.relative_to("proxies").as_posix() for path in Path("proxies").rglob("*.png")) == [
        "c.png",
        "sub dir/ä.png",
    ]
    expected = read_labels("classes/sub dir/ä.png")
    expected[THING] = 255
    assert read_labels("proxies/sub dir/ä.png").tolist() == expected.tolist()
    with Image.open("proxies/c.png") as image:
        assert image.mode == "P"
    coco = read_coco("instances.json")
    assert [image["file_name"] for image in coco["images"]] == ["sub dir/ä.png", "c.png"]
    assert [item["category_id"] for item in coco["annotations"]] == [6, 5, 6]
    assert coco["annotations"][0]["bbox"] == [5, 4, 4, 4]
    assert coco["annotations"][0]["area"] == 16


def test_no_instance_at_all_leaves_empty_proxies(run_folder):
    tags = tag_oracle().assign(label=0, tag="noisy")
    write_tags("tags.csv", tags)
    write_proxies("tags.csv")
    assert Path("proxies").is_dir()
    assert read_coco("instances.json")["annotations"] == []
    values, n = evaluate("evaluate_semantic", missing="background", label_maps="proxies")
    assert values["miou"] == pytest.approx(190 / 240 / 3)  # all background, 190 of 240 pixels rightly
    assert n["miou"] == 3
    assert evaluate("evaluate_instance", instances="instances.json")[0]["ap"] == 0


def test_evaluation_of_the_oracle(run_folder):
    tag_oracle()
    write_proxies()
    values, n = evaluate("evaluate_tags", tags="oracle.csv", oracle="oracle.csv")
    assert (values["accuracy"], n["accuracy"], n["accuracy_objects"], n["accuracy_multi"]) == (1, 4, 3, 2)
    values, n = evaluate("evaluate_semantic", missing="background", label_maps="proxies")
    assert values["miou"] == pytest.approx((190 / 199 + 9 / 18 + 1) / 3)
    values, n = evaluate("evaluate_instance", instances="instances.json")
    assert n["ap"] == 4
    assert values["ap"] == pytest.approx((51 / 101 + 1) / 2)
    values, n = evaluate("evaluate_salient_instances")
    assert (values["recall50"], n["recall50"]) == (pytest.approx(3 / 4), 4)
    assert (values["instances_per_photo"], n["instances_per_photo"]) == (pytest.approx(4 / 3), 3)
    assert evaluate("evaluate_semantic", label_maps="classes")[0]["miou"] == 1


def test_evaluation_of_a_networks_instances(run_folder):
    """The oracle's instances as predictions: the same precision; all true instances are small."""
    tag_oracle()
    write_proxies()
    coco = read_coco("instances.json")
    names = {image["id"]: image["image_id"] for image in coco["images"]}
    write_coco_results("results.json", [item | {"image_id": names[item["image_id"]]} for item in coco["annotations"]])
    values, n = evaluate("evaluate_instance", task="instance", instances="results.json")
    assert values["ap"] == values["ap_s"] == pytest.approx((51 / 101 + 1) / 2)
    assert (n["ap"], n["ap_s"], n["ap_m"], n["ap_l"]) == (4, 4, 0, 0) and np.isnan(values["ap_l"])
    assert set(read_metrics("metrics.csv")["task"]) == {"instance"}


def test_results_of_an_unknown_category_are_refused(run_folder):
    result = {"image_id": "b", "category_id": 9, "score": 1.0, "bbox": [0, 0, 1, 1]}
    write_coco_results("results.json", [result | {"segmentation": to_json(encode(np.ones((8, 10), bool)))}])
    with pytest.raises(FormatError, match="results.json: .*unknown 9"):
        evaluate("evaluate_instance", task="instance", instances="results.json")


@pytest.mark.parametrize("line", ["c", "/JPEGImages/c.jpg /SegmentationObject/c.png"])
def test_only_listed_photos_are_evaluated(run_folder, line):
    Path("list.txt").write_text(f"{line}\r\n\r\n", encoding="utf-8-sig")
    values, n = evaluate("evaluate_salient_instances", listed=["list.txt"])
    assert (values["recall50"], n["recall50"]) == (1, 1)


def test_only_photos_with_a_true_mask_are_evaluated(run_folder):
    tags = tag_oracle()
    Path("classes/sub dir/ä.png").unlink()
    assert tag_oracle()["label"].tolist() == [0, 0, 0, 2]
    write_tags("all.csv", tags)
    assert evaluate("evaluate_tags", tags="all.csv", oracle="oracle.csv")[1]["accuracy"] == 1
    write_proxies("all.csv")
    assert evaluate("evaluate_semantic", missing="background", label_maps="proxies")[1]["miou"] == 2


def test_tags_of_other_instances_are_refused(run_folder):
    write_tags("fewer.csv", tag_oracle().iloc[1:])
    with pytest.raises(ValueError, match="3 tags, 4 true tags"):
        evaluate("evaluate_tags", tags="fewer.csv", oracle="oracle.csv")


def test_missing_prediction_is_an_error(run_folder):
    Path("predictions").mkdir()
    with pytest.raises(ValueError, match=r"predictions.*ä\.png"):
        evaluate("evaluate_semantic", label_maps="predictions")


def test_report(run_folder):
    tag_oracle()
    write_proxies()
    evaluate("evaluate_semantic", missing="background", label_maps="proxies")
    for suffix in ("", ".sha256"):
        Path(f"metrics.csv{suffix}").rename(f"part.csv{suffix}")
    run("collect_metrics", "log.txt", input={"parts": ["part.csv", "part.csv"]}, output={"metrics": "metrics.csv"})
    assert len(read_metrics("metrics.csv")) == 2 * len(read_metrics("part.csv"))
    pages = {"table": "results.csv", "html": "results.html", "page": "results.md"}
    words = {"name": "three", "command": "snakemake", "shown": "oracle", "notes": [], "imported": {}, "others": []}
    run(
        "write_results", "log.txt", input={"metrics": "metrics.csv", "tags": ["oracle.csv"]}, output=pages, params=words
    )
    assert pd.read_csv("results.csv")["photos"].tolist() == [2]
    assert "| oracle | 4 | 3 | 2 |" in Path("results.md").read_text()
    plots = {"assignments": "assignments.png", "categories": "categories.png"}
    chosen = {"assignments": ["oracle"], "detailed": ["oracle"]}
    run("plot_results", "log.txt", input={"metrics": "metrics.csv"}, output=plots, params=chosen)
    write_training_log("net.csv", [[0, 1.0, 0.1, None]])
    figure = {"figure": "training.png"}
    run("plot_training", "log.txt", input={"logs": ["net.csv"]}, output=figure, params={"names": ["net"]})
    run("choose_examples", "log.txt", input=SHARED, output={"images": "examples.csv"}, params={"n": 2})
    inputs = SHARED | {
        "examples": "examples.csv",
        "notes": [],
        "tags": "oracle.csv",
        "label_maps": ["proxies", "classes"],
    }
    params = {"titles": ["proxy", "true mask"], "roots": None}
    chosen = {"images": "extremes.csv", "notes": "notes.csv"}
    run("evaluate_examples", "log.txt", input=inputs | {"proxies": "proxies"}, output=chosen, params={"n": 1})
    assert pd.read_csv("notes.csv")["note"].tolist() == ["best: IoU 1.00", "worst: IoU 1.00"]
    extremes = inputs | {"examples": "extremes.csv", "notes": "notes.csv"}
    run("draw_examples", "log.txt", input=extremes, output={"figure": "extremes.png"}, params=params)
    run("draw_examples", "log.txt", input=inputs, output={"figure": "examples.png"}, params=params)
    run("draw_predictions", "log.txt", input=inputs, output={"figure": "predictions.png"}, params=params)
    page = {"page": "overview.html", "figure": "keywords.png"}
    words = {"name": "three", "places": {"Masks": "proxies"}, "roots": None}
    run("write_overview", "log.txt", input=SHARED | {"tags": "oracle.csv"}, output=page, params=words)
    assert "three: 2 of 3 photos have a mask" in Path("overview.html").read_text()
    for name in ("assignments", "categories", "training", "examples", "extremes", "predictions", "keywords"):
        assert Path(f"{name}.png").stat().st_size > 1000


def test_no_parts_make_an_empty_table(run_folder):
    run("collect_metrics", "log.txt", input={"parts": []}, output={"metrics": "metrics.csv"})
    assert len(read_metrics("metrics.csv")) == 0


SCRIPT_OF_TASK = {
    "tags": "evaluate_tags",
    "proxy_semantic": "evaluate_semantic",
    "proxy_instance": "evaluate_instance",
}
TAGGED_BY = {"oracle": ["dog", "cat", "noisy", "dog"], "first": ["cat", "cat", "cat", "dog"], "none": ["noisy"] * 4}


def assert_counts_give(counts, metrics, task):
    """The figures of all photos follow from the counts of each."""
    sums = counts.groupby("category")[["hits", "true", "found"]].sum()
    overall = metrics[metrics["category"] == "all"].set_index("metric")
    if task == "proxy_semantic":
        ious = sums["hits"] / (sums["true"] + sums["found"] - sums["hits"])
        assert ious.mean() == pytest.approx(overall.loc["miou", "value"], rel=1e-6)
        own = metrics[metrics["metric"] == "iou"].set_index("category")["value"].dropna()
        pd.testing.assert_series_equal(ious[own.index], own, check_names=False, rtol=1e-6)
    elif task == "tags":
        assert sums["hits"].sum() / sums["true"].sum() == pytest.approx(overall.loc["accuracy", "value"], rel=1e-6)
        objects = sums.drop(index="noisy", errors="ignore")
        share = objects["hits"].sum() / objects["true"].sum()
        assert share == pytest.approx(overall.loc["accuracy_objects", "value"], rel=1e-6)
    else:
        assert sums["true"].sum() == overall.loc["ap", "n"]


def test_many_assignments_at_once_are_evaluated_as_one_by_one(run_folder):
    """The same rows as from the rules that evaluate written proxy masks, for right, wrong and missing tags."""
    oracle, parts, counts = tag_oracle(), [], []
    protocols = PROTOCOLS | {"proxy_instance": instance_protocol(has_annotations=False)}
    for assignment, tags in TAGGED_BY.items():
        labels = [["noisy", "cat", "dog"].index(tag) for tag in tags]
        write_tags(f"{assignment}.csv", oracle.assign(tag=tags, label=labels))
        write_proxies(f"{assignment}.csv")
        inputs = {"label_maps": "proxies", "instances": "instances.json"}
        inputs |= {"tags": f"{assignment}.csv", "oracle": "oracle.csv"}
        for task, script in SCRIPT_OF_TASK.items():
            evaluate(script, task, missing="background", **inputs)
            head = {"assignment": assignment, "task": task, "protocol": protocols[task]}
            parts.append(read_metrics("metrics.csv").assign(**head))
            counts.append(read_photo_counts("counts.csv").assign(**head))
            assert_counts_give(counts[-1], parts[-1], task)
        shutil.rmtree("proxies")
    inputs = {"tags": [f"{assignment}.csv" for assignment in TAGGED_BY], "oracle": "oracle.csv"}
    params = {"rows": [[assignment, 3] for assignment in TAGGED_BY], "split": "train"}
    run(
        "evaluate_experiment",
        "log.txt",
        input=SHARED | inputs,
        output={"metrics": "all.csv", "counts": "photos.csv"},
        params=params,
    )
    pd.testing.assert_frame_equal(read_metrics("all.csv"), pd.concat(parts, ignore_index=True))
    pd.testing.assert_frame_equal(read_photo_counts("photos.csv"), pd.concat(counts, ignore_index=True))
    values = read_metrics("all.csv").query("category == 'all' and metric == 'miou'")["value"]
    assert values.is_unique


def test_true_masks_as_proxies(run_folder):
    Path("objects/c.png").unlink()
    output = {"masks": "copies", "coco": "instances.json"}
    run("copy_true_masks", "log.txt", input=SHARED, output=output)
    for image_id, _ in PHOTOS:
        assert read_labels(f"copies/{image_id}.png").tolist() == read_labels(f"classes/{image_id}.png").tolist()
    coco = read_coco("instances.json")
    assert [image["image_id"] for image in coco["images"]] == ["sub dir/ä", "b"]
    assert [(item["category_id"], item["bbox"]) for item in coco["annotations"]] == [
        (5, [1, 1, 3, 3]),
        (6, [5, 4, 4, 4]),
        (5, [1, 1, 3, 3]),
    ]
    run("copy_true_masks", "log.txt", input=SHARED | {"objects": []}, output={"masks": "alone"})
    assert len(list(Path("alone").rglob("*.png"))) == 3


def test_proxies_from_attention_alone(run_folder):
    for shard, photos in enumerate(SHARDS):
        with new_attention(f"attention_{shard}.h5") as writer:
            for image_id, keywords in photos:
                maps = np.full((len(keywords), 2, 5), 0.1)
                maps[:, 0, 0] = 0.9 if image_id != "c" else 0.2
                writer.append(image_id, [("cat", "dog").index(name) + 1 for name in keywords], maps)
    inputs = {"images": SHARED["images"], "attention": ["attention_0.h5", "attention_1.h5"]}
    run("write_cam_masks", "log.txt", input=inputs, output={"masks": "cam"}, params={"threshold": 0.9})
    assert not Path("cam/c.png").exists()
    mask = read_labels("cam/sub dir/ä.png")
    assert mask.shape == (8, 10) and mask[0, 0] == 1 and set(np.unique(mask)) == {0, 1}


def test_objectives_on_the_datasets_graph(run_folder):
    """Three instances, an edge of weight 1.5 between the first two: together they earn 3, and each beta (p + s / 2)."""
    edges, weights = np.array([[0, 1]], np.int32), np.array([1.5], np.float32)
    scores = Scores(np.array([0, 2, 3, 4]), np.array([1, 2, 1, 2]), np.array([0.25, 0.5, 0.5, 1], np.float32))
    with new_salient_instances("three.h5") as writer:
        box, mask = [0, 0, 2, 2], rle.encode(np.asfortranarray(np.ones((2, 2), np.uint8)))
        writer.append("a", [box] * 3, [0.75, 0.5, 0.25], [mask] * 3)
    instances = read_salient_instances("three.h5")
    write_graph("graph.npz", Graph(edges, weights, 3, np.array([0, 3]), np.arange(3)), instances.rows)
    write_scores("scores.h5", scores, instances.rows)
    labels = np.array([1, 1, 2])
    whole = Partition(np.arange(3), labels, 28.0, 35.0, np.zeros(3), np.zeros(3, bool), "feasible", "message_passing")
    write_partition("whole/batch_0.npz", whole, instances.rows)
    categories = read_categories("categories.csv")
    images = pd.DataFrame({"image_id": ["a"], "keywords": [("cat", "dog")]})
    for name, own in (("whole", labels), ("apart", np.array([2, 0, 2]))):
        write_tags(f"{name}.csv", tag_columns(instances, images, categories, own, np.nan, np.nan, "solver"))
    inputs = {"tags": ["whole.csv", "apart.csv"], "graph": "graph.npz", "scores": ["scores.h5"], "whole": "whole"}
    inputs |= {"salient_instances": ["three.h5"]}
    params = {"assignments": ["whole", "apart"], "beta": 10, "seed": 3, "split": "train"}
    params |= {"balance_categories": False, "objectness_weight": 0.5, "overlap_penalty": 0, "presence_reward": 0}
    run("compute_objectives", "log.txt", input=inputs, output={"metrics": "metrics.csv"}, params=params)
    metrics = read_metrics("metrics.csv").set_index(["assignment", "metric"])
    assert metrics["value"].tolist() == pytest.approx([28, 0.8, 20, 4 / 7])
    assert metrics["n"].tolist() == [3, 3, 2, 2]
