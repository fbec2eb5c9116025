"""Compare features of softmax alone with softmax and centre loss (PAPER §3.2 eq. 3), with equal training, in one run.

    python benchmarks/centre_loss.py RESULTS
    python benchmarks/centre_loss.py RESULTS --weights 0 0.001 0.1 --epochs 3

RESULTS is the folder results/ of a finished demo. Every fourth category of its single objects is held out. The
extractor is trained on the others as config/config.yaml says. For the held-out photos the table has the mean cosine
of two features of the same category and of different categories, and the share of edges of their graph (k = 3) inside
a category. For the demo's salient instances it has the same share, and the accuracy of the tags of `partition` with
these features.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

import train_feature_extractor  # noqa: E402
from aisi.evaluation.metrics import tag_metrics  # noqa: E402
from aisi.features import FeatureExtractor, extract, load_extractor, read_crops  # noqa: E402
from aisi.formats.dataset import read_images  # noqa: E402
from aisi.formats.instances import read_salient_instances  # noqa: E402
from aisi.formats.scores import read_scores  # noqa: E402
from aisi.formats.tags import read_tags  # noqa: E402
from aisi.graph import build_graph  # noqa: E402
from aisi.partition import solve  # noqa: E402
from aisi.partition.tags import Objective, batch_problem  # noqa: E402
from aisi.photos import read_photo  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402
from aisi.training.augmentation import to_tensor, warp  # noqa: E402

DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
CPU = torch.device("cpu")


def divide(pictures, folder):
    """Link every fourth category into ``held_out``, the others into ``train``, below a folder."""
    for number, category in enumerate(sorted(path for path in pictures.iterdir() if path.is_dir())):
        part = folder / ("held_out" if number % 4 == 0 else "train")
        part.mkdir(exist_ok=True)
        (part / category.name).symlink_to(category.resolve())
    return folder / "train", folder / "held_out"


def train(root, weight, epochs, folder, features):
    """Train an extractor with a weight of the centre loss; None gives the ImageNet backbone as it is."""
    if weight is None:
        return FeatureExtractor(features["network"]["backbone"], "imagenet").eval()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train_feature_extractor.main(
            photos_folder=root,
            backbone=features["network"]["backbone"],
            pretrained="imagenet",
            crop_size=features["crop_size"],
            pretrained_classifier=False,
            centre_loss=features["training"]["centre_loss"] | {"centre_weight": weight},
            recipe=features["training"]["recipe"] | {"epochs": epochs},
            threads=1,
            code=str(weight),
            weights_path=folder / f"{weight}.safetensors",
            log_path=folder / f"{weight}.csv",
            times_path=None,
        )
    return load_extractor(folder / f"{weight}.safetensors", CPU)


def judge_held_out(extractor, root):
    """Mean cosine within and between the categories of a folder, and the share of edges inside a category."""
    samples, features = ImageFolder(root).samples, DEFAULT["features"]
    size = (features["crop_size"],) * 2
    crops = (to_tensor(warp(read_photo(path), size))[None] for path, _ in samples)
    vectors = np.concatenate(list(extract(extractor, crops, features["batch_size"], features["flip"])))
    kinds = np.array([kind for _, kind in samples])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, same = unit @ unit.T, kinds[:, None] == kinds
    one, two = build_graph(vectors, DEFAULT["graph"]["k"], quiet=True).edges.T
    purity = float((kinds[one] == kinds[two]).mean())
    own = np.eye(len(kinds), dtype=bool)
    return {"within": cosines[same & ~own].mean(), "between": cosines[~same].mean(), "purity": purity}


def read_run(results, features):
    """Photos of a run, their salient instances, and batches of crops of the instances."""
    shards = sorted(results.glob("images/train/shard_*.csv"))
    images = read_images(*shards, roots={"dataset.root": results / "demo"})
    instances = read_salient_instances(*sorted(results.glob("salient_instances/train/shard_*.h5")))
    paths = dict(zip(images["image_id"], images["path"], strict=True))
    own = instances.image_ids, instances.boxes, instances.masks
    crops = read_crops(*own, paths, features["crop_size"], features["padding"], features["background"])
    return images, instances, crops


def judge_tags(extractor, results, config):
    """Accuracy of the tags of ``partition`` with these features of a run, and the share of edges inside a category."""
    features, partition, graph = config["features"], config["partition"], config["graph"]
    _, instances, crops = read_run(results, features)
    scores = read_scores(*sorted(results.glob("scores/train/shard_*.h5")), rows=None)
    vectors = np.concatenate(list(extract(extractor, crops, features["batch_size"], features["flip"])))
    keywords = (scores.offsets, scores.labels) if graph["shared_keywords_only"] else None
    edges = build_graph(vectors, graph["k"], keywords, graph["centre_features"], quiet=True)
    objective = Objective(*(partition[name] for name in ("beta", "balance_categories", "objectness_weight")))
    scores = objective.weigh(scores, instances.scores)
    free = np.full(len(instances), -1)
    nodes, problem = batch_problem(edges, 0, scores, free, objective.beta, partition["r"])
    labels = np.zeros(len(instances), np.int64)
    labels[nodes] = solve(problem, solver=partition["solver"], gap=partition["gap"]).labels
    truth = read_tags(results / "reference/tags/oracle.csv")
    assert truth["image_id"].tolist() == list(instances.image_ids)
    true = truth["label"].to_numpy()
    one, two = edges.edges[np.all(true[edges.edges] > 0, axis=1)].T
    rows = tag_metrics(labels, true, np.array([len(names) for names in truth["keywords"]]), [])
    accuracies = {metric: value for metric, _, value, _ in rows if metric.startswith("accuracy")}
    return {"edges of one category": float((true[one] == true[two]).mean()), **accuracies}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--weights", nargs="+", type=float, default=[0.0, 0.001])
    parser.add_argument("--epochs", type=int, default=DEFAULT["features"]["training"]["recipe"]["epochs"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        roots = divide(arguments.results / "demo_single_objects", Path(folder))
        for weight in [None, *arguments.weights]:
            started = process_time()
            extractor = train(roots[0], weight, arguments.epochs, Path(folder), DEFAULT["features"])
            seconds = process_time() - started
            title = "not trained" if weight is None else "softmax" + (f" + {weight:g} centre loss" if weight else "")
            judged = judge_held_out(extractor, roots[1]) | judge_tags(extractor, arguments.results, DEFAULT)
            rows.append({"features": title, "CPU seconds": round(seconds), **judged})
            print(rows[-1], file=sys.stderr, flush=True)
    print(markdown(pd.DataFrame(rows)))
