"""Check the rows and photos of a dataset, and write the tables that the other stages read."""

from aisi.dataset.coco import coco_ids_of
from aisi.dataset.index import divide, index_dataset
from aisi.formats.dataset import write_categories, write_coco_ids, write_images, write_rejected_images
from aisi.planning.dataset_files import annotation_file
from aisi.progress import log_to


def main(*, train, val, names, train_paths, val_paths, ids_path, rejected_path, categories_path, **dataset):
    """Write the photos of each split by shard, the rejected files and the categories; ``dataset``: index_dataset's.

    ``train`` lists the training splits; ``train_paths`` has all shards of one split after another. Only the photos of
    splits that have paths are opened.
    """
    wanted = [(train, train_paths)] * bool(train_paths) + [([val], val_paths)] * bool(val_paths)
    opened = [split for splits, _ in wanted for split in splits]
    index = index_dataset(train=train, val=val, categories=names, opened=opened, **dataset)
    if categories_path:
        write_categories(categories_path, index.categories)
    write_rejected_images(rejected_path, index.rejected)
    for splits, paths in wanted:
        parts = [images for split in splits for images in divide(index.images[split], len(paths) // len(splits))]
        for path, images in zip(paths, parts, strict=True):
            write_images(path, images)
    if ids_path:  # of the split whose predictions are evaluated
        ids = coco_ids_of(annotation_file(dataset["root"], val), index.images[val]["image_id"])
        write_coco_ids(ids_path, ids)


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
            max_megapixels=snakemake.params.max_megapixels,
            keyword_source=snakemake.params.keyword_source,
            lists=snakemake.params.lists,
            threads=snakemake.threads,
            train_paths=snakemake.output.get("train", []),
            val_paths=snakemake.output.get("val", []),
            ids_path=snakemake.output.get("ids") or None,
            rejected_path=snakemake.output.rejected,
            categories_path=snakemake.output.get("categories"),
        )
