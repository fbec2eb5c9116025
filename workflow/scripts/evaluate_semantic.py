"""Evaluate label maps, of a network or of the proxy masks, by VOC's mean IoU against the true masks."""

import numpy as np

from aisi.evaluation.ground_truth import photos_with_masks, read_label_map
from aisi.evaluation.metrics import count_table, evaluate_label_maps, metric_table
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.formats.photo_counts import write_photo_counts
from aisi.progress import log_to, progress


def main(label_maps_folder, images_paths, categories_path, masks_folder, missing, head, metrics_path, counts_path):
    """Count the photos that have a true mask; ``missing`` says what a photo without label map is: error, background."""
    names = read_categories(categories_path).names
    photos = photos_with_masks(read_images(*images_paths), masks_folder)
    found = evaluate_label_maps(read_pairs(photos, masks_folder, label_maps_folder, len(names), missing), names)
    write_metrics(metrics_path, metric_table(found.rows, **head))
    write_photo_counts(counts_path, count_table(found.counts, **head))


def read_pairs(photos, masks_folder, label_maps_folder, n_labels, missing):
    """Name, true mask and label map, one photo at a time."""
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        truth = read_label_map(masks_folder, photo, n_labels)
        if missing == "background" and not inside(label_maps_folder, f"{photo.image_id}.png").exists():
            yield photo.image_id, truth, np.zeros_like(truth)
        else:
            yield photo.image_id, truth, read_label_map(label_maps_folder, photo, n_labels)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            label_maps_folder=snakemake.input.label_maps,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            missing=snakemake.params.missing,
            head={
                "assignment": snakemake.wildcards.assignment,
                "network": snakemake.params.network,
                "seed": snakemake.params.seed,
                "task": snakemake.params.task,
                "split": snakemake.params.split,
                "protocol": snakemake.params.protocol,
            },
            metrics_path=snakemake.output.metrics,
            counts_path=snakemake.output.counts,
        )
