"""Render the demo's photos in VOC's layout, with keywords, and with true masks for evaluation alone."""

from pathlib import Path

from aisi.demo.annotation import label_scene, write_image_set, write_keywords, write_photo
from aisi.demo.scenes import render_scene
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress


def main(
    *,
    photos_folder,
    class_masks_folder,
    object_masks_folder,
    image_sets_folder,
    keywords_path,
    n_train,
    n_val,
    **scene,
):
    """Write both splits; ``scene`` has the other arguments of :func:`aisi.demo.scenes.render_scene`."""
    rows = []
    for split, n in (("train", n_train), ("val", n_val)):
        image_ids = [f"{split}_{index:04d}" for index in range(n)]
        for index, image_id in enumerate(progress(image_ids, desc=split)):
            rendered = render_scene(split=split, index=index, **scene)
            classes, instances, names = label_scene(rendered)
            write_photo(Path(photos_folder) / f"{image_id}.jpg", rendered)
            write_labels(Path(class_masks_folder) / f"{image_id}.png", classes)
            write_labels(Path(object_masks_folder) / f"{image_id}.png", instances)
            rows.append((image_id, split, names))
        write_image_set(Path(image_sets_folder) / "Segmentation" / f"{split}.txt", image_ids)
    write_keywords(keywords_path, rows)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            photos_folder=snakemake.output.photos,
            class_masks_folder=snakemake.output.class_masks,
            object_masks_folder=snakemake.output.object_masks,
            image_sets_folder=snakemake.output.image_sets,
            keywords_path=snakemake.output.keywords,
            n_train=snakemake.params.n_train,
            n_val=snakemake.params.n_val,
            seed=snakemake.params.seed,
            image_size=snakemake.params.image_size,
            max_objects=snakemake.params.max_objects,
            multiple_keywords=snakemake.params.multiple_keywords,
            distractors=snakemake.params.distractors,
        )
