"""Evaluate the salient instances: the share of true instances that they find."""

from aisi.evaluation.ground_truth import listed_photos, photos_with_masks, read_objects
from aisi.evaluation.metrics import metric_table, recall_metrics
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances, rows_by_photo
from aisi.formats.metrics import write_metrics
from aisi.labels import ALL
from aisi.masks import check_sizes, outside_void
from aisi.progress import log_to, progress


def main(
    images_paths,
    salient_instances_paths,
    categories_path,
    masks_folder,
    objects_folder,
    list_paths,
    seed,
    split,
    metrics_path,
):
    """Count the photos that have true masks of both kinds and, if there is a list, are on it."""
    names, photos = read_categories(categories_path).names, read_images(*images_paths)
    instances = read_salient_instances(*salient_instances_paths)
    with_masks = photos_with_masks(listed_photos(photos, list_paths), objects_folder)
    with_masks = photos_with_masks(with_masks, masks_folder)
    rows = recall_metrics(read_pairs(with_masks, instances, masks_folder, objects_folder, len(names)), names)
    rows.append(("instances_per_photo", ALL, len(instances) / max(1, len(photos)), len(photos)))
    head = {"seed": seed, "task": "salient_instances", "split": split}
    write_metrics(metrics_path, metric_table(rows, **head, protocol="class-agnostic, void pixels left out"))


def read_pairs(photos, instances, masks_folder, objects_folder, n_labels):
    """True instances and salient ones, one photo at a time."""
    rows_of = rows_by_photo(instances.image_ids)
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        true_labels, true_masks, void = read_objects(objects_folder, masks_folder, photo, n_labels)
        found = check_sizes(instances.masks[rows_of.get(photo.image_id, slice(0, 0))], photo)
        yield true_labels, true_masks, outside_void(found, void)[1]


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            objects_folder=snakemake.input.objects,
            list_paths=snakemake.input.listed,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            metrics_path=snakemake.output.metrics,
        )
