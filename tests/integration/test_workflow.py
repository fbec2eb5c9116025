"""Every file of a whole run is read back, and says the same as those it was made from."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as rle

from aisi.formats.attention import open_attention
from aisi.formats.coco import read_coco
from aisi.formats.dataset import read_categories, read_images, read_rejected_images
from aisi.formats.features import read_features
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.masks import read_labels
from aisi.formats.metrics import read_metrics
from aisi.formats.partition import read_partition
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.training.weights import load_weights

ASSIGNMENTS = ["attention", "partition"]
SHARDS = ["shard_0", "shard_1"]


@pytest.fixture(scope="module")
def results(finished):
    return finished.run_folder / "results"


@pytest.fixture(scope="module")
def images(results):
    return read_images(*(results / f"images/train/{shard}.csv" for shard in SHARDS))


@pytest.fixture(scope="module")
def categories(results):
    return read_categories(results / "categories.csv")


@pytest.fixture(scope="module")
def instances(results):
    return read_salient_instances(*(results / f"salient_instances/train/{shard}.h5" for shard in SHARDS))


@pytest.fixture(scope="module")
def scores(results, instances):
    return read_scores(*(results / f"scores/train/{shard}.h5" for shard in SHARDS), rows=instances.rows)


def labels_of(images, categories):
    """Map image_id to the ascending labels of its keywords."""
    return {row.image_id: sorted(categories.label_of[name] for name in row.keywords) for row in images.itertuples()}


def test_images(finished, images, categories, results):
    assert len(images) == 12 and images["image_id"].is_unique
    assert categories.labels == range(1, 11)
    assert set().union(*images["keywords"]) <= set(categories.names)
    assert len(read_rejected_images(results / "rejected_images.csv")) == 0
    for row in images.itertuples():
        with Image.open(finished.run_folder / row.path.replace("dataset.root", "results/demo", 1)) as photo:
            assert photo.size == (row.width, row.height)


def test_salient_instances(images, instances):
    sizes = {row.image_id: [row.height, row.width] for row in images.itertuples()}
    assert len(instances) > 12
    for i in range(len(instances)):
        mask, (x0, y0, x1, y1) = instances.masks[i], instances.boxes[i]
        assert mask["size"] == sizes[instances.image_ids[i]]
        assert rle.toBbox(mask).tolist() == [x0, y0, x1 - x0, y1 - y0]
    photos = pd.DataFrame({"image_id": instances.image_ids, "id": instances.instance_ids, "score": instances.scores})
    for _, photo in photos.groupby("image_id"):
        assert photo["id"].tolist() == list(range(len(photo))) and len(photo) <= 3
        assert photo["score"].is_monotonic_decreasing


def test_shards_divide_the_photos(results):
    shards = [read_images(results / f"images/train/{shard}.csv")["image_id"] for shard in SHARDS]
    assert min(map(len, shards)) > 0 and not set(shards[0]) & set(shards[1])
    for shard, ids in zip(SHARDS, shards, strict=True):
        found = read_salient_instances(results / f"salient_instances/train/{shard}.h5")
        assert set(found.image_ids) <= set(ids)


def test_attention_and_scores(results, images, categories, instances, scores):
    keywords = labels_of(images, categories)
    for shard in SHARDS:
        with open_attention(results / f"attention/train/{shard}.h5") as attention:
            for image_id in read_images(results / f"images/train/{shard}.csv")["image_id"]:
                labels, maps = attention[image_id]
                assert labels.tolist() == keywords[image_id]
                assert maps.min() >= 0 and maps.max() <= 1
    candidates = np.split(scores.labels, scores.offsets[1:-1])
    assert [list(labels) for labels in candidates] == [keywords[image_id] for image_id in instances.image_ids]
    assert scores.scores.min() >= 0 and scores.scores.max() <= 1


def test_features_and_graph(results, instances):
    features = read_features(*(results / f"features/train/{shard}.h5" for shard in SHARDS), rows=instances.rows)
    assert len(features) == len(instances) and np.isfinite(features).all()
    graph = read_graph(results / "graph/train/dataset.npz", rows=instances.rows)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[graph.edges[:, 0], graph.edges[:, 1]]
    assert graph.n_nodes == len(instances)
    np.testing.assert_allclose(graph.weights, cosines + 1, atol=1e-5)
    assert np.bincount(graph.edges.ravel(), minlength=graph.n_nodes).min() >= 3


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_partition_and_tags(results, assignment, categories, instances, scores):
    solution = read_partition(results / f"partition/{assignment}/job_0/batch_0.npz", rows=instances.rows)
    tags = read_tags(results / f"tags/{assignment}.csv", instances.rows, categories)
    assert sorted(solution.instances) == list(range(len(instances)))
    assert tags["label"].tolist() == solution.labels[np.argsort(solution.instances)].tolist()
    assert tags["tag"].tolist() == [categories.name_of[label] for label in tags["label"]]
    assert tags["image_id"].tolist() == list(instances.image_ids)
    assert tags[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == instances.boxes.tolist()
    kept = int(0.95 * len(instances)) if assignment == "partition" else len(instances)
    assert (tags["label"] > 0).sum() == kept
    for row in tags[tags["label"] > 0].itertuples():
        assert row.tag in row.keywords
    if assignment == "attention":
        for row, first, last in zip(tags.itertuples(), scores.offsets, scores.offsets[1:], strict=False):
            assert row.label == scores.labels[first + np.argmax(scores.scores[first:last])]


@pytest.mark.parametrize("home", ["results/proxy_masks/partition", "results/reference/proxy_masks/oracle"])
def test_proxy_masks(finished, home, images):
    folder = finished.run_folder / home
    tags = read_tags(folder.parents[1] / "tags" / f"{folder.name}.csv")
    tagged = tags[tags["label"] > 0].groupby("image_id")["label"].agg(set)
    assert {file.stem for file in folder.glob("SegmentationClass/*.png")} == set(tagged.index)
    sizes = images.set_index("image_id")[["height", "width"]]
    for image_id, labels in tagged.items():
        mask = read_labels(folder / "SegmentationClass" / f"{image_id}.png")
        assert mask.shape == tuple(sizes.loc[image_id])
        assert set(np.unique(mask)) <= labels | {0, 255}
    coco = read_coco(folder / "instances.json")
    assert len(coco["annotations"]) == (tags["label"] > 0).sum()


def test_networks(results):
    run = results / "semantic/partition/light/seed-0"
    weights = {
        "s4net": results / "salient_instances/s4net.safetensors",
        "deeplab": run / "weights.safetensors",
    }
    for network, path in weights.items():
        state, _ = load_weights(path, network)
        assert all(tensor.isfinite().all() for tensor in state.values())
        assert len(pd.read_csv(path.with_name("training.csv" if network == "deeplab" else "s4net.csv"))) == 1


def test_predictions(results, categories):
    val = read_images(*(results / f"images/val/{shard}.csv" for shard in SHARDS))
    folder = results / "semantic/partition/light/seed-0/predictions"
    assert {file.stem for file in folder.glob("*.png")} == set(val["image_id"])
    for row in val.itertuples():
        mask = read_labels(folder / f"{row.image_id}.png")
        assert mask.shape == (row.height, row.width) and mask.max() <= len(categories)


def test_metrics(results):
    metrics = read_metrics(results / "metrics.csv")
    assert set(metrics["task"]) == {"tags", "proxy_semantic", "proxy_instance", "semantic", "salient_instances"}
    for task in ("tags", "proxy_semantic", "proxy_instance"):
        assert set(metrics.loc[metrics["task"] == task, "assignment"]) == {*ASSIGNMENTS, "oracle", "paper"}
    shares = metrics[metrics["metric"] != "instances_per_photo"]
    assert shares["value"].dropna().between(0, 1).all()
    oracle = shares[(shares["task"] == "tags") & (shares["assignment"] == "oracle")]
    assert set(oracle.loc[oracle["metric"] == "accuracy", "value"]) == {1.0}


def test_report(finished, results):
    for name in ("assignments", "categories", "training", "examples", "predictions"):
        with Image.open(results / f"report/{name}.png") as figure:
            figure.load()
    assert "partition" in (results / "results.md").read_text()
    finished.finish("--report", "report.html")
    page = (finished.run_folder / "report.html").read_text()
    assert all(f"{name}.png" in page for name in ("assignments", "training", "examples"))
    assert all(f'"{category}":' in page for category in ("Results", "Networks", "Examples"))
    assert "rulegraph_spec = {" in page and "runtimes_spec = {" in page and 'class=\\"formula\\"' in page


def test_the_report_says_what_the_metrics_say(results):
    metrics = read_metrics(results / "metrics.csv")
    metrics = metrics[(metrics["category"] == "all") & (metrics["network"] == "")]
    table = pd.read_csv(results / "report/results.csv").set_index("assignment")
    html, page = (results / "report/results.html").read_text(), (results / "results.md").read_text()
    columns = {"tags: accuracy": ("tags", "accuracy"), "proxies: mIoU": ("proxy_semantic", "miou")}
    for column, (task, metric) in columns.items():
        for row in metrics[(metrics["task"] == task) & (metrics["metric"] == metric)].itertuples():
            assert table.loc[row.assignment, column] == pytest.approx(row.value, abs=1e-6)
            assert f"<td>{row.value:.3f}</td>" in html and f"| {row.value:.3f} |" in page


def test_every_job_left_its_log_and_its_benchmark(results):
    jobs = {str(file.relative_to(results).with_suffix("")) for file in results.glob("**/*.tsv")}
    logs = {str(file.relative_to(results).with_suffix("")) for file in results.glob("**/*.log")}
    assert len(jobs) > 30
    assert {job.replace("benchmarks/", "logs/", 1) for job in jobs} == logs


def test_results_tell_nothing_of_the_machine(finished, results):
    assert not list(results.glob("**/.*.partial*"))
    here = str(finished.home).encode()
    own = [file for file in results.glob("**/*") if file.is_file() and "logs" not in file.parts]
    assert [file for file in own if here in file.read_bytes()] == []


def test_json_is_plain(results):
    coco = json.loads((results / "proxy_masks/partition/instances.json").read_text())
    assert {"images", "annotations", "categories"} <= set(coco)


def test_a_second_run_does_nothing(finished):
    assert finished.pending() == {}
