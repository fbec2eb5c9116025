"""Judge the tags of an assignment by those of the true masks."""

from aisi.formats import read_categories, read_images, read_tags, write_metrics
from aisi.ground_truth import photos_with_masks
from aisi.metrics import metric_table, tag_metrics
from aisi.progress import log_to


def main(tags, oracle, images, categories, masks, assignment, seed, split, output):
    """Count the instances of photos that have a true mask."""
    names = read_categories(categories)["name"]
    judged = photos_with_masks(read_images(*images), masks)["image_id"]
    pairs = compare(read_tags(tags), read_tags(oracle), judged)
    rows = tag_metrics(pairs["label"], pairs["label_true"], pairs["keywords"].map(len), names)
    head = {"assignment": assignment, "seed": seed, "task": "tags", "split": split}
    write_metrics(output, metric_table(rows, **head, protocol="true category covers half of the instance"))


def compare(tags, oracle, judged):
    """Tags beside the true ones, of the judged photos' instances."""
    key = ["image_id", "instance_id"]
    pairs = tags.merge(oracle[[*key, "label"]], on=key, validate="one_to_one", suffixes=("", "_true"))
    if not len(pairs) == len(tags) == len(oracle):
        raise ValueError(
            f"{len(tags)} tags, {len(oracle)} true tags, {len(pairs)} of the same instances. "
            "They belong to different instances: delete both files and run the workflow again."
        )
    return pairs[pairs["image_id"].isin(judged)]


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
