"""Open every photo of the test split, for which networks only predict."""

from aisi.dataset.coco import coco_ids_of
from aisi.dataset.index import divide, index_test
from aisi.formats.dataset import write_coco_ids, write_images
from aisi.planning.dataset_files import annotation_file
from aisi.progress import log_to


def main(layout, root, keywords, split, max_megapixels, threads, images_paths, ids_path):
    """Write the photos by shard, without keywords."""
    images = index_test(layout, root, keywords, split, threads, max_megapixels)
    for path, part in zip(images_paths, divide(images, len(images_paths)), strict=True):
        write_images(path, part)
    if ids_path:
        write_coco_ids(ids_path, coco_ids_of(annotation_file(root, split), images["image_id"]))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            layout=snakemake.params.layout,
            root=snakemake.params.root,
            keywords=snakemake.params.keywords,
            split=snakemake.params.split,
            max_megapixels=snakemake.params.max_megapixels,
            threads=snakemake.threads,
            images_paths=snakemake.output.images,
            ids_path=snakemake.output.ids or None,
        )
