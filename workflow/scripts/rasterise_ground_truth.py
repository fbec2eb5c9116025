"""Draw the true instances of COCO's JSON as masks, which evaluation and reference rows alone may read."""

from pathlib import Path

from aisi.evaluation.ground_truth import annotated_objects, label_maps
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress


def main(annotations, images, categories, class_masks, object_masks):
    """Write a class mask and an instance mask of each photo that one of the JSON files names."""
    images, categories = read_images(*images), read_categories(categories)
    for folder in (class_masks, object_masks):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for path in annotations:
        for photo, labels, masks in progress(annotated_objects(path, images, categories), unit="photo"):
            classes, objects = label_maps(labels, masks, (photo.height, photo.width))
            write_labels(inside(class_masks, f"{photo.image_id}.png"), classes)
            write_labels(inside(object_masks, f"{photo.image_id}.png"), objects)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            annotations=snakemake.input.annotations,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            class_masks=snakemake.output.class_masks,
            object_masks=snakemake.output.object_masks,
        )
