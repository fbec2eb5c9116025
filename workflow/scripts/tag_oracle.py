"""Tag every instance from the true masks: a reference that loses only what the instances lose."""

import numpy as np
import pandas as pd

from aisi.evaluation.ground_truth import oracle_tags, photos_with_masks, read_label_map, true_labels
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances, rows_by_photo
from aisi.formats.tags import write_tags
from aisi.masks import check_sizes
from aisi.progress import log_to, progress


def main(images_paths, salient_instances_paths, categories_path, masks_folder, tags_path):
    """Instances of photos without a true mask are noisy."""
    categories = read_categories(categories_path)
    with_masks = photos_with_masks(read_images(*images_paths), masks_folder)
    tables = []
    for images_path, instances_path in zip(images_paths, salient_instances_paths, strict=True):
        instances = read_salient_instances(instances_path)
        photos = with_masks[with_masks["image_id"].isin(instances.image_ids)]
        labels = read_true_labels(photos, instances, masks_folder, len(categories))
        tables.append(oracle_tags(read_images(images_path), instances, labels, categories))
    write_tags(tags_path, pd.concat(tables, ignore_index=True))


def read_true_labels(photos, instances, masks_folder, n_labels):
    """True label of each instance of the photos, one photo at a time; 0 for all other instances."""
    labels, rows_of = np.zeros(len(instances), np.int64), rows_by_photo(instances.image_ids)
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        rows = rows_of[photo.image_id]
        truth = read_label_map(masks_folder, photo, n_labels)
        labels[rows] = true_labels(check_sizes(instances.masks[rows], photo), truth)
    return labels


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            tags_path=snakemake.output.tags,
        )
