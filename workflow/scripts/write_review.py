"""Write the review page of an assignment's tags: its data, and the files of the page itself."""

import numpy as np

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.report.review_page import outline, review_data, write_data, write_page


def main(
    images_paths,
    salient_instances_paths,
    scores_paths,
    graph_path,
    tags_path,
    categories_path,
    name,
    assignment,
    command,
    data_path,
    page_paths,
):
    """Outline the instances shard by shard.

    ``command`` makes tags and masks again after corrections; ``page_paths`` are the files of the page.
    """
    outlines, rows = [], []
    for path in progress(salient_instances_paths, unit="shard"):
        shard = read_salient_instances(path)
        outlines += map(outline, shard.masks, shard.boxes)
        rows.append(shard.rows)
    shards = [read_images(path) for path in images_paths]
    rows, categories = np.concatenate(rows), read_categories(categories_path)
    tags = read_tags(tags_path, rows, categories)
    scores, graph = read_scores(*scores_paths, rows=rows), read_graph(graph_path, rows=rows)
    data = review_data(name, assignment, shards, categories, tags, scores, graph, outlines)
    write_data(data_path, data | {"command": command})
    write_page(*page_paths)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            scores_paths=snakemake.input.scores,
            graph_path=snakemake.input.graph,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            name=snakemake.params.name,
            assignment=snakemake.params.assignment,
            command=snakemake.params.command,
            data_path=snakemake.output.data,
            page_paths=[snakemake.output.page, snakemake.output.style, snakemake.output.program],
        )
