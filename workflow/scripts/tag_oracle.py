"""Tag every instance from the true masks: the reference row that tells what the instances themselves lose."""

import numpy as np
import pandas as pd

from aisi.evaluation.ground_truth import oracle_tags, photos_with_masks, read_label_map, true_labels
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances, rows_by_photo
from aisi.formats.tags import write_tags
from aisi.masks import check_sizes
from aisi.progress import log_to, progress


def main(images, salient_instances, categories, masks, tags):
    """Instances of a photo without a true mask are noisy."""
    names = read_categories(categories).names
    judged = photos_with_masks(read_images(*images), masks)
    tables = []
    for shard, instances in zip(map(read_images, images), map(read_salient_instances, salient_instances), strict=True):
        photos = judged[judged["image_id"].isin(instances.image_ids)]
        labels = read_true_labels(photos, instances, masks, len(names))
        tables.append(oracle_tags(shard, instances, labels, names))
    write_tags(tags, pd.concat(tables, ignore_index=True))


def read_true_labels(photos, instances, masks, n_labels):
    """True label of each instance of the photos, one photo's mask at a time; 0 for the other instances."""
    labels, rows_of = np.zeros(len(instances), np.int64), rows_by_photo(instances.image_ids)
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        rows = rows_of[photo.image_id]
        truth = read_label_map(masks, photo, n_labels)
        labels[rows] = true_labels(check_sizes(instances.masks[rows], photo), truth)
    return labels


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            tags=snakemake.output.tags,
        )
