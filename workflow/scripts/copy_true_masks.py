"""Write the true masks as proxy masks: a reference that shows what the networks can reach."""

from pathlib import Path

from aisi.evaluation.ground_truth import photos_with_masks, read_label_map, true_instances
from aisi.files import inside
from aisi.formats.coco import write_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, tagged_photos


def main(images_paths, categories_path, masks_folder, objects_folder, proxy_masks_folder, coco_path):
    """Photos without a true mask get no proxy mask. Without instance masks there is no ``coco_path``."""
    categories = read_categories(categories_path)
    n_labels = len(categories)
    photos = photos_with_masks(read_images(*images_paths), masks_folder)
    with_objects = photos_with_masks(photos, objects_folder) if objects_folder else photos[:0]
    instances, tags = true_instances(with_objects, objects_folder, masks_folder, n_labels)
    coco, with_objects = CocoInstances(categories), set(with_objects["image_id"])
    Path(proxy_masks_folder).mkdir(parents=True, exist_ok=True)
    for photo in progress(tagged_photos([(photos, instances)], tags, categories), total=len(photos), unit="photo"):
        write_labels(inside(proxy_masks_folder, f"{photo.image_id}.png"), read_label_map(masks_folder, photo, n_labels))
        if photo.image_id in with_objects:
            coco.add(photo)
    if coco_path:
        write_coco(coco_path, coco.content)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            objects_folder=snakemake.input.objects,
            proxy_masks_folder=snakemake.output.masks,
            coco_path=snakemake.output.get("coco"),
        )
