"""Evaluate instances, of a network or of the tags, by COCO's average precision against the true instances."""

from aisi.evaluation.ground_truth import instance_pairs, listed_photos, photos_with_masks
from aisi.evaluation.metrics import average_precision_metrics, metric_table
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.progress import log_to, progress


def main(instances_path, images_paths, categories_path, masks_folder, objects_folder, list_path, head, metrics_path):
    """Count the photos that have true masks of both kinds and, if there is a list, are on it."""
    categories = read_categories(categories_path)
    photos = listed_photos(read_images(*images_paths), list_path)
    photos = photos_with_masks(photos_with_masks(photos, objects_folder), masks_folder)
    found, names = read_instances(instances_path, categories), categories.names
    rows_of_photos = progress(photos.itertuples(), total=len(photos), unit="photo")
    pairs = instance_pairs(rows_of_photos, masks_folder, objects_folder, found, len(names))
    write_metrics(metrics_path, metric_table(average_precision_metrics(pairs, names), **head))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            instances_path=snakemake.input.instances,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            objects_folder=snakemake.input.objects,
            list_path=snakemake.input.listed or None,
            head={
                "assignment": snakemake.wildcards.assignment,
                "network": snakemake.params.network,
                "seed": snakemake.params.seed,
                "task": snakemake.params.task,
                "split": snakemake.params.split,
                "protocol": snakemake.params.protocol,
            },
            metrics_path=snakemake.output.metrics,
        )
