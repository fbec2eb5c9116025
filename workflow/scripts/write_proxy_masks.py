"""Write the proxy masks of photos: palette PNGs, a list of them, and the tagged instances in COCO's format."""

from pathlib import Path

from aisi.evaluation.metrics import metric_table
from aisi.files import inside
from aisi.formats.coco import write_coco
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_image_set, write_labels
from aisi.formats.metrics import write_metrics
from aisi.formats.tags import read_tags
from aisi.planning.protocols import PIXELS
from aisi.progress import log_to, progress
from aisi.proxy_masks import CocoInstances, PixelShares, proxy_mask, read_shards, tagged_photos


def main(
    images_paths,
    salient_instances_paths,
    tags_path,
    categories_path,
    settings,
    rejected_as_crowd,
    head,
    masks_folder,
    coco_path,
    list_path,
    shares_path,
):
    """Photos get no proxy mask if no instance has a tag. ``head``: assignment, seed and split, for the shares."""
    categories = read_categories(categories_path)
    tags = read_tags(tags_path, categories=categories)
    Path(masks_folder).mkdir(parents=True, exist_ok=True)
    coco, shares, written = CocoInstances(categories, rejected_as_crowd), PixelShares(), []
    shards = read_shards(images_paths, salient_instances_paths)
    n_photos = len(read_images(*images_paths))
    for photo in progress(tagged_photos(shards, tags, categories), total=n_photos, unit="photo"):
        proxy = proxy_mask(photo.masks, photo.labels, photo.keywords, **settings)
        if proxy is not None:
            write_labels(inside(masks_folder, f"{photo.image_id}.png"), proxy)
            coco.add(photo)
            shares.add(proxy)
            written.append(photo.image_id)
    write_coco(coco_path, coco.content)
    write_image_set(list_path, written)
    write_metrics(shares_path, metric_table(shares.rows(), task="proxy_semantic", protocol=PIXELS, **head))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            settings={name: snakemake.params[name] for name in ("noisy_pixels", "missing_keywords")},
            rejected_as_crowd=snakemake.params.rejected_as_crowd,
            head={
                "assignment": snakemake.wildcards.assignment,
                "seed": snakemake.params.seed,
                "split": snakemake.params.split,
            },
            masks_folder=snakemake.output.masks,
            coco_path=snakemake.output.coco,
            list_path=snakemake.output.listed,
            shares_path=snakemake.output.shares,
        )
