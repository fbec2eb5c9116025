"""Import the tags of another method as an assignment."""

import numpy as np

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.tags import tag_columns, write_tags
from aisi.partition.given_tags import given_labels
from aisi.partition.overrides import read_overrides
from aisi.progress import log_to


def main(given_path, salient_instances_paths, images_paths, categories_path, tags_path):
    """Write the tag of every instance, without attention and margins."""
    instances, images = read_salient_instances(*salient_instances_paths, masks=False), read_images(*images_paths)
    categories = read_categories(categories_path)
    labels = given_labels(given_path, read_overrides(given_path), instances, categories)
    write_tags(tags_path, tag_columns(instances, images, categories, labels, np.nan, np.nan, "external"))
    print(f"{len(labels)} tags, {int((labels == 0).sum())} of them noisy.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            given_path=snakemake.input.tags,
            salient_instances_paths=snakemake.input.salient_instances,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            tags_path=snakemake.output.tags,
        )
