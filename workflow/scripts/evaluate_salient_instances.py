"""Judge the salient instances: how many of the dataset's true instances do they meet?"""

from aisi.evaluation.ground_truth import listed_photos, photos_with_masks, read_objects
from aisi.evaluation.metrics import metric_table, recall_metrics
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances, rows_by_photo
from aisi.formats.metrics import write_metrics
from aisi.labels import ALL
from aisi.masks import check_sizes, outside_void
from aisi.progress import log_to, progress


def main(images, salient_instances, categories, masks, objects, listed, seed, split, output):
    """Recall over the photos that have true masks of both kinds and, if there is a list, are on it."""
    names, images = read_categories(categories).names, read_images(*images)
    instances = read_salient_instances(*salient_instances)
    judged = photos_with_masks(photos_with_masks(listed_photos(images, listed), objects), masks)
    rows = recall_metrics(read_pairs(judged, instances, masks, objects, len(names)), names)
    rows.append(("instances_per_photo", ALL, len(instances) / max(1, len(images)), len(images)))
    head = {"seed": seed, "task": "salient_instances", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol="class-agnostic, void pixels left out"))


def read_pairs(photos, instances, masks, objects, n_labels):
    """True instances and salient ones, one photo at a time."""
    rows_of = rows_by_photo(instances.image_ids)
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        true_labels, true_masks, void = read_objects(objects, masks, photo, n_labels)
        found = check_sizes(instances.masks[rows_of.get(photo.image_id, slice(0, 0))], photo)
        yield true_labels, true_masks, outside_void(found, void)[1]


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects,
            listed=snakemake.input.listed or None,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
