"""What salient instances give, from S4Net and other sources: what is found, and the proxies of each assignment.

    python benchmarks/instances.py config/photos.yaml "everyday: S4Net=runs/everyday/results" \
        "VOC mini: S4Net=runs/voc_mini/results,LIST" --figures runs/instances.csv

Each folder holds the results of a run with true masks, as benchmarks/settings.py reads it. LIST, if given, names the
photos whose true instances are sure (VOC mini: train_instances.txt): they alone count for recall50 and AP.

``mIoU with right tags`` is that of proxies whose tags are all those of the true masks. ``noise`` is the share of
instances of no category. The assignments are ``random``, ``attention``, ``paper`` and ``partition`` with each r of
``RETENTIONS``, with the settings of the config, for the seeds of benchmarks/settings.py. ``CPU seconds`` are those of
the jobs that find the instances, with the start of Python; attention maps are not in it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import settings as sets
import yaml

from aisi.evaluation import halves
from aisi.evaluation.assignments import evaluate_proxies, evaluate_tags
from aisi.evaluation.ground_truth import listed_photos
from aisi.evaluation.metrics import recall_metrics
from aisi.formats.coco import read_instances
from aisi.formats.instances import rows_by_photo
from aisi.formats.masks import read_labels
from aisi.labels import ALL, IGNORE, NOISY
from aisi.masks import outside_void
from aisi.partition import solve
from aisi.partition.tags import as_partition, balance_categories, batch_problem, no_graph, tag_table
from aisi.planning.assignments import PAPER
from aisi.proxy_masks import tagged_photos
from aisi.report.tables import markdown

RULES = ("detect_salient_instances", "prompt_salient_instances")


RETENTIONS = (1.0, 0.95)


def measure(name, results, listed, configured):
    """A row of figures for each assignment of one run."""
    split, graphs = sets.read_split(results), {}
    photos, instances, names = split.photos, split.instances, split.categories.names
    variants = {"paper": PAPER} | {f"partition, r {r:g}": configured | {"retention": r} for r in RETENTIONS}
    scores = [(seed, sets.scores_of(results, seed)) for seed in sets.SEEDS]
    balance = configured["balance_categories"]
    tables = {
        kind: [without_graph(split, of_seed, balance, kind, seed) for seed, of_seed in scores]
        for kind in ("random", "attention")
    }
    for title, settings in variants.items():
        tables[title] = [halves.assign(split, of_seed, settings, graphs) for _, of_seed in scores]
    proxies = results / "reference/proxy_masks/ground_truth"
    objects = read_instances(proxies / "instances.json", split.categories)
    listing = [listed] if listed else []
    sure, rows_of = set(listed_photos(photos, listing)["image_id"]), rows_by_photo(instances.image_ids)
    truths, pairs = [], []
    for image_id in photos["image_id"]:
        labels = read_labels(proxies / "SegmentationClass" / f"{image_id}.png")
        true_labels, _, true_masks = objects.get(image_id, ([], [], []))
        truth = np.asarray(true_labels, np.int64), true_masks, labels == IGNORE
        truths.append((labels, truth if image_id in sure else None))
        if image_id in sure:
            found = outside_void(instances.masks[rows_of.get(image_id, slice(0))], truth[2])[1]
            pairs.append((*truth[:2], found))
    every = [split.oracle, *(table for of_kind in tables.values() for table in of_kind)]
    tagged = zip(*(tagged_photos([(photos, instances)], table, split.categories) for table in every), strict=True)
    oracle, *figures = evaluate_proxies(zip(tagged, truths, strict=True), len(every), names)
    found = {
        "photos": name.partition(": ")[0],
        "instances": name.partition(": ")[2],
        "recall50": recall_metrics(pairs, names)[0][2],
        "mIoU with right tags": value(oracle["proxy_semantic"].rows, "miou"),
        "instances a photo": len(instances) / len(photos),
        "noise": (split.oracle["label"] == NOISY).mean(),
        "CPU seconds a photo": seconds(results) / len(photos),
    }
    for kind, of_kind in tables.items():
        part = [figures.pop(0) for _ in of_kind]
        tags = [evaluate_tags(table, split.oracle, set(photos["image_id"]), names) for table in of_kind]
        yield found | {
            "assignment": kind,
            **spread("mIoU", [value(row["proxy_semantic"].rows, "miou") for row in part]),
            **spread("AP", [value(row["proxy_instance"].rows, "ap") for row in part]),
            **spread("accuracy_objects", [value(evaluated.rows, "accuracy_objects") for evaluated in tags]),
        }


def without_graph(split, scores, balance, solver, seed):
    """Tags of ``random`` or ``attention``, as rule solve_baseline makes them."""
    n = len(split.instances)
    weighed = balance_categories(scores, balance)
    nodes, problem = batch_problem(no_graph(n), 0, weighed, np.full(n, -1), beta=1.0, retention=1)
    partition = as_partition(nodes, problem, solve(problem, solver, seed=seed))
    return tag_table([partition], split.instances, scores, split.photos, split.categories)


def value(rows, metric):
    """One of the figures over all categories."""
    return next(number for found, category, number, _ in rows if (found, category) == (metric, ALL))


def spread(name, values):
    """Mean and standard deviation of the seeds."""
    return {name: np.mean(values), f"{name} sd": np.std(values, ddof=1)}


def seconds(results):
    """CPU seconds of the jobs that find the instances."""
    files = [path for rule in RULES for path in results.glob(f"benchmarks/{rule}/train/*.tsv")]
    return sum(pd.read_csv(path, sep="\t")["cpu_time"].sum() for path in files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="whose settings of graph and partition count")
    parser.add_argument("runs", nargs="+", help="PHOTOS: INSTANCES=RESULTS or the same,LIST")
    parser.add_argument("--figures", type=Path, required=True, help="CSV of all figures; rows of other runs stay")
    arguments = parser.parse_args()
    config = yaml.safe_load((sets.ROOT / arguments.config).read_text())
    given = config["graph"] | config["partition"]
    chosen = {key: given.get(key, value) for key, value in PAPER.items()}
    table = pd.read_csv(arguments.figures) if arguments.figures.is_file() else pd.DataFrame()
    for argument in arguments.runs:
        title, _, rest = argument.partition("=")
        folder, _, sure_list = rest.partition(",")
        rows = pd.DataFrame(measure(title, Path(folder), sure_list or None, chosen))
        if len(table):
            table = table[table["photos"] + ": " + table["instances"] != title]
        table = pd.concat([table, rows])
        arguments.figures.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(arguments.figures, index=False, lineterminator="\n")
    print(markdown(table.round(3)))
