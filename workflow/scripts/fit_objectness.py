"""Fit how surely an instance shows an object, on photos with instance masks that did not train S4Net."""

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import metric_table
from aisi.formats.masks import read_labels
from aisi.formats.metrics import write_metrics
from aisi.formats.objectness import write_calibration, write_objectness_model
from aisi.labels import ALL
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.salient_instances.detection import detect
from aisi.salient_instances.objectness import (
    area_under_curve,
    calibration,
    cross_validate,
    describe,
    fit,
    shows_object,
)
from aisi.salient_instances.pictures import list_pictures
from aisi.salient_instances.s4net import load_s4net
from aisi.training.weights import pick_device

SETTINGS = ("score_threshold", "max_instances", "nms_iou", "max_covered", "scales", "flip", "tiles")


def main(weights, root, split, settings, threads, model_path, metrics_path, calibration_path):
    """Write the model, and how good it is on photos that did not fit it, beside the detector's own score."""
    found = list(detections(load_s4net(weights, pick_device(threads)), list_pictures(root, split), settings))
    photos, features, scores, is_object = map(np.concatenate, zip(*found, strict=True))
    model = fit(features, is_object)
    values = {"score": scores, "objectness": cross_validate(features, is_object, photos)}
    rows, curves = [], []
    for name, value in values.items():
        rows += [
            (f"auc_{name}", ALL, area_under_curve(value, is_object), len(value)),
            (f"mean_{name}", ALL, float(value.mean()), len(value)),
        ]
        curves.append(calibration(name, value, is_object))
    rows.append(("objects", ALL, float(is_object.mean()), len(is_object)))
    for metric, _, value, n in rows:
        print(f"{metric}: {value:.3f} ({n} instances)")
    write_objectness_model(model_path, model)
    protocol = "photos that did not fit the model, by cross-validation"
    write_metrics(
        metrics_path, metric_table(rows, task="salient_instances", split=split, network="s4net", protocol=protocol)
    )
    write_calibration(calibration_path, pd.concat(curves, ignore_index=True))


def detections(model, pairs, settings):
    """Photo's number, features, score, and whether it shows an object, of the instances of each photo that has some."""
    for number, (photo_path, labels_path) in enumerate(progress(pairs, unit="photo")):
        boxes, scores, masks = detect(model, read_photo(photo_path), **settings)
        if masks:
            labels = read_labels(labels_path)
            objects = np.array([shows_object(mask, labels) for mask in masks])
            yield np.full(len(masks), number), describe(boxes, scores, masks), scores, objects


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            weights=snakemake.input.weights,
            root=snakemake.params.root,
            split=snakemake.params.split,
            settings={name: snakemake.params[name] for name in SETTINGS},
            threads=snakemake.threads,
            model_path=snakemake.output.model,
            metrics_path=snakemake.output.metrics,
            calibration_path=snakemake.output.calibration,
        )
