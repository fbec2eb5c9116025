"""Draw the true instances of COCO's JSON as masks, for evaluation and references alone."""

from pathlib import Path

from aisi.evaluation.annotations import annotated_objects, label_maps
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress


def main(annotations_paths, images_paths, categories_path, class_masks_folder, object_masks_folder):
    """Write a class mask and an instance mask of each photo that is in one of the JSON files."""
    images, categories = read_images(*images_paths), read_categories(categories_path)
    for folder in (class_masks_folder, object_masks_folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for path in annotations_paths:
        for photo, labels, masks in progress(annotated_objects(path, images, categories), unit="photo"):
            classes, objects = label_maps(labels, masks, (photo.height, photo.width))
            write_labels(inside(class_masks_folder, f"{photo.image_id}.png"), classes)
            write_labels(inside(object_masks_folder, f"{photo.image_id}.png"), objects)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            annotations_paths=snakemake.input.annotations,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            class_masks_folder=snakemake.output.class_masks,
            object_masks_folder=snakemake.output.object_masks,
        )
