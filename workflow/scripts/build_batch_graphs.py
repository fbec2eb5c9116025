"""Join each instance to the most similar instances of its batch."""

from aisi.formats.features import read_features
from aisi.formats.graph import write_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import read_scores
from aisi.graph import batch_order, build_graph, equal_batches
from aisi.progress import log_to


def main(
    salient_instances_paths,
    features_paths,
    scores_paths,
    k,
    shared_keywords_only,
    centre_features,
    batch_size,
    order,
    graph_path,
):
    """Write one block-diagonal graph over all shards."""
    rows = read_salient_instances(*salient_instances_paths, masks=False).rows
    features = read_features(*features_paths, rows=rows)
    scores = read_scores(*scores_paths, rows=rows) if scores_paths else None
    keywords = (scores.offsets, scores.labels) if scores else None
    batches = equal_batches(len(features), batch_size)
    nodes = batch_order(len(features), order, keywords)
    graph = build_graph(features, k, keywords if shared_keywords_only else None, centre_features, batches, nodes)
    print(f"{graph.n_nodes} instances in {len(batches) - 1} batches, {len(graph.edges)} edges.")
    write_graph(graph_path, graph, rows)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            salient_instances_paths=snakemake.input.salient_instances,
            features_paths=snakemake.input.features,
            scores_paths=snakemake.input.scores,
            k=snakemake.params.k,
            shared_keywords_only=snakemake.params.shared_keywords_only,
            centre_features=snakemake.params.centre_features,
            batch_size=snakemake.params.batch_size,
            order=snakemake.params.order,
            graph_path=snakemake.output.graph,
        )
