"""Take over class-agnostic instances that were made elsewhere."""

from aisi.formats.dataset import read_images
from aisi.formats.instances import new_salient_instances
from aisi.progress import log_to, progress
from aisi.salient_instances.imported import from_coco, from_masks


def main(images, coco, masks, output):
    """Write a shard's instances from COCO JSON if ``coco`` is given, else from a folder of PNGs."""
    photos = read_images(images)
    found = from_coco(coco, photos) if coco else from_masks(masks, photos)
    with new_salient_instances(output) as writer:
        for instances in progress(found, total=len(photos), desc="photos"):
            writer.append(*instances)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            coco=snakemake.params.coco,
            masks=snakemake.params.masks,
            output=snakemake.output.salient_instances,
        )
