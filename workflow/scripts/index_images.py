"""Check a dataset's rows and photos, and write what the other stages read of them."""

from aisi.dataset.index import divide, index_dataset
from aisi.formats.dataset import write_categories, write_images, write_rejected_images
from aisi.progress import log_to


def main(*, train, val, names, train_shards, val_shards, rejected, categories, **dataset):
    """Write the shards' tables of both splits, the rejected pictures and the categories of :func:`index_dataset`."""
    index = index_dataset(train=train, val=val, categories=names, **dataset)
    write_categories(categories, index.categories)
    write_rejected_images(rejected, index.rejected)
    for split, paths in ((train, train_shards), (val, val_shards)):
        if split:
            for path, images in zip(paths, divide(index.images[split], len(paths)), strict=True):
                write_images(path, images)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            layout=snakemake.params.layout,
            root=snakemake.params.root,
            keywords=snakemake.params.keywords,
            train=snakemake.params.train,
            val=snakemake.params.val,
            names=snakemake.params.categories,
            on_bad_image=snakemake.params.on_bad_image,
            simple_images=snakemake.params.simple_images,
            train_on=snakemake.params.train_on,
            threads=snakemake.threads,
            train_shards=snakemake.output.train,
            val_shards=snakemake.output.val,
            rejected=snakemake.output.rejected,
            categories=snakemake.output.categories,
        )
