"""What other sources of salient instances give: boxes around attention, a promptable segmenter.

    python benchmarks/instances.py config/photos.yaml "everyday=runs/everyday/results" \
        "VOC mini=runs/voc_mini/results,LIST"

Each folder holds the results of a run with true masks, as benchmarks/settings.py reads it. LIST, if given, names the
photos whose true instances are sure (VOC mini: train_instances.txt): they alone count for recall50 and AP.

``oracle`` is the mean IoU of proxies whose tags are all right. ``noise`` is the share of instances of no category.
``partition`` has the settings of the config, for the seeds of benchmarks/settings.py. ``seconds`` is the CPU time of
the jobs that find the instances, with the start of Python; attention maps are not in it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from settings import PAPER, ROOT, SEEDS, assign, read_run

from aisi.evaluation.assignments import evaluate_proxies
from aisi.evaluation.ground_truth import listed_photos
from aisi.evaluation.metrics import recall_metrics
from aisi.formats.coco import read_instances
from aisi.formats.instances import rows_by_photo
from aisi.formats.masks import read_labels
from aisi.labels import IGNORE, NOISY
from aisi.masks import outside_void
from aisi.proxy_masks import tagged_photos
from aisi.report.tables import markdown

RULES = ("detect_salient_instances", "prompt_salient_instances")


def measure(name, results, listed, settings):
    """Figures of one run."""
    run, graphs = read_run(results), {}
    photos, instances, names = run["photos"], run["instances"], run["categories"].names
    tables = [run["oracle"], *(assign(run, seed, settings, graphs) for seed in SEEDS)]
    objects = read_instances(run["masks"].parent / "instances.json", run["categories"])
    sure, rows_of = set(listed_photos(photos, listed)["image_id"]), rows_by_photo(instances.image_ids)
    truths, pairs = [], []
    for image_id in photos["image_id"]:
        labels = read_labels(run["masks"] / f"{image_id}.png")
        true_labels, _, true_masks = objects.get(image_id, ([], [], []))
        truth = np.asarray(true_labels, np.int64), true_masks, labels == IGNORE
        truths.append((labels, truth if image_id in sure else None))
        if image_id in sure:
            found = outside_void(instances.masks[rows_of.get(image_id, slice(0))], truth[2])[1]
            pairs.append((*truth[:2], found))
    tagged = zip(*(tagged_photos([(photos, instances)], table, run["categories"]) for table in tables), strict=True)
    oracle, *partition = evaluate_proxies(zip(tagged, truths, strict=True), len(tables), names)
    return {
        "run": name,
        "recall50": recall_metrics(pairs, names)[0][2],
        "oracle": value(oracle, "proxy_semantic", "miou"),
        "instances a photo": len(instances) / len(photos),
        "noise": (run["oracle"]["label"] == NOISY).mean(),
        "partition: mIoU": spread([value(row, "proxy_semantic", "miou") for row in partition]),
        "partition: AP": spread([value(row, "proxy_instance", "ap") for row in partition]),
        "seconds a photo": seconds(results) / len(photos),
    }


def value(figures, task, metric):
    """One of the figures over all categories."""
    return next(number for found, category, number, _ in figures[task] if (found, category) == (metric, "all"))


def spread(values):
    """Mean and standard deviation of the seeds."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def seconds(results):
    """CPU seconds of the jobs that find the instances."""
    files = [path for rule in RULES for path in results.glob(f"benchmarks/{rule}/train/*.tsv")]
    return sum(pd.read_csv(path, sep="\t")["cpu_time"].sum() for path in files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="whose settings of graph and partition count")
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS or NAME=RESULTS,LIST")
    arguments = parser.parse_args()
    configured = yaml.safe_load((ROOT / arguments.config).read_text())
    chosen = {key: (configured["graph"] | configured["partition"]).get(key, PAPER[key]) for key in PAPER}
    rows = []
    for argument in arguments.runs:
        title, _, rest = argument.partition("=")
        folder, _, sure_list = rest.partition(",")
        rows.append(measure(title, Path(folder), sure_list or None, chosen))
    print(markdown(pd.DataFrame(rows)))
