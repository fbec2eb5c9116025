"""Evaluate tags and proxy masks of all assignments of an experiment, without writing proxy masks."""

import pandas as pd

from aisi.evaluation.annotations import read_annotated_truth
from aisi.evaluation.assignments import evaluate_proxies, evaluate_tags
from aisi.evaluation.ground_truth import listed_photos, photos_with_masks, read_truth
from aisi.evaluation.metrics import count_table, metric_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.formats.photo_counts import write_photo_counts
from aisi.formats.tags import read_tags
from aisi.planning.protocols import PROTOCOLS, instance_protocol
from aisi.progress import log_to
from aisi.proxy_masks import read_shards, tagged_photos


def main(
    tags_paths,
    rows,
    oracle_path,
    images_paths,
    salient_instances_paths,
    categories_path,
    annotations_paths,
    masks_folder,
    objects_folder,
    list_paths,
    split,
    metrics_path,
    counts_path,
):
    """Evaluate the tags of each row (assignment, seed) as rules evaluate_tags and evaluate_proxy_* do."""
    categories, photos = read_categories(categories_path), read_images(*images_paths)
    oracle, *tables = [read_tags(path, categories=categories) for path in [oracle_path, *tags_paths]]
    with_masks = photos_with_masks(photos, masks_folder)
    with_objects = with_masks[:0]
    annotated = read_annotated_truth(annotations_paths, photos, categories) if annotations_paths else None
    if objects_folder and not annotated:
        with_objects = photos_with_masks(listed_photos(with_masks, list_paths), objects_folder)
    shards = list(read_shards(images_paths, salient_instances_paths))
    tagged = zip(*(tagged_photos(shards, table, categories) for table in tables), strict=True)
    truth = read_truth(photos, with_masks, with_objects, masks_folder, objects_folder, len(categories))
    proxies = evaluate_proxies(zip(tagged, truth, strict=True), len(rows), categories.names, annotated)
    protocols = PROTOCOLS | {"proxy_instance": instance_protocol(bool(annotations_paths))}
    tags = [evaluate_tags(table, oracle, with_masks["image_id"], categories.names) for table in tables]
    metrics, counts = [], []
    for (assignment, seed), own_tags, own_proxies in zip(rows, tags, proxies, strict=True):
        for task, evaluation in ({"tags": own_tags} | own_proxies).items():
            head = {"assignment": assignment, "seed": seed, "task": task, "split": split, "protocol": protocols[task]}
            metrics.append(metric_table(evaluation.rows, **head))
            counts.append(count_table(evaluation.counts, **head))
    write_metrics(metrics_path, pd.concat(metrics, ignore_index=True))
    write_photo_counts(counts_path, pd.concat(counts, ignore_index=True))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags_paths=snakemake.input.tags,
            rows=snakemake.params.rows,
            oracle_path=snakemake.input.oracle,
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            categories_path=snakemake.input.categories,
            annotations_paths=snakemake.input.annotations,
            masks_folder=snakemake.input.masks,
            objects_folder=snakemake.input.objects,
            list_paths=snakemake.input.listed,
            split=snakemake.params.split,
            metrics_path=snakemake.output.metrics,
            counts_path=snakemake.output.counts,
        )
