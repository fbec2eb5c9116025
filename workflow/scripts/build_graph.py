"""Join each instance to the most similar instances of the dataset."""

from aisi.formats.features import read_features
from aisi.formats.graph import write_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import read_scores
from aisi.graph import build_graph
from aisi.progress import log_to


def main(
    salient_instances_paths,
    features_paths,
    scores_paths,
    k,
    shared_keywords_only,
    centre_features,
    device,
    graph_path,
):
    """Write one graph over all shards."""
    rows = read_salient_instances(*salient_instances_paths, masks=False).rows
    scores = read_scores(*scores_paths, rows=rows) if shared_keywords_only else None
    keywords = (scores.offsets, scores.labels) if scores else None
    graph = build_graph(read_features(*features_paths, rows=rows), k, keywords, centre_features, device=device)
    print(f"{graph.n_nodes} instances, {len(graph.edges)} edges.")
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
            device=snakemake.params.device,
            graph_path=snakemake.output.graph,
        )
