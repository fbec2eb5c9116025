"""Similarity graphs over the instances of a split (PAPER §4.1): of the whole dataset, and inside batches."""

from aisi.planning.assignments import GRAPH_KEYS, graph_settings

GRAPH = config["graph"]


wildcard_constraints:
    variant=rf"(?:_(?:{'|'.join(GRAPH_KEYS)})-[a-z0-9]+)*",
    order=r"(?:_category|_shuffled-\d+)?",


rule build_graph:
    input:
        salient_instances=files_of_split("results/salient_instances/{split}/shard_{shard}.h5"),
        features=files_of_split("results/features/{split}/shard_{shard}.h5"),
        scores=keywords_of_graph,
    output:
        graph="results/graph/{split}/dataset{variant}.npz",
    log:
        "results/logs/build_graph/{split}/dataset{variant}.log",
    benchmark:
        "results/benchmarks/build_graph/{split}/dataset{variant}.tsv"
    conda:
        "../envs/solver.yaml"
    threads: 8
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("build_graph"),
        k=graph_setting("k"),
        shared_keywords_only=graph_setting("shared_keywords_only"),
        centre_features=graph_setting("centre_features"),
        device=GRAPH["device"],
    message:
        "Join each instance of {wildcards.split} to its {params.k} most similar ones."
    script:
        "../scripts/build_graph.py"


rule build_batch_graphs:
    input:
        salient_instances=files_of_split("results/salient_instances/{split}/shard_{shard}.h5"),
        features=files_of_split("results/features/{split}/shard_{shard}.h5"),
        scores=keywords_of_graph,
    output:
        graph="results/graph/{split}/batches{variant}{order}.npz",
    log:
        "results/logs/build_batch_graphs/{split}/batches{variant}{order}.log",
    benchmark:
        "results/benchmarks/build_batch_graphs/{split}/batches{variant}{order}.tsv"
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("build_batch_graphs"),
        k=graph_setting("k"),
        shared_keywords_only=graph_setting("shared_keywords_only"),
        centre_features=graph_setting("centre_features"),
        batch_size=config["partition"]["batch_size"],
        order=lambda wildcards: wildcards.order.removeprefix("_") or "given",
    message:
        "Join each instance of {wildcards.split} to its {params.k} most similar ones in its batch."
    script:
        "../scripts/build_batch_graphs.py"
