"""Judge all assignments of an experiment at once, tags and proxies, without writing a proxy mask."""

import pandas as pd

from aisi.evaluation.assignments import judge_proxies, judge_tags
from aisi.evaluation.ground_truth import listed_photos, photos_with_masks, read_truth
from aisi.evaluation.metrics import metric_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.metrics import write_metrics
from aisi.formats.tags import read_tags
from aisi.planning.protocols import PROTOCOLS
from aisi.progress import log_to
from aisi.proxy_masks import tagged_photos


def main(tags, rows, oracle, images, salient_instances, categories, masks, objects, listed, split, output):
    """Judge each of ``tags``, of an assignment and a seed in ``rows``, as rules evaluate_tags and _proxy_* would."""
    categories, photos, tables = read_categories(categories), read_images(*images), [read_tags(path) for path in tags]
    names, oracle, judged = categories.names, read_tags(oracle), photos_with_masks(photos, masks)
    with_objects = photos_with_masks(listed_photos(judged, listed), objects) if objects else judged[:0]
    shards = list(zip(map(read_images, images), map(read_salient_instances, salient_instances), strict=True))
    tagged = zip(*(tagged_photos(shards, table, categories) for table in tables), strict=True)
    truth = read_truth(photos, judged, with_objects, masks, objects, len(names))
    parts = []
    for (assignment, seed), table, figures in zip(
        rows, tables, judge_proxies(zip(tagged, truth, strict=True), len(rows), names), strict=True
    ):
        figures = {"tags": judge_tags(table, oracle, judged["image_id"], names)} | figures
        head = {"assignment": assignment, "seed": seed, "split": split}
        parts += [metric_table(figures[task], task=task, protocol=PROTOCOLS[task], **head) for task in figures]
    write_metrics(output, pd.concat(parts, ignore_index=True))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags=snakemake.input.tags,
            rows=snakemake.params.rows,
            oracle=snakemake.input.oracle,
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects,
            listed=snakemake.input.listed or None,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
