"""Join each instance of the dataset to its most similar ones."""

from aisi.formats.features import read_features
from aisi.formats.graph import write_graph
from aisi.formats.scores import read_scores
from aisi.graph import build_graph
from aisi.progress import log_to


def main(features, scores, k, shared_keywords_only, centre_features, device, output):
    """One graph over all shards."""
    keywords = read_scores(*scores) if shared_keywords_only else None
    keywords = (keywords.offsets, keywords.labels) if keywords else None
    graph = build_graph(read_features(*features), k, keywords, centre_features, device=device)
    print(f"{graph.n_nodes} instances, {len(graph.edges)} edges.")
    write_graph(output, graph)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            features=snakemake.input.features,
            scores=snakemake.input.scores,
            k=snakemake.params.k,
            shared_keywords_only=snakemake.params.shared_keywords_only,
            centre_features=snakemake.params.centre_features,
            device=snakemake.params.device,
            output=snakemake.output.graph,
        )
