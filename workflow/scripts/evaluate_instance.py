"""Judge a trained network's instances by COCO's average precision against the true instances."""

from aisi.evaluation.ground_truth import instance_pairs, listed_photos, photos_with_masks
from aisi.evaluation.metrics import average_precision_metrics, metric_table
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.progress import log_to, progress


def main(predictions, images, categories, masks, objects, listed, assignment, network, seed, split, output):
    """Count the photos that have true masks of both kinds and, if there is a list, are on it."""
    categories = read_categories(categories)
    photos = listed_photos(read_images(*images), listed)
    judged = photos_with_masks(photos_with_masks(photos, objects), masks)
    found, names = read_instances(predictions, categories), categories["name"]
    photos = progress(judged.itertuples(), total=len(judged), unit="photo")
    rows = average_precision_metrics(instance_pairs(photos, masks, objects, found, len(names)), names)
    head = {"assignment": assignment, "network": network, "seed": seed, "task": "instance", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol="coco, void pixels left out"))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            predictions=snakemake.input.predictions,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects,
            listed=snakemake.input.listed or None,
            assignment=snakemake.wildcards.assignment,
            network=snakemake.wildcards.network,
            seed=snakemake.wildcards.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
