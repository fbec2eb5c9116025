"""Open every photo of the test split, for which networks only predict."""

from aisi.dataset.index import divide, index_test
from aisi.formats.dataset import write_images
from aisi.progress import log_to


def main(layout, root, keywords, split, max_megapixels, threads, images_paths):
    """Write the photos by shard, without keywords."""
    images = index_test(layout, root, keywords, split, threads, max_megapixels)
    for path, part in zip(images_paths, divide(images, len(images_paths)), strict=True):
        write_images(path, part)


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
        )
