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
from aisi.partition.photo_terms import PhotoTerms, photo_terms

LEAST_RETENTION = 0.5
"""Smallest r that ``auto`` gives: a detector may underestimate what it found."""


@dataclass(frozen=True)
class Objective:
    """What an assignment maximises besides similarity (PAPER §4.3 eq. 7).

    Attributes
    ----------
    beta : float
        Weight of the scores, >= 0.
    balance_categories : float
        How far the scores of all categories are scaled to one mean, 0 to 1, see :func:`balance_categories`.
    objectness_weight : float
        Weight >= 0 of the instances' objectness, see :func:`add_objectness`.
    overlap_penalty, presence_reward : float
        >= 0, see :class:`aisi.partition.PartitionProblem`.
    """

    beta: float
    balance_categories: float
    objectness_weight: float
    overlap_penalty: float = 0.0
    presence_reward: float = 0.0

    def weigh(self, scores: Scores, objectness: np.ndarray) -> Scores:
        """Give the scores as the objective counts them; ``objectness`` (N,) is as for :func:`add_objectness`."""
        balanced = balance_categories(scores, self.balance_categories)
        return add_objectness(balanced, objectness, self.objectness_weight)

    def of_photos(self, instances: SalientInstances) -> PhotoTerms:
        """Find what the objective counts in photos; the instances need masks only if ``overlap_penalty`` is above 0."""
        return photo_terms(instances, self.overlap_penalty, self.presence_reward)


def no_graph(n_instances: int) -> Graph:
    """Make a graph without edges, for assignments that treat each instance alone."""
    edges, weights = np.zeros((0, 2), np.int32), np.zeros(0, np.float32)
    return Graph(edges, weights, n_instances, np.array([0, n_instances]), np.arange(n_instances))


def batches_of_job(n_batches: int, n_jobs: int, job: int) -> list[int]:
    """List the batches that a job solves: consecutive ones, distributed as evenly as possible."""
    return np.array_split(np.arange(n_batches), n_jobs)[job].tolist()


def balance_categories(scores: Scores, power: float) -> Scores:
    """Scale the scores of each category towards the mean of all scores, so that all keywords count more equally.

    ASSUME not in the paper: a classifier gives frequent keywords higher scores than rare ones. How much of the
    difference is the classifier's differs from dataset to dataset, so a power between 0 and 1 takes part of it away.

    Parameters
    ----------
    scores : Scores
        Of the whole split, p_ij >= 0.
    power : float
        0 leaves the scores as they are, 1 gives all categories the same mean.

    Returns
    -------
    Scores
        p_ij times (the mean of all scores, divided by the mean of category i) to the power. A category with only zeros
        stays 0.
    """
    sums, counts = np.bincount(scores.labels, scores.scores), np.bincount(scores.labels)
    overall = sums.sum() / max(counts.sum(), 1)
    factors = np.divide(overall * counts, sums, out=np.zeros(len(sums)), where=sums > 0) ** float(power)
    return replace(scores, scores=(scores.scores * factors[scores.labels]).astype(np.float32))


def add_objectness(scores: Scores, objectness: np.ndarray, weight: float) -> Scores:
    """Add the instances' objectness: p_ij + w s_j.

    s_j is the same for all keywords of instance j. So it decides which instances keep a tag, not which tag.
    ASSUME not in the paper: an instance with a low score is more often no object of any category.

    Parameters
    ----------
    scores : Scores
        Of the whole split.
    objectness : (N,) float
        s_j, 0 to 1: the instances' own scores, or the probability that they show an object.
    weight : float
        w >= 0. With 0 the objective is that of the paper.

    Returns
    -------
    Scores
    """
    added = weight * np.repeat(objectness, np.diff(scores.offsets))
    return replace(scores, scores=(scores.scores + added).astype(np.float32))


def choose_retention(r: float | str, objectness: np.ndarray, scores: Scores) -> float:
    """Choose the share of instances that keep a tag (PAPER §4.3 eq. 8).

    ASSUME not in the paper: if the objectness is a probability, its sum is the expected number of objects. So with
    ``auto`` as many instances keep a tag as objects are expected, in the whole dataset.

    Parameters
    ----------
    r : float or ``auto``
        A number is returned as it is.
    objectness : (N,) float
        0 to 1.
    scores : Scores
        Of the whole split: instances without a keyword do not count.

    Returns
    -------
    float
        In [``LEAST_RETENTION``, 1], with three decimals.
    """
    if not isinstance(r, str):
        return r
    own = objectness[np.diff(scores.offsets) > 0]
    expected = float(own.mean()) if len(own) else 1.0
    chosen = round(min(max(expected, LEAST_RETENTION), 1.0), 3)
    print(f"r: auto gives {chosen}, as the mean objectness of {len(own)} instances is {expected:.3f}.")
    return chosen


def batch_problem(
    graph: Graph,
    batch: int,
    scores: Scores,
    fixed: np.ndarray,
    beta: float,
    retention: float,
    photos: PhotoTerms | None = None,
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
    photos : PhotoTerms, optional
        Of the whole split.

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
        **(photos.of(instances) if photos else {}),
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
