"""How the accuracy of tags grows with a person's corrections, if the partition is solved again around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import tag_metrics
from aisi.formats.graph import Graph
from aisi.formats.review_curve import REVIEW_CURVE_COLUMNS
from aisi.formats.scores import Scores
from aisi.labels import ALL, NOISY
from aisi.partition import solve
from aisi.partition.photo_terms import PhotoTerms
from aisi.partition.tags import batch_problem
from aisi.progress import progress

FREE = -1
"""Marks an instance that has no fixed label: the solver chooses it."""


def review_orders(
    margins: Sequence[float] | pd.Series, reviewed: np.ndarray, n_random: int, seed: int
) -> list[tuple[str, int, np.ndarray]]:
    """Orders in which a person may review instances.

    Parameters
    ----------
    margins : (N,) float
        NaN where unknown.
    reviewed : (N,) bool
        The instances that the person reviews.
    n_random : int
        Number of random orders.
    seed : int

    Returns
    -------
    list of (str, int, (n,) int64)
        Name, number and positions of each order. The first is ``margin``: the least certain instance first, unknown
        margins last, ties in the order of the instances. The others are ``random``.
    """
    positions = np.flatnonzero(reviewed)
    orders = [("margin", 0, positions[np.argsort(np.asarray(margins)[positions], kind="stable")])]
    randoms = np.random.default_rng(seed)
    return orders + [("random", draw, randoms.permutation(positions)) for draw in range(n_random)]


def person_labels(true_labels: Sequence[int] | np.ndarray, scores: Scores) -> np.ndarray:
    """Labels that a person gives: the true category if it is a keyword of the photo, else noisy.

    Parameters
    ----------
    true_labels : (N,) int
        0 for an instance of no category.
    scores : Scores
        Of the same instances; their labels are the keywords of each photo.

    Returns
    -------
    (N,) int64
    """
    owners = np.repeat(np.arange(len(true_labels)), np.diff(scores.offsets))
    given = np.full(len(true_labels), NOISY)
    known = scores.labels == np.asarray(true_labels)[owners]
    given[owners[known]] = scores.labels[known]
    return given


def solve_around(
    graph: Graph,
    scores: Scores,
    fixed: np.ndarray,
    beta: float,
    retention: float,
    solver: str,
    gap: float,
    photos: PhotoTerms | None = None,
) -> np.ndarray:
    """Solve each batch of the graph with fixed labels.

    Parameters
    ----------
    graph : Graph
    scores : Scores
    fixed : (N,) int
        Label of each fixed instance, ``FREE`` for the others.
    beta, retention, gap : float
    solver : str
        As for :func:`aisi.partition.solve`.
    photos : PhotoTerms, optional
        As for :func:`aisi.partition.tags.batch_problem`.

    Returns
    -------
    (N,) int64
        Labels of all instances.
    """
    labels = np.zeros(graph.n_nodes, np.int64)
    for batch in range(len(graph.batches) - 1):
        instances, problem = batch_problem(graph, batch, scores, fixed, beta, retention, photos)
        labels[instances] = solve(problem, solver, gap).labels
    return labels


def review_curve(
    graph: Graph,
    scores: Scores,
    tags: pd.DataFrame,
    true_labels: np.ndarray,
    evaluated: np.ndarray,
    shares: Sequence[float],
    n_random: int,
    seed: int,
    **settings: Any,
) -> pd.DataFrame:
    """Accuracy of the tags after corrections, for each order and each share of reviewed instances.

    Parameters
    ----------
    graph : Graph
    scores : Scores
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`; overrides stay fixed.
    true_labels : (N,) int
        Of the same instances, 0 for an instance of no category.
    evaluated : (N,) bool
        Instances of photos with a true mask. Only these are reviewed and counted.
    shares : sequence of float
        Shares, 0 to 1, of the evaluated instances that have no override.
    n_random, seed : int
        Number of random orders, and their seed.
    **settings
        beta, retention, solver, gap and photos, as for :func:`solve_around`.

    Returns
    -------
    DataFrame
        Columns ``REVIEW_CURVE_COLUMNS``.
    """
    labels, n_keywords = tags["label"].to_numpy(), tags["keywords"].map(len).to_numpy()
    overridden, corrections = (tags["source"] == "override").to_numpy(), person_labels(true_labels, scores)
    differ = int((solve_around(graph, scores, np.where(overridden, labels, FREE), **settings) != labels).sum())
    if differ:  # only a time limit may lead to other tags
        print(f"Solved again without corrections, {differ} of {len(labels)} tags differ from the tags of the run.")
    orders = review_orders(tags["margin"], evaluated & ~overridden, n_random, seed)
    rows = []
    for name, draw, order in progress(orders, unit="order"):
        for share in shares:
            seen = order[: round(share * len(order))]
            fixed = np.where(overridden, labels, FREE)
            fixed[seen] = corrections[seen]
            solved = solve_around(graph, scores, fixed, **settings)
            alone = labels.copy()
            alone[seen] = corrections[seen]
            found = {
                metric: value
                for metric, category, value, _ in tag_metrics(
                    solved[evaluated], true_labels[evaluated], n_keywords[evaluated], []
                )
                if category == ALL
            }
            rows.append(
                {
                    **{"order": name, "draw": draw, "share": share, "seen": len(seen)},
                    **{"corrected": int((labels[seen] != corrections[seen]).sum()), "n": int(evaluated.sum())},
                    **{metric: found[metric] for metric in ("accuracy", "accuracy_objects", "accuracy_multi")},
                    "accuracy_alone": float(np.mean(alone[evaluated] == true_labels[evaluated])),
                }
            )
    return pd.DataFrame(rows, columns=REVIEW_CURVE_COLUMNS)
