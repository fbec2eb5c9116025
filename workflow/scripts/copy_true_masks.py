"""Write the true masks as proxies: the reference row that tells what the networks can reach."""

from pathlib import Path

from aisi.evaluation.ground_truth import photos_with_masks, read_label_map, true_instances
from aisi.files import inside
from aisi.formats.coco import write_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, tagged_photos


def main(images, categories, masks, objects, copies, coco):
    """Photos without a true mask get no proxy; without instance masks there is no ``coco``."""
    categories = read_categories(categories)
    n_labels = len(categories)
    photos = photos_with_masks(read_images(*images), masks)
    with_objects = photos_with_masks(photos, objects) if objects else photos[:0]
    instances, tags = true_instances(with_objects, objects, masks, n_labels)
    found, listed = CocoInstances(categories), set(with_objects["image_id"])
    Path(copies).mkdir(parents=True, exist_ok=True)
    for photo in progress(tagged_photos([(photos, instances)], tags, categories), total=len(photos), unit="photo"):
        write_labels(inside(copies, f"{photo.image_id}.png"), read_label_map(masks, photo, n_labels))
        if photo.image_id in listed:
            found.add(photo)
    if coco:
        write_coco(coco, found.content)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects,
            copies=snakemake.output.masks,
            coco=snakemake.output.get("coco"),
        )
