"""Judge the tagged instances of an assignment by COCO's average precision against the true instances."""

from aisi.formats import read_categories, read_coco, read_images, write_metrics
from aisi.ground_truth import listed_photos, outside_void, photos_with_masks, read_objects
from aisi.metrics import average_precision_metrics, metric_table
from aisi.progress import log_to, progress
from aisi.proxy_masks import tagged_instances


def main(coco, images, categories, masks, objects, listed, assignment, seed, split, output):
    """Count the photos that have true masks of both kinds and, if there is a list, are on it."""
    categories = read_categories(categories)
    photos = listed_photos(read_images(*images), listed)
    judged = photos_with_masks(photos_with_masks(photos, objects), masks)
    found = tagged_instances(read_coco(coco), categories)
    rows = average_precision_metrics(read_pairs(judged, masks, objects, found, len(categories)), categories["name"])
    head = {"assignment": assignment, "seed": seed, "task": "proxy_instance", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol="coco, void pixels left out"))


def read_pairs(photos, masks, objects, found, n_labels):
    """True instances and tagged ones, one photo at a time."""
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        true_labels, true_masks, void = read_objects(objects, masks, photo, n_labels)
        labels, scores, whole = found.get(photo.image_id, ([], [], []))
        kept, cut = outside_void(whole, void)
        yield true_labels, true_masks, [labels[k] for k in kept], [scores[k] for k in kept], cut


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            coco=snakemake.input.coco,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects,
            listed=snakemake.input.listed or None,
            assignment=snakemake.wildcards.assignment,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
