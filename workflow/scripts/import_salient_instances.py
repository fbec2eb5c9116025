"""Import class-agnostic instances that another program has found."""

from aisi.formats.dataset import read_images
from aisi.formats.instances import new_salient_instances
from aisi.progress import log_to, progress
from aisi.salient_instances.imported import from_coco, from_masks


def main(images_path, coco_path, masks_folder, on_bad_instance, salient_instances_path):
    """Write the instances of a shard: from COCO JSON if ``coco_path`` is given, else from a folder of PNGs."""
    photos = read_images(images_path)
    found = from_coco(coco_path, photos, on_bad_instance) if coco_path else from_masks(masks_folder, photos)
    with new_salient_instances(salient_instances_path) as writer:
        for instances in progress(found, total=len(photos), unit="photo"):
            writer.append(*instances)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            coco_path=snakemake.params.coco,
            masks_folder=snakemake.params.masks,
            on_bad_instance=snakemake.params.on_bad_instance,
            salient_instances_path=snakemake.output.salient_instances,
        )
