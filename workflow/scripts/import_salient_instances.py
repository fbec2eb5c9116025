"""Import class-agnostic instances that another program has found."""

from collections import Counter

from aisi.formats.dataset import read_images
from aisi.formats.instances import new_salient_instances
from aisi.progress import log_to, progress
from aisi.salient_instances.imported import from_coco, from_masks
from aisi.salient_instances.selection import REASONS, select


def main(images_path, coco_path, masks_folder, on_bad_instance, apply_filter, settings, origin, salient_instances_path):
    """Write the instances of a shard: from COCO JSON if ``coco_path`` is given, else from a folder of PNGs."""
    photos = read_images(images_path)
    found = from_coco(coco_path, photos, on_bad_instance) if coco_path else from_masks(masks_folder, photos)
    n_instances, removed = 0, Counter()
    with new_salient_instances(salient_instances_path, origin=origin) as writer:
        for image_id, boxes, scores, masks in progress(found, total=len(photos), unit="photo"):
            kept, reasons = select(boxes, scores, masks, **settings)
            n_instances, removed = n_instances + len(masks), removed + reasons
            if apply_filter:
                boxes, scores, masks = boxes[kept], scores[kept], [masks[position] for position in kept]
            writer.append(image_id, boxes, scores, masks)
    print_removed(n_instances, removed, apply_filter)


def print_removed(n_instances, removed, applied):
    """Print how many instances the config's settings remove, or would remove."""
    counts = ", ".join(f"{key} {count}" for key, count in removed.items() if count)
    if applied:
        print(f"{removed.total()} of {n_instances} instances are removed: {counts or 'none'}.")
    elif counts:
        print(
            f"Warning: all {n_instances} instances are imported. The settings of salient_instances would remove "
            f"{removed.total()}: {counts}. Set salient_instances.import.filter to true to apply them."
        )


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            coco_path=snakemake.params.coco,
            masks_folder=snakemake.params.masks,
            on_bad_instance=snakemake.params.on_bad_instance,
            apply_filter=snakemake.params.filter,
            settings={name: snakemake.params[name] for name in REASONS},
            origin=snakemake.params.origin,
            salient_instances_path=snakemake.output.salient_instances,
        )
