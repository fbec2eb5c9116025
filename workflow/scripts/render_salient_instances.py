"""Render photos of auxiliary categories with masks of their salient instances, to train S4Net."""

from pathlib import Path

from aisi.demo.annotation import label_salient, write_image_set, write_photo
from aisi.demo.scenes import render_salient_scene
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress


def main(*, photos_folder, masks_folder, image_sets_folder, n_train, n_val, seed, image_size, max_objects):
    """Write both splits."""
    for split, n in (("train", n_train), ("val", n_val)):
        image_ids = [f"{split}_{index:04d}" for index in range(n)]
        for index, image_id in enumerate(progress(image_ids, desc=split)):
            scene = render_salient_scene(seed, split, index, image_size, max_objects)
            write_photo(Path(photos_folder) / f"{image_id}.jpg", scene)
            write_labels(Path(masks_folder) / f"{image_id}.png", label_salient(scene))
        write_image_set(Path(image_sets_folder) / f"{split}.txt", image_ids)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            photos_folder=snakemake.output.photos,
            masks_folder=snakemake.output.masks,
            image_sets_folder=snakemake.output.image_sets,
            n_train=snakemake.params.n_train,
            n_val=snakemake.params.n_val,
            seed=snakemake.params.seed,
            image_size=snakemake.params.image_size,
            max_objects=snakemake.params.max_objects,
        )
