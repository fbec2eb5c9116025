"""Assign tags at random or by attention alone, keeping every instance."""

from pathlib import Path

import numpy as np

from aisi.formats.partition import write_partition
from aisi.formats.scores import read_scores
from aisi.partition import solve
from aisi.partition.tags import as_partition, balance_categories, batch_problem, no_graph
from aisi.progress import log_to


def main(scores, solver, seed, balance, output):
    """One batch, the whole dataset."""
    scores = read_scores(*scores)
    scores = balance_categories(scores) if balance else scores
    n = len(scores.offsets) - 1
    nodes, problem = batch_problem(no_graph(n), 0, scores, np.full(n, -1), beta=1.0, retention=1)
    write_partition(Path(output) / "batch_0.npz", as_partition(nodes, problem, solve(problem, solver, seed=seed)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            solver=snakemake.params.solver,
            seed=snakemake.params.seed,
            balance=snakemake.params.balance_categories,
            output=snakemake.output.partition,
        )
