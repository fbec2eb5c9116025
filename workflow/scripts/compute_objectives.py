"""What each way of cutting batches reaches of the whole dataset's objective, on the dataset's own graph."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import metric_table
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.metrics import write_metrics
from aisi.formats.objectness import read_objectness
from aisi.formats.partition import read_partition
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.labels import ALL
from aisi.partition import objective
from aisi.partition.tags import Objective, batch_problem
from aisi.progress import log_to


def main(tags, assignments, graph, scores, instances, objectness, whole, terms, seed, split, output):
    """Rows objective, and share_of_bound, the bound being that of the solution of the ``whole``."""
    instances = read_salient_instances(*instances, masks=terms.overlap_penalty > 0)
    own = instances.rows
    graph, scores = read_graph(graph, rows=own), read_scores(*scores, rows=own)
    bound = read_partition(Path(whole) / "batch_0.npz", rows=own).bound
    scores, photos = terms.weigh(scores, read_objectness(objectness, instances)), terms.of_photos(instances)
    _, problem = batch_problem(graph, 0, scores, np.full(graph.n_nodes, -1), terms.beta, retention=1, photos=photos)
    parts = []
    for assignment, path in zip(assignments, tags, strict=True):
        labels = read_tags(path, own)["label"].to_numpy()
        value, n = objective(problem, labels), int((labels > 0).sum())
        print(f"{assignment}: objective {value:.7g}, bound of the whole {bound:.7g}, {n} of {len(labels)} tagged")
        rows = [("objective", ALL, value, n), ("share_of_bound", ALL, value / bound if bound else np.nan, n)]
        head = {"assignment": assignment, "seed": seed, "task": "tags", "split": split}
        parts.append(metric_table(rows, **head, protocol="objective of the whole dataset's problem"))
    write_metrics(output, pd.concat(parts, ignore_index=True))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags=snakemake.input.tags,
            assignments=snakemake.params.assignments,
            graph=snakemake.input.graph,
            scores=snakemake.input.scores,
            instances=snakemake.input.salient_instances,
            objectness=snakemake.input.get("objectness", []),
            whole=snakemake.input.whole,
            terms=Objective(
                beta=snakemake.params.beta,
                balance_categories=snakemake.params.balance_categories,
                objectness_weight=snakemake.params.objectness_weight,
                overlap_penalty=snakemake.params.overlap_penalty,
                presence_reward=snakemake.params.presence_reward,
            ),
            seed=snakemake.params.seed,
            split=snakemake.params.split,
            output=snakemake.output.metrics,
        )
