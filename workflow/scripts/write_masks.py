"""Write plain masks of photos for people who want masks alone, and a table of what was found in each photo."""

from pathlib import Path

import pandas as pd

from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import PHOTO_COLUMNS, write_labels, write_photo_table
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.proxy_masks import photo_row, proxy_mask, read_shards, tagged_photos


def main(images_paths, salient_instances_paths, tags_path, categories_path, masks_folder, photos_path):
    """Background is 0 in every mask, also where proxy masks have 255. A photo gets no mask if no instance has a tag."""
    categories = read_categories(categories_path)
    tags = read_tags(tags_path, categories=categories)
    Path(masks_folder).mkdir(parents=True, exist_ok=True)
    shards = read_shards(images_paths, salient_instances_paths)
    n_photos = len(read_images(*images_paths))
    rows = []
    for photo in progress(tagged_photos(shards, tags, categories), total=n_photos, unit="photo"):
        mask = proxy_mask(photo.masks, photo.labels, photo.keywords, "background", "background")
        if mask is not None:
            write_labels(inside(masks_folder, f"{photo.image_id}.png"), mask)
        rows.append(photo_row(photo, categories))
    table = pd.DataFrame(rows, columns=PHOTO_COLUMNS).sort_values("image_id")
    write_photo_table(photos_path, table)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.output.masks,
            photos_path=snakemake.output.photos,
        )
