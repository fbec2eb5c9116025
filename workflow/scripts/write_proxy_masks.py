"""Write the proxy masks of photos: palette PNGs, and the tagged instances in COCO's format."""

from pathlib import Path

from aisi.files import inside
from aisi.formats.coco import write_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.masks import write_labels
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, proxy_mask, tagged_photos


def main(
    images_paths,
    salient_instances_paths,
    tags_path,
    categories_path,
    noisy_pixels,
    missing_keywords,
    masks_folder,
    coco_path,
):
    """Photos get no proxy mask if no instance has a tag."""
    categories = read_categories(categories_path)
    tags = read_tags(tags_path, categories=categories)
    Path(masks_folder).mkdir(parents=True, exist_ok=True)
    coco = CocoInstances(categories)
    shards = zip(map(read_images, images_paths), map(read_salient_instances, salient_instances_paths), strict=True)
    n_photos = len(read_images(*images_paths))
    for photo in progress(tagged_photos(shards, tags, categories), total=n_photos, unit="photo"):
        proxy = proxy_mask(photo.masks, photo.labels, photo.keywords, noisy_pixels, missing_keywords)
        if proxy is not None:
            write_labels(inside(masks_folder, f"{photo.image_id}.png"), proxy)
            coco.add(photo)
    write_coco(coco_path, coco.content)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            noisy_pixels=snakemake.params.noisy_pixels,
            missing_keywords=snakemake.params.missing_keywords,
            masks_folder=snakemake.output.masks,
            coco_path=snakemake.output.coco,
        )
