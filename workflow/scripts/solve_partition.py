"""Assign tags to the instances of a job's batches."""

from pathlib import Path

from aisi.formats.dataset import read_categories
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.objectness import read_objectness
from aisi.formats.partition import write_partition
from aisi.formats.scores import read_scores
from aisi.partition import solve
from aisi.partition.overrides import pins, read_overrides
from aisi.partition.tags import Objective, as_partition, batch_problem, batches_of_job, choose_retention
from aisi.progress import log_to


def main(graph, scores, instances, objectness, categories, overrides, stale, objective, r, options, jobs, job, output):
    """Solve batch after batch, each into a file of its own."""
    instances = read_salient_instances(*instances, masks=objective.overlap_penalty > 0)
    graph, scores = read_graph(graph, rows=instances.rows), read_scores(*scores, rows=instances.rows)
    corrections = read_overrides(overrides) if overrides else []
    fixed = pins(overrides, corrections, instances, scores, read_categories(categories), stale)
    objectness = read_objectness(objectness, instances)
    r = choose_retention(r, objectness, scores)
    scores, photos = objective.weigh(scores, objectness), objective.of_photos(instances)
    Path(output).mkdir(parents=True, exist_ok=True)
    without_tags = 0
    for batch in batches_of_job(len(graph.batches) - 1, jobs, job):
        nodes, problem = batch_problem(graph, batch, scores, fixed, objective.beta, r, photos)
        solution = solve(problem, **options, verbose=True)
        without_tags += problem.n_retained == 0 and len(problem.scores) > 0
        print(
            f"batch {batch}: {problem.n_retained} of {len(nodes)} instances kept, objective {solution.objective:.7g}, "
            f"bound {solution.bound:.7g}, gap {solution.gap:.2g}, {solution.status} after {solution.runtime:.2f} s"
        )
        write_partition(Path(output) / f"batch_{batch}.npz", as_partition(nodes, problem, solution), instances.rows)
    if without_tags:
        print(
            f"Warning: in {without_tags} batches all instances are noisy: floor({r} n) of n instances keep a tag, "
            "which is none if n is small. Make partition.batch_size larger, or partition.r 1."
        )


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            graph=snakemake.input.graph,
            scores=snakemake.input.scores,
            instances=snakemake.input.salient_instances,
            objectness=snakemake.input.get("objectness", []),
            categories=snakemake.input.categories,
            overrides=snakemake.input.get("overrides"),
            stale=snakemake.params.stale_overrides,
            objective=Objective(
                beta=snakemake.params.beta,
                balance_categories=snakemake.params.balance_categories,
                objectness_weight=snakemake.params.objectness_weight,
                overlap_penalty=snakemake.params.overlap_penalty,
                presence_reward=snakemake.params.presence_reward,
            ),
            r=snakemake.params.r,
            options={name: snakemake.params[name] for name in ("solver", "gap", "time_limit")},
            jobs=snakemake.params.jobs,
            job=int(snakemake.wildcards.job),
            output=snakemake.output.partition,
        )
