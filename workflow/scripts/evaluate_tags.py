"""Evaluate the tags of an assignment against the tags of the true masks."""

from aisi.evaluation.assignments import evaluate_tags
from aisi.evaluation.ground_truth import photos_with_masks
from aisi.evaluation.metrics import count_table, metric_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.formats.photo_counts import write_photo_counts
from aisi.formats.tags import read_tags
from aisi.planning.protocols import PROTOCOLS
from aisi.progress import log_to


def main(
    tags_path,
    oracle_path,
    images_paths,
    categories_path,
    masks_folder,
    assignment,
    seed,
    split,
    metrics_path,
    counts_path,
):
    """Count the instances of photos that have a true mask."""
    categories = read_categories(categories_path)
    tags, oracle = (read_tags(path, categories=categories) for path in (tags_path, oracle_path))
    photos = photos_with_masks(read_images(*images_paths), masks_folder)
    found = evaluate_tags(tags, oracle, photos["image_id"], categories.names)
    head = {"assignment": assignment, "seed": seed, "task": "tags", "split": split}
    head["protocol"] = PROTOCOLS["tags"]
    write_metrics(metrics_path, metric_table(found.rows, **head))
    write_photo_counts(counts_path, count_table(found.counts, **head))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags_path=snakemake.input.tags,
            oracle_path=snakemake.input.oracle,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            assignment=snakemake.wildcards.assignment,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            metrics_path=snakemake.output.metrics,
            counts_path=snakemake.output.counts,
        )
