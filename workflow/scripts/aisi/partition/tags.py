"""From graph and scores to the solver's problems, and from its solutions to a table of tags."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aisi.formats.dataset import Categories
from aisi.formats.graph import Graph
from aisi.formats.instances import SalientInstances
from aisi.formats.partition import Partition
from aisi.formats.scores import Scores
from aisi.formats.tags import tag_columns
from aisi.partition import PartitionError, PartitionProblem, Solution, retained


@dataclass(frozen=True)
class Objective:
    """What an assignment maximises besides similarity (PAPER §4.3 eq. 7).

    Attributes
    ----------
    beta : float
        Weight of the scores, >= 0.
    balance_categories : bool
        Whether the scores of all categories are scaled to one mean, see :func:`balance_categories`.
    objectness_weight : float
        Weight >= 0 of the instances' own scores, see :func:`add_objectness`.
    """

    beta: float
    balance_categories: bool
    objectness_weight: float

    def weigh(self, scores: Scores, objectness: np.ndarray) -> Scores:
        """Give the scores as the objective counts them; ``objectness`` (N,) are the scores of the salient instances."""
        balanced = balance_categories(scores) if self.balance_categories else scores
        return add_objectness(balanced, objectness, self.objectness_weight)


def no_graph(n_instances: int) -> Graph:
    """Make a graph without edges, for assignments that treat each instance alone."""
    edges, weights = np.zeros((0, 2), np.int32), np.zeros(0, np.float32)
    return Graph(edges, weights, n_instances, np.array([0, n_instances]), np.arange(n_instances))


def batches_of_job(n_batches: int, n_jobs: int, job: int) -> list[int]:
    """List the batches that a job solves: consecutive ones, distributed as evenly as possible."""
    return np.array_split(np.arange(n_batches), n_jobs)[job].tolist()


def balance_categories(scores: Scores) -> Scores:
    """Scale the scores of each category to the mean of all scores, so that all keywords count equally.

    ASSUME not in the paper: a classifier gives frequent keywords higher scores than rare ones.

    Parameters
    ----------
    scores : Scores
        Of the whole split, p_ij >= 0.

    Returns
    -------
    Scores
        p_ij times the mean of all scores, divided by the mean of category i. A category with only zeros stays 0.
    """
    sums, counts = np.bincount(scores.labels, scores.scores), np.bincount(scores.labels)
    overall = sums.sum() / max(counts.sum(), 1)
    factors = np.divide(overall * counts, sums, out=np.zeros(len(sums)), where=sums > 0)
    return replace(scores, scores=(scores.scores * factors[scores.labels]).astype(np.float32))


def add_objectness(scores: Scores, objectness: np.ndarray, weight: float) -> Scores:
    """Add the instances' own scores: p_ij + w s_j.

    s_j is the same for all keywords of instance j. So it decides which instances keep a tag, not which tag.
    ASSUME not in the paper: an instance with a low score is more often no object of any category.

    Parameters
    ----------
    scores : Scores
        Of the whole split.
    objectness : (N,) float
        Scores of the salient instances, 0 to 1.
    weight : float
        w >= 0. With 0 the objective is that of the paper.

    Returns
    -------
    Scores
    """
    added = weight * np.repeat(objectness, np.diff(scores.offsets))
    return replace(scores, scores=(scores.scores + added).astype(np.float32))


def batch_problem(
    graph: Graph, batch: int, scores: Scores, fixed: np.ndarray, beta: float, retention: float
) -> tuple[np.ndarray, PartitionProblem]:
    """Build the problem of one batch.

    Parameters
    ----------
    graph : Graph
    batch : int
    scores : Scores
        Of the whole split.
    fixed : (N,) int
        Pinned labels of the whole split, -1 for free instances.
    beta, retention : float

    Returns
    -------
    instances : (n,) int64
        Positions of the batch's nodes in the split's salient instances.
    problem : PartitionProblem
        n_retained is floor(r n) for the n free instances that have a keyword (PAPER §4.3 eq. 8), plus pinned tags.
    """
    if not len(scores.offsets) - 1 == len(fixed) == graph.n_nodes:
        raise PartitionError(
            f"The graph has {graph.n_nodes} nodes, but there are scores for {len(scores.offsets) - 1} instances and "
            f"pinned labels for {len(fixed)}. They belong to different salient instances. Delete the graph and the "
            "scores and run the workflow again."
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


def as_partition(instances: np.ndarray, problem: PartitionProblem, solution: Solution) -> Partition:
    """Make the artefact of a solved batch."""
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


def tag_table(
    partitions: Sequence[Partition],
    instances: SalientInstances,
    scores: Scores,
    images: pd.DataFrame,
    categories: Categories,
) -> pd.DataFrame:
    """Make the table of the tags of all instances.

    Parameters
    ----------
    partitions : list of Partition
        Together they hold each instance of the split once.
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
        raise PartitionError(
            f"{len(where)} labels for {n} salient instances. Delete the partition and run the workflow again."
        )
    labels, margins, pinned = np.zeros(n, np.int64), np.full(n, np.nan), np.zeros(n, bool)
    for partition in partitions:
        labels[partition.instances] = partition.labels
        margins[partition.instances] = partition.margins
        pinned[partition.instances] = partition.pinned
    owners = np.repeat(np.arange(n), np.diff(scores.offsets))
    chosen = np.flatnonzero(scores.labels == labels[owners])
    foreign = np.setdiff1d(np.flatnonzero(labels > 0), owners[chosen])
    if len(foreign):
        raise PartitionError(
            f"Instance {instances.instance_ids[foreign[0]]} of {instances.image_ids[foreign[0]]} has label "
            f"{labels[foreign[0]]}, which is no keyword of its photo. Delete the partition and run the workflow again."
        )
    attention = np.full(n, np.nan)
    attention[owners[chosen]] = scores.scores[chosen]
    source = np.where(pinned, "override", "solver")
    return tag_columns(instances, images, categories, labels, attention, margins, source)
