"""Open every photo of the split that is only predicted."""

from aisi.dataset.index import divide, index_test
from aisi.formats.dataset import write_images
from aisi.progress import log_to


def main(layout, root, keywords, split, threads, shards):
    """Write the shards' tables; their keywords are empty."""
    images = index_test(layout, root, keywords, split, threads)
    for path, part in zip(shards, divide(images, len(shards)), strict=True):
        write_images(path, part)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            layout=snakemake.params.layout,
            root=snakemake.params.root,
            keywords=snakemake.params.keywords,
            split=snakemake.params.split,
            threads=snakemake.threads,
            shards=snakemake.output.images,
        )
