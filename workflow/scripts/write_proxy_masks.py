"""Write each photo's proxy: a palette PNG, and its tagged instances in COCO's format."""

from pathlib import Path

from aisi.files import inside
from aisi.formats.coco import write_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.masks import write_labels
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, proxy_mask, tagged_photos


def main(images, salient_instances, tags, categories, noisy_pixels, missing_keywords, masks, coco):
    """Go through the shards; photos in which no instance has a tag leave no trace."""
    categories, tags = read_categories(categories), read_tags(tags)
    Path(masks).mkdir(parents=True, exist_ok=True)
    objects = CocoInstances(categories)
    shards = zip(map(read_images, images), map(read_salient_instances, salient_instances), strict=True)
    for photo in progress(tagged_photos(shards, tags, categories), total=len(read_images(*images)), unit="photo"):
        proxy = proxy_mask(photo.masks, photo.labels, photo.keywords, noisy_pixels, missing_keywords)
        if proxy is not None:
            write_labels(inside(masks, f"{photo.image_id}.png"), proxy)
            objects.add(photo)
    write_coco(coco, objects.content)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            tags=snakemake.input.tags,
            categories=snakemake.input.categories,
            noisy_pixels=snakemake.params.noisy_pixels,
            missing_keywords=snakemake.params.missing_keywords,
            masks=snakemake.output.masks,
            coco=snakemake.output.coco,
        )
