"""Write each photo's proxy: a palette PNG, and its tagged instances in COCO's format."""

from pathlib import Path

from aisi.cam import attended
from aisi.files import inside
from aisi.formats import read_categories, read_images, read_tags, write_coco, write_labels
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, proxy_mask, with_attention


def main(images, salient_instances, attention, tags, categories, noisy_pixels, background_attention, masks, coco):
    """Go through the shards; photos in which no instance has a tag leave no trace. ``attention`` may be empty."""
    categories, tags = read_categories(categories), read_tags(tags)
    Path(masks).mkdir(parents=True, exist_ok=True)
    objects = CocoInstances(categories)
    photos = with_attention(images, salient_instances, attention, tags, categories)
    for photo, maps in progress(photos, total=len(read_images(*images)), unit="photo"):
        unsure = None if maps is None else attended(maps, (photo.height, photo.width), background_attention)
        proxy = proxy_mask(photo.masks, photo.labels, noisy_pixels, unsure)
        if proxy is not None:
            write_labels(inside(masks, f"{photo.image_id}.png"), proxy)
            objects.add(photo)
    write_coco(coco, objects.content)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            attention=snakemake.input.attention,
            tags=snakemake.input.tags,
            categories=snakemake.input.categories,
            noisy_pixels=snakemake.params.noisy_pixels,
            background_attention=snakemake.params.background_attention,
            masks=snakemake.output.masks,
            coco=snakemake.output.coco,
        )
