"""Write the review page of an assignment's tags: its data, and the page itself."""

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.report.review_page import outline, review_data, write_data, write_page


def main(images, salient_instances, scores, graph, tags, categories, name, assignment, data, page):
    """Outline the instances shard by shard; ``page`` lists the page's own files."""
    outlines = []
    for path in progress(salient_instances, unit="shard"):
        shard = read_salient_instances(path)
        outlines += map(outline, shard.masks, shard.boxes)
    shards = [read_images(path) for path in images]
    categories, tags = read_categories(categories), read_tags(tags)
    scores, graph = read_scores(*scores), read_graph(graph)
    write_data(data, review_data(name, assignment, shards, categories, tags, scores, graph, outlines))
    write_page(*page)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            scores=snakemake.input.scores,
            graph=snakemake.input.graph,
            tags=snakemake.input.tags,
            categories=snakemake.input.categories,
            name=snakemake.params.name,
            assignment=snakemake.params.assignment,
            data=snakemake.output.data,
            page=[snakemake.output.page, snakemake.output.style, snakemake.output.program],
        )
