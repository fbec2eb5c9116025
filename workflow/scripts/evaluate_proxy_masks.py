"""Judge the proxy masks of an assignment by VOC's mean IoU against the true masks."""

import numpy as np

from aisi.evaluation.assignments import PROTOCOLS
from aisi.evaluation.ground_truth import photos_with_masks, read_label_map
from aisi.evaluation.metrics import metric_table, segmentation_metrics
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.progress import log_to, progress


def main(proxies, images, categories, masks, assignment, seed, split, output):
    """Count the photos that have a true mask."""
    names = read_categories(categories)["name"]
    judged = photos_with_masks(read_images(*images), masks)
    rows = segmentation_metrics(read_pairs(judged, masks, proxies, len(names)), names)
    head = {"assignment": assignment, "seed": seed, "task": "proxy_semantic", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol=PROTOCOLS["proxy_semantic"]))


def read_pairs(photos, masks, proxies, n_labels):
    """True mask and proxy, one photo at a time."""
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        truth = read_label_map(masks, photo, n_labels)
        has_proxy = inside(proxies, f"{photo.image_id}.png").exists()
        yield truth, read_label_map(proxies, photo, n_labels) if has_proxy else np.zeros_like(truth)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            proxies=snakemake.input.proxies,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            assignment=snakemake.wildcards.assignment,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
