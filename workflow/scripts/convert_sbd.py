"""Write the true masks of photos of VOC and SBD in one form, for evaluation and references alone."""

from collections import Counter
from pathlib import Path

from aisi.evaluation.sbd import has_sbd_masks, read_sbd_masks
from aisi.files import inside
from aisi.formats.dataset import read_images
from aisi.formats.masks import read_labels, write_labels
from aisi.progress import log_to, progress


def main(voc_folders, sbd_folder, images_paths, class_masks_folder, object_masks_folder):
    """Write a class mask and an instance mask of each photo: VOC's own, or SBD's if VOC has none."""
    folders = class_masks_folder, object_masks_folder
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    counts = Counter({"VOC": 0, "SBD": 0, "nobody": 0})
    for image_id in progress(read_images(*images_paths)["image_id"], unit="photo"):
        name = f"{image_id}.png"
        own = [inside(folder, name) for folder in voc_folders]
        targets = [inside(folder, name) for folder in folders]
        if all(path.is_file() for path in own):  # ASSUME: VOC's masks are better, since they have void borders
            counts["VOC"] += 1
            masks = map(read_labels, own)
        elif has_sbd_masks(sbd_folder, image_id):
            counts["SBD"] += 1
            masks = read_sbd_masks(sbd_folder, image_id)
        else:
            counts["nobody"] += 1
            continue
        for target, labels in zip(targets, masks, strict=True):
            write_labels(target, labels)
    print("True masks are from " + ", ".join(f"{source} ({count} photos)" for source, count in counts.items()) + ".")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            voc_folders=snakemake.params.voc,
            sbd_folder=snakemake.params.sbd,
            images_paths=snakemake.input.images,
            class_masks_folder=snakemake.output.class_masks,
            object_masks_folder=snakemake.output.object_masks,
        )
