"""Judge a trained network's predictions by VOC's mean IoU against the true masks."""

from aisi.evaluation.ground_truth import photos_with_masks, read_label_map
from aisi.evaluation.metrics import metric_table, segmentation_metrics
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.progress import log_to, progress


def main(predictions, images, categories, masks, assignment, network, seed, split, protocol, output):
    """Count the photos that have a true mask."""
    names = read_categories(categories)["name"]
    judged = photos_with_masks(read_images(*images), masks)
    rows = segmentation_metrics(read_pairs(judged, masks, predictions, len(names)), names)
    head = {"assignment": assignment, "network": network, "seed": seed, "task": "semantic", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol=protocol))


def read_pairs(photos, masks, predictions, n_labels):
    """True mask and prediction, one photo at a time."""
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        yield read_label_map(masks, photo, n_labels), read_label_map(predictions, photo, n_labels)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            predictions=snakemake.input.predictions,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            assignment=snakemake.wildcards.assignment,
            network=snakemake.wildcards.network,
            seed=snakemake.wildcards.seed,
            split=snakemake.params.split,
            protocol=snakemake.params.protocol,
            output=snakemake.output.metrics,
        )
