"""Assign tags at random or by attention alone, keeping every instance."""

from pathlib import Path

import numpy as np

from aisi.formats.instances import read_salient_instances
from aisi.formats.partition import write_partition
from aisi.formats.scores import read_scores
from aisi.partition import solve
from aisi.partition.tags import as_partition, balance_categories, batch_problem, no_graph
from aisi.progress import log_to


def main(instances, scores, solver, seed, balance, output):
    """One batch, the whole dataset."""
    rows = read_salient_instances(*instances, masks=False).rows
    scores = balance_categories(read_scores(*scores, rows=rows), balance)
    n = len(scores.offsets) - 1
    nodes, problem = batch_problem(no_graph(n), 0, scores, np.full(n, -1), beta=1.0, retention=1)
    partition = as_partition(nodes, problem, solve(problem, solver, seed=seed))
    write_partition(Path(output) / "batch_0.npz", partition, rows)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            instances=snakemake.input.salient_instances,
            scores=snakemake.input.scores,
            solver=snakemake.params.solver,
            seed=snakemake.params.seed,
            balance=snakemake.params.balance_categories,
            output=snakemake.output.partition,
        )
