"""A dataset in COCO's layout, with simple images, from photos to evaluated proxies."""

import json
from collections import Counter

import numpy as np
import pytest
from pycocotools import mask as rle

from aisi.demo.annotation import label_scene, write_photo
from aisi.demo.categories import TARGET
from aisi.demo.scenes import render_scene
from aisi.formats.coco import read_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.masks import read_labels
from aisi.formats.metrics import read_metrics
from aisi.formats.tags import read_tags
from project import Project

N_TRAIN, N_VAL, N_SIMPLE = 12, 2, 4
N_MORE = 5
"""Of the training photos, those in a split of their own, as in COCO's trainval."""
NAMES = ["unicorn", *sorted(TARGET)]
"""The unicorn is on no photo; the others' labels are one more than the renderer's."""
CATEGORY_IDS = [7 * number for number in range(1, len(NAMES) + 1)]
TARGETS = [
    *("results/evaluation/salient_instances.csv", "results/evaluation/tags/partition.csv"),
    *(
        f"results/{home}evaluation/proxy_masks/{name}.csv"
        for home, name in (("", "partition"), ("reference/", "oracle"))
    ),
    *(
        f"results/{home}evaluation/proxy_instances/{name}.csv"
        for home, name in (("", "partition"), ("reference/", "oracle"))
    ),
    "review",
    "results/report/train+more_examples.csv",
]


def render(path, split, index, multiple_keywords):
    """Render a scene to a photo; gives its class mask, its instance mask and its keywords."""
    settings = {"image_size": 96, "max_objects": 3, "distractors": 0.0, "multiple_keywords": multiple_keywords}
    scene = render_scene(seed=1, split=split, index=index, **settings)
    write_photo(path, scene)
    return label_scene(scene)


def annotations(image_id, classes, objects):
    """True instances as COCO's annotations, all but their ids."""
    found = []
    for number in range(1, np.max(objects, where=objects != 255, initial=0) + 1):
        mask = rle.encode(np.asfortranarray(objects == number, np.uint8))
        mask["counts"] = mask["counts"].decode()
        category = CATEGORY_IDS[classes[objects == number][0]]
        found.append({"image_id": image_id, "category_id": category, "iscrowd": 0, "segmentation": mask})
    return found


def write_coco(path, names, found):
    """Write images, numbered in the order of their names' first letters, and annotations that name them by file."""
    images = [{"id": number, "file_name": f"{name}.jpg"} for number, name in enumerate(names, 1)]
    numbers = {name: number for number, name in enumerate(names, 1)}
    found = [entry | {"id": k, "image_id": numbers[entry["image_id"]]} for k, entry in enumerate(found, 1)]
    categories = [{"id": number, "name": name} for number, name in zip(CATEGORY_IDS, NAMES, strict=True)]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": found}))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Folder of a dataset, of simple images and of instances found in both; true class masks; instances a photo."""
    folder = tmp_path_factory.mktemp("dataset")
    truth, found = {}, {"train": [], "val": [], "simple": []}
    for kind, split, indices in (
        ("train", "train", range(N_MORE, N_TRAIN)),
        ("train", "more", range(N_MORE)),
        ("val", "val", range(N_VAL)),
    ):
        names, own = [f"{kind}_{index}" for index in indices], []
        for name, index in zip(names, indices, strict=True):
            truth[name], objects, _ = render(folder / "coco" / split / f"{name}.jpg", kind, index, 0.5)
            own += annotations(name, truth[name], objects)
        write_coco(folder / f"coco/annotations/instances_{split}.json", names, own)
        found[kind] += own
    simple = []
    for index in range(N_SIMPLE):
        classes, objects, [keyword] = render(folder / "photo.jpg", "simple", index, 0.0)
        simple.append(f"simple_images/{keyword}/{index}")
        found["simple"] += annotations(simple[-1], classes, objects)
        path = folder / f"{simple[-1]}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / "photo.jpg").rename(path)
    detected = found["train"] + found["simple"]
    write_coco(folder / "detected.json", [f"train_{i}" for i in range(N_TRAIN)] + simple, detected)
    return folder, truth, Counter(entry["image_id"] for entry in detected), simple


@pytest.fixture(scope="module")
def run(dataset, source, tmp_path_factory):
    """The finished run, and its config's changes."""
    folder, *_ = dataset
    project = Project(source, tmp_path_factory.mktemp("coco"))
    changes = {
        "dataset": {
            "format": "coco",
            "root": str(folder / "coco"),
            "train": ["train", "more"],
            "simple_images": str(folder / "simple_images"),
            "train_on": "both",
        },
        "shards": 1,
        "salient_instances": {"method": "import", "import": {"coco": str(folder / "detected.json")}},
        "features": {"weights": "pretrained"},
    }
    project.finish(*TARGETS, changes=changes)
    return project, changes


def metric(run, path, name):
    """Value and n of a figure over all categories."""
    table = read_metrics(run[0].run_folder / path)
    row = table[(table["metric"] == name) & (table["category"] == "all")].iloc[0]
    return row["value"], row["n"]


def test_categories_keep_their_ids(run):
    results = run[0].run_folder / "results"
    categories = read_categories(results / "categories.csv")
    assert categories.ids == tuple(CATEGORY_IDS)
    assert categories.names == tuple(NAMES)
    proxies = read_coco(results / "proxy_masks/partition/instances.json")
    assert [category["id"] for category in proxies["categories"]] == CATEGORY_IDS
    assert proxies["annotations"]
    assert {annotation["category_id"] for annotation in proxies["annotations"]} <= set(CATEGORY_IDS[1:])


def test_each_training_split_keeps_its_folders_and_all_are_tagged_together(run, dataset):
    """The shards of one split after another, in the order of the list; one graph and one table of tags for all."""
    *_, counts, simple = dataset
    results = run[0].run_folder / "results"
    images = [read_images(*sorted((results / "images" / split).glob("shard_*.csv"))) for split in ("train", "more")]
    train, more = (set(table["image_id"]) for table in images)
    assert more == {f"train_{index}" for index in range(N_MORE)}
    assert train == {f"train_{index}" for index in range(N_MORE, N_TRAIN)} | set(simple)
    assert [path.name for path in (results / "graph").iterdir()] == ["train+more"]
    shards = [results / f"salient_instances/{split}/shard_0.h5" for split in ("train", "more")]
    rows = read_salient_instances(*shards).rows
    assert read_graph(results / "graph/train+more/dataset.npz", rows).n_nodes == len(rows) == sum(counts.values())
    tags = read_tags(results / "tags/partition.csv")
    first = tags["image_id"].isin(train).to_numpy()
    assert first[: first.sum()].all() and not first[first.sum() :].any()
    table = read_metrics(results / "evaluation/tags/partition.csv")
    assert set(table["split"]) == {"train+more"}
    thumbnails = sorted((results / "review/thumbnails").glob("shard_*"))
    assert sum(len(list(folder.glob("*.jpg"))) for folder in thumbnails) == len(train | more)


def test_true_masks_are_those_of_the_json(run, dataset):
    masks = run[0].run_folder / "results/reference/true_masks/SegmentationClass"
    assert {path.stem for path in masks.iterdir() if path.suffix == ".png"} == set(dataset[1])
    for name, classes in dataset[1].items():
        expected = np.where((classes == 0) | (classes == 255), 0, classes + 1)  # COCO has no void at the edges
        assert (read_labels(masks / f"{name}.png") == expected).all()


def test_simple_images_are_tagged_and_get_proxies(run, dataset):
    *_, counts, simple = dataset
    results = run[0].run_folder / "results"
    tags = read_tags(results / "tags/partition.csv")
    assert Counter(tags["image_id"]) == counts
    masks = results / "proxy_masks/partition/SegmentationClass"
    tagged = set(tags["image_id"][tags["label"] > 0]) & set(simple)
    assert tagged
    assert {
        path.relative_to(masks).with_suffix("").as_posix() for path in masks.rglob("simple_images/*/*.png")
    } == tagged


def test_only_photos_with_masks_are_judged(run, dataset):
    """The instances found are the true ones, so their recall, and all of the reference that knows the masks, is 1."""
    _, _, counts, simple = dataset
    n = sum(count for name, count in counts.items() if name not in simple)
    assert metric(run, "results/evaluation/salient_instances.csv", "recall50") == (1, n)
    assert metric(run, "results/reference/evaluation/proxy_masks/oracle.csv", "miou") == (1, N_TRAIN)
    assert metric(run, "results/reference/evaluation/proxy_instances/oracle.csv", "ap")[0] == pytest.approx(1)
    assert metric(run, "results/evaluation/tags/partition.csv", "accuracy")[1] == n
    assert metric(run, "results/evaluation/proxy_masks/partition.csv", "miou")[1] == N_TRAIN


def test_what_has_no_masks_is_not_judged(run):
    """Simple images alone train; the photos that evaluate the networks stay."""
    project, changes = run
    simple = {"train_on": "simple", "train": "train"}
    jobs = project.pending("all", changes=changes | {"dataset": changes["dataset"] | simple})
    assert jobs["index_images"] == 1
    assert not {"tag_oracle", "evaluate_tags", "evaluate_proxy_masks", "evaluate_salient_instances"} & set(jobs)
    assert {"evaluate_semantic", "rasterise_ground_truth", "write_proxy_masks"} <= set(jobs)
