"""Compare two rows of the results photo by photo: a paired bootstrap over the photos they share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aisi.evaluation.metrics import intersection_over_union_of
from aisi.formats.photo_counts import PHOTO_COUNT_COLUMNS
from aisi.labels import NOISY_TAG

N_RESAMPLES = 10_000
CONFIDENCE = 0.95
_CHUNK = 250
"""Resamples whose weights are in memory at once."""

COMPARISON_COLUMNS = [
    *("task", "network", "split", "protocol", "metric"),
    *("A", "B", "difference", "low", "high", "differs", "photos"),
]


def compare_rows(
    counts: pd.DataFrame,
    other_counts: pd.DataFrame,
    first: str,
    second: str,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare two rows, figure by figure.

    Each resample draws as many photos as there are, with replacement, the same ones for both rows. The interval holds
    the central ``confidence`` of the differences (percentile bootstrap). Figures are means over the seeds of a row, so
    the interval says what other photos would change, not what other seeds would.

    Parameters
    ----------
    counts, other_counts : DataFrame
        As from :func:`aisi.formats.photo_counts.read_photo_counts`: those of the first row's run and of the second's.
    first, second : str
        Assignments, or ``assignment/network`` to compare two networks.
    n_resamples : int
    confidence : float
        In (0, 1).
    seed : int
        Of the resamples.

    Returns
    -------
    DataFrame
        Columns ``COMPARISON_COLUMNS``: A, B, difference = B - A, its interval from low to high, and differs: ``yes`` if
        0 lies outside of it.

    Raises
    ------
    ValueError
        If a row has no counts, the two have no task in common, were evaluated on other photos, or the counts contradict
        each other.
    """
    named = "/" in first and "/" in second
    one, two = (_of_row(table, name, named) for table, name in ((counts, first), (other_counts, second)))
    key = ["task", "network", "split", "protocol"]
    groups, others = dict(list(one.groupby(key, sort=False))), dict(list(two.groupby(key, sort=False)))
    common = [name for name in groups if name in others]
    if not common:
        raise ValueError(
            f"{first} has figures of {_listed(groups)}, {second} of {_listed(others)}: none in common. Name rows that "
            "were evaluated in the same way; to compare two networks, name both as assignment/network."
        )
    rows = []
    for head in common:
        rows += [(*head, *figures) for figures in _compare(groups[head], others[head], n_resamples, confidence, seed)]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _of_row(counts, name, named):
    assignment, _, network = name.partition("/")
    own = counts[(counts["assignment"] == assignment) & ((counts["network"] == network) | (network == ""))]
    own = own.drop_duplicates()  # an experiment evaluates rows of the results again
    if own.empty:
        known = sorted(
            {*counts["assignment"], *(counts["assignment"] + "/" + counts["network"])[counts["network"] != ""]}
        )
        raise ValueError(f"Found no counts of the row {name!r}, expected one of {', '.join(known)}.")
    if own.duplicated([column for column in PHOTO_COUNT_COLUMNS if column not in ("hits", "true", "found")]).any():
        raise ValueError(f"{name}: two files have other counts of one photo. Run the workflow again, then compare.")
    return own.assign(network="") if named else own


def _listed(groups):
    return ", ".join(" ".join(filter(None, (task, network, split))) for task, network, split, _ in groups) or "nothing"


def _compare(one, two, n_resamples, confidence, seed):
    """A figure a row: metric, A, B, difference, low, high, differs, photos."""
    task = one["task"].iloc[0]
    photos = sorted({*one["image_id"]} | {*two["image_id"]})
    if "semantic" in task and not {*one["image_id"]} == {*two["image_id"]}:
        raise ValueError(f"{task}: the rows were evaluated on other photos, so that they cannot be compared.")
    categories = sorted({*one["category"]} | {*two["category"]})
    stacks = [_stacked(table, photos, categories) for table in (one, two)]
    values = [_figures(task, stack.sum(1), categories) for stack in stacks]
    draws = {metric: np.empty(n_resamples) for metric in values[0]}
    random = np.random.default_rng(seed)
    for start in range(0, n_resamples, _CHUNK):
        size = min(_CHUNK, n_resamples - start)
        weights = random.multinomial(len(photos), np.full(len(photos), 1 / len(photos)), size).astype(float)
        drawn = [
            _figures(task, np.einsum("rp,spcn->srcn", weights, stack, optimize=True), categories) for stack in stacks
        ]
        for metric, own in draws.items():
            own[start : start + size] = drawn[1][metric] - drawn[0][metric]
    for metric, own in draws.items():
        a, b = (float(figures[metric]) for figures in values)
        low, high = np.nanquantile(own, [(1 - confidence) / 2, (1 + confidence) / 2])
        yield metric, a, b, b - a, low, high, "no" if low <= 0 <= high else "yes", len(photos)


def _stacked(table, photos, categories):
    """Hits, true and found as (S, P, C, 3) float by seed, photo and category."""
    seeds = sorted(table["seed"].unique())
    stack = np.zeros((len(seeds), len(photos), len(categories), 3))
    places = (pd.Index(known).get_indexer(table[name]) for known, name in ((seeds, "seed"), (photos, "image_id")))
    stack[(*places, pd.Index(categories).get_indexer(table["category"]))] = table[["hits", "true", "found"]]
    return stack


def _figures(task: str, sums: np.ndarray, categories: Sequence[str]) -> dict[str, np.ndarray]:
    """Figures of a task from sums (S, ..., C, 3), by metric: the mean over the S seeds."""
    hits, true, found = np.moveaxis(sums, -1, 0)
    if "semantic" in task:
        figures = {"miou": _mean(intersection_over_union_of(hits, true, found))}
    elif task == "tags":
        objects = np.array([name != NOISY_TAG for name in categories])
        figures = {
            "accuracy": _ratio(hits.sum(-1), true.sum(-1)),
            "accuracy_objects": _ratio(hits[..., objects].sum(-1), true[..., objects].sum(-1)),
        }
    else:
        figures = {
            "recall50": _ratio(hits.sum(-1), true.sum(-1)),
            "precision50": _ratio(hits.sum(-1), found.sum(-1)),
        }
    return {metric: values.mean(0) for metric, values in figures.items()}


def _ratio(hits, n):
    return np.divide(hits, n, out=np.full(np.shape(hits), np.nan), where=n > 0)


def _mean(values):
    """Mean over the last axis of what is not NaN."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))
