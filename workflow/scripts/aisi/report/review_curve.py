"""How the accuracy of tags grows with a person's corrections: solved anew around the first of them, in two orders."""

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import tag_metrics
from aisi.formats.review_curve import REVIEW_CURVE_COLUMNS
from aisi.labels import ALL, NOISY
from aisi.partition import solve
from aisi.partition.tags import batch_problem
from aisi.progress import progress

FREE = -1
"""Of an instance whose tag the solver chooses."""


def review_orders(margins, open_, n_random, seed):
    """Orders in which instances may be looked at.

    Parameters
    ----------
    margins : (N,) float
        NaN where there is none.
    open_ : (N,) bool
        Those that are looked at.
    n_random : int
        Number of random orders.
    seed : int

    Returns
    -------
    list of (str, int, (n,) int64)
        Name, number and positions: ``margin``, the least certain first, unknown ones last, ties in the order of the
        instances; then each ``random``.
    """
    positions = np.flatnonzero(open_)
    orders = [("margin", 0, positions[np.argsort(np.asarray(margins)[positions], kind="stable")])]
    randoms = np.random.default_rng(seed)
    return orders + [("random", draw, randoms.permutation(positions)) for draw in range(n_random)]


def person_labels(true_labels, scores):
    """What a person says of each instance: its true category if it is a keyword of the photo, else noisy."""
    owners = np.repeat(np.arange(len(true_labels)), np.diff(scores.offsets))
    said = np.full(len(true_labels), NOISY)
    known = scores.labels == np.asarray(true_labels)[owners]
    said[owners[known]] = scores.labels[known]
    return said


def solve_around(graph, scores, fixed, beta, retention, solver, gap):
    """Labels (N,) int64 of all instances, each batch of the graph solved around the pins ``fixed``."""
    labels = np.zeros(graph.n_nodes, np.int64)
    for batch in range(len(graph.batches) - 1):
        instances, problem = batch_problem(graph, batch, scores, fixed, beta, retention)
        labels[instances] = solve(problem, solver, gap).labels
    return labels


def review_curve(graph, scores, tags, true_labels, judged, shares, n_random, seed, **settings):
    """Accuracy of the tags after corrections, for each order and each share of the instances looked at.

    Parameters
    ----------
    graph : Graph
    scores : Scores
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`; overrides among them stay pinned.
    true_labels : (N,) int
        Of the same instances, 0 where there is no true category.
    judged : (N,) bool
        Instances of photos with a true mask: these alone are looked at and counted.
    shares : list of float
        Of the judged instances that are not pinned yet, 0 to 1.
    n_random, seed : int
        Random orders, and their seed.
    **settings
        beta, retention, solver and gap, as for :func:`solve_around`.

    Returns
    -------
    DataFrame
        Columns ``REVIEW_CURVE_COLUMNS``.
    """
    labels, n_keywords = tags["label"].to_numpy(), tags["keywords"].map(len).to_numpy()
    given, said = (tags["source"] == "override").to_numpy(), person_labels(true_labels, scores)
    differ = int((solve_around(graph, scores, np.where(given, labels, FREE), **settings) != labels).sum())
    if differ:  # A time limit may end at other tags; other settings may not.
        print(f"Solved anew without corrections, {differ} of {len(labels)} tags differ from those of the run.")
    orders = review_orders(tags["margin"], judged & ~given, n_random, seed)
    rows = []
    for name, draw, order in progress(orders, unit="order"):
        for share in shares:
            seen = order[: round(share * len(order))]
            fixed = np.where(given, labels, FREE)
            fixed[seen] = said[seen]
            solved = solve_around(graph, scores, fixed, **settings)
            alone = labels.copy()
            alone[seen] = said[seen]
            found = {
                metric: value
                for metric, category, value, _ in tag_metrics(
                    solved[judged], true_labels[judged], n_keywords[judged], []
                )
                if category == ALL
            }
            rows.append(
                {
                    **{"order": name, "draw": draw, "share": share, "seen": len(seen)},
                    **{"corrected": int((labels[seen] != said[seen]).sum()), "n": int(judged.sum())},
                    **{metric: found[metric] for metric in ("accuracy", "accuracy_objects", "accuracy_multi")},
                    "accuracy_alone": float(np.mean(alone[judged] == true_labels[judged])),
                }
            )
    return pd.DataFrame(rows, columns=REVIEW_CURVE_COLUMNS)
