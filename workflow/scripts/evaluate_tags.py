"""Judge the tags of an assignment by those of the true masks."""

from aisi.evaluation.assignments import judge_tags
from aisi.evaluation.ground_truth import photos_with_masks
from aisi.evaluation.metrics import metric_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import write_metrics
from aisi.formats.tags import read_tags
from aisi.planning.protocols import PROTOCOLS
from aisi.progress import log_to


def main(tags, oracle, images, categories, masks, assignment, seed, split, output):
    """Count the instances of photos that have a true mask."""
    names = read_categories(categories).names
    judged = photos_with_masks(read_images(*images), masks)["image_id"]
    rows = judge_tags(read_tags(tags), read_tags(oracle), judged, names)
    head = {"assignment": assignment, "seed": seed, "task": "tags", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol=PROTOCOLS["tags"]))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags=snakemake.input.tags,
            oracle=snakemake.input.oracle,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            assignment=snakemake.wildcards.assignment,
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
