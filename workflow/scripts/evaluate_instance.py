"""Evaluate instances, of a network or of the tags, by COCO's average precision against the true instances."""

from aisi.evaluation.annotations import found_annotations, read_annotated_truth
from aisi.evaluation.ground_truth import instance_pairs, listed_photos, photos_with_masks
from aisi.evaluation.metrics import count_table, evaluate_annotations, evaluate_instance_pairs, metric_table
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.formats.photo_counts import write_photo_counts
from aisi.masks import check_sizes
from aisi.progress import log_to, progress


def main(
    instances_path,
    images_paths,
    categories_path,
    annotations_paths,
    masks_folder,
    objects_folder,
    list_paths,
    head,
    metrics_path,
    counts_path,
):
    """Evaluate on ``annotations_paths``, a dataset's COCO JSON, if given, else on the true masks of both kinds."""
    categories, photos = read_categories(categories_path), read_images(*images_paths)
    found = read_instances(instances_path, categories)
    if annotations_paths:
        truth = read_annotated_truth(annotations_paths, photos, categories)
        own = found_in_photos(photos, found, truth)
        name_of = {number: image_id for image_id, number in truth.numbers.items()}
        evaluated = evaluate_annotations(truth.annotations, own, name_of, categories.names, name_of)
    else:
        photos = photos_with_masks(listed_photos(photos, list_paths), objects_folder)
        photos = photos_with_masks(photos, masks_folder)
        rows_of_photos = progress(photos.itertuples(), total=len(photos), unit="photo")
        pairs = instance_pairs(rows_of_photos, masks_folder, objects_folder, found, len(categories))
        evaluated = evaluate_instance_pairs(pairs, photos["image_id"], categories.names)
    write_metrics(metrics_path, metric_table(evaluated.rows, **head))
    write_photo_counts(counts_path, count_table(evaluated.counts, **head))


def found_in_photos(photos, found, truth):
    """Annotations of the found instances; predictions name a photo by the JSON's own id, proxy masks by image_id."""
    annotations = []
    for photo in photos[photos["image_id"].isin(list(truth.numbers))].itertuples():
        by_name = found.get(photo.image_id, ([], [], []))
        labels, scores, masks = found.get(truth.ids[photo.image_id], by_name)
        masks = check_sizes(masks, photo)
        annotations += found_annotations(truth.numbers[photo.image_id], labels, scores, masks)
    return annotations


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            instances_path=snakemake.input.instances,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            annotations_paths=snakemake.input.annotations,
            masks_folder=snakemake.input.masks,
            objects_folder=snakemake.input.objects,
            list_paths=snakemake.input.listed,
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
