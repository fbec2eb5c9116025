"""From graph and scores to the solver's problems, and from its solutions to a table of tags."""

from dataclasses import replace

import numpy as np

from aisi.formats.graph import Graph
from aisi.formats.partition import Partition
from aisi.formats.tags import tag_columns
from aisi.partition import PartitionError, PartitionProblem, retained


def no_graph(n_instances):
    """A graph without edges, for assignments that look at each instance alone."""
    edges, weights = np.zeros((0, 2), np.int32), np.zeros(0, np.float32)
    return Graph(edges, weights, n_instances, np.array([0, n_instances]), np.arange(n_instances))


def batches_of_job(n_batches, n_jobs, job):
    """Batches that a job solves: neighbouring ones, as evenly as they go."""
    return np.array_split(np.arange(n_batches), n_jobs)[job].tolist()


def balance_categories(scores):
    """Scores whose categories have one mean, that of all scores, so that a keyword's attention counts for as much as
    another's. ASSUME not in the paper: a classifier answers to frequent keywords more strongly than to rare ones.

    Parameters
    ----------
    scores : Scores
        Of the whole split, p_ij >= 0.

    Returns
    -------
    Scores
        p_ij times the mean of all scores over the mean of category i's; a category of which all are 0 stays 0.
    """
    sums, counts = np.bincount(scores.labels, scores.scores), np.bincount(scores.labels)
    overall = sums.sum() / max(counts.sum(), 1)
    factors = np.divide(overall * counts, sums, out=np.zeros(len(sums)), where=sums > 0)
    return replace(scores, scores=(scores.scores * factors[scores.labels]).astype(np.float32))


def add_objectness(scores, objectness, weight):
    """Scores that speak for confident instances too: p_ij + w s_j. What an instance's score s_j adds is the same for
    all its keywords, so it tells which instances keep a tag, not which tag. ASSUME not in the paper: what the detector
    doubts is more often no object of any category.

    Parameters
    ----------
    scores : Scores
        Of the whole split.
    objectness : (N,) float
        Scores of the salient instances, 0 to 1.
    weight : float
        w >= 0; 0 is the paper's objective.

    Returns
    -------
    Scores
    """
    added = weight * np.repeat(objectness, np.diff(scores.offsets))
    return replace(scores, scores=(scores.scores + added).astype(np.float32))


def weigh_scores(scores, objectness, balance, objectness_weight):
    """Scores as the objective counts them: balanced, if so asked, and with the instances' objectness added."""
    return add_objectness(balance_categories(scores) if balance else scores, objectness, objectness_weight)


def batch_problem(graph, batch, scores, fixed, beta, retention):
    """The problem of one batch.

    Parameters
    ----------
    graph : Graph
    batch : int
    scores : Scores
        Of the whole split.
    fixed : (N,) int
        Pins of the whole split, -1 for free instances.
    beta, retention : float

    Returns
    -------
    instances : (n,) int64
        Positions of the batch's nodes in the split's salient instances.
    problem : PartitionProblem
        n_retained is floor(r n) of the free instances that have a keyword (PAPER §4.3 eq. 8), plus pinned tags.
    """
    if not len(scores.offsets) - 1 == len(fixed) == graph.n_nodes:
        raise PartitionError(
            f"The graph has {graph.n_nodes} nodes, there are scores for {len(scores.offsets) - 1} instances, pins for "
            f"{len(fixed)}. They belong to different salient instances: delete the graph and scores and run again."
        )
    start, end = graph.batches[batch : batch + 2]
    instances = graph.order[start:end]
    sizes = np.diff(scores.offsets)[instances]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    candidates = np.repeat(scores.offsets[instances] - offsets[:-1], sizes) + np.arange(offsets[-1])
    inside = ((graph.edges >= start) & (graph.edges < end)).all(1)
    pinned = fixed[instances]
    problem = PartitionProblem(
        edges=graph.edges[inside].astype(np.int64) - start,
        weights=graph.weights[inside],
        offsets=offsets,
        categories=scores.labels[candidates],
        scores=scores.scores[candidates],
        beta=beta,
        n_retained=int((pinned > 0).sum()) + retained(((pinned < 0) & (sizes > 0)).sum(), retention),
        fixed=pinned,
    )
    return instances, problem


def as_partition(instances, problem, solution):
    """The artefact of a solved batch."""
    return Partition(
        instances=instances,
        labels=solution.labels,
        objective=solution.objective,
        bound=solution.bound,
        margins=solution.margins,
        pinned=problem.fixed >= 0,
        status=solution.status,
        solver=solution.solver,
    )


def tag_table(partitions, instances, scores, images, categories):
    """The tag of every instance.

    Parameters
    ----------
    partitions : list of Partition
        Their instances are those of the split, each once.
    instances : SalientInstances
    scores : Scores
    images : DataFrame
        Photos of the split with their keywords.
    categories : Categories

    Returns
    -------
    DataFrame
        Columns ``TAG_COLUMNS``.
    """
    n = len(instances)
    where = np.concatenate([np.zeros(0, np.int64), *(partition.instances for partition in partitions)])
    if not np.array_equal(np.sort(where), np.arange(n)):
        raise PartitionError(f"{len(where)} labels for {n} salient instances: solve the partition anew.")
    labels, margins, pinned = np.zeros(n, np.int64), np.full(n, np.nan), np.zeros(n, bool)
    for partition in partitions:
        labels[partition.instances] = partition.labels
        margins[partition.instances] = partition.margins
        pinned[partition.instances] = partition.pinned
    owners = np.repeat(np.arange(n), np.diff(scores.offsets))
    chosen = np.flatnonzero(scores.labels == labels[owners])
    attention = np.full(n, np.nan)
    attention[owners[chosen]] = scores.scores[chosen]
    source = np.where(pinned, "override", "solver")
    return tag_columns(instances, images, categories, labels, attention, margins, source)
