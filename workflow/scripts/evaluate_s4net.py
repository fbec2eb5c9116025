"""Evaluate S4Net on photos with class-agnostic instance masks, by COCO's average precision."""

import numpy as np

from aisi.evaluation.metrics import average_precision_metrics, metric_table
from aisi.formats.masks import read_labels
from aisi.formats.metrics import write_metrics
from aisi.labels import VOID
from aisi.masks import instances_of_map, outside_void
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.salient_instances.detection import detect
from aisi.salient_instances.pictures import list_pictures
from aisi.salient_instances.s4net import load_s4net
from aisi.training.weights import pick_device

SETTINGS = ("max_instances", "nms_iou", "max_covered", "scales", "flip", "tiles")


def main(weights, root, split, settings, threads, output):
    """Write ap, ap50, ap70 and ap75 over the split's pictures."""
    model = load_s4net(weights, pick_device(threads))
    rows = average_precision_metrics(evaluate(model, list_pictures(root, split), settings), ["instance"])
    rows = [row for row in rows if row[1] == "all"]
    protocol = f"coco, class-agnostic, void pixels left out, {model.masking} masks"
    write_metrics(output, metric_table(rows, task="salient_instances", split=split, network="s4net", protocol=protocol))


def evaluate(model, pairs, settings):
    """True instances and found ones, one picture at a time."""
    for picture, labels in progress(pairs, unit="picture"):
        labels = read_labels(labels)
        # AP ranks all that were kept, whatever their score
        _, scores, masks = detect(model, read_photo(picture), score_threshold=0.0, **settings)
        true_masks = instances_of_map(labels)
        kept, masks = outside_void(masks, labels == VOID)
        yield np.ones(len(true_masks), int), true_masks, np.ones(len(kept), int), scores[kept], masks


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            weights=snakemake.input.weights,
            root=snakemake.params.root,
            split=snakemake.params.split,
            settings={name: snakemake.params[name] for name in SETTINGS},
            threads=snakemake.threads,
            output=snakemake.output.metrics,
        )
