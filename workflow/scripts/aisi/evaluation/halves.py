"""Settings that one half of the photos chooses and the other half reports, so that no photo does both."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import compress, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.evaluation.assignments import Truth, evaluate_proxies, evaluate_tags
from aisi.evaluation.ground_truth import read_truth
from aisi.formats.dataset import Categories
from aisi.formats.graph import Graph
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.graph import build_graph
from aisi.labels import ALL
from aisi.partition import solve
from aisi.partition.tags import Objective, as_partition, batch_problem, choose_retention, tag_table
from aisi.planning.assignments import PAPER
from aisi.progress import progress
from aisi.proxy_masks import tagged_photos

SETTINGS = tuple(PAPER)
"""The settings of graph and partition that a combination has a value of."""
FIGURES = ["accuracy", "accuracy_objects", "proxy_miou"]
"""Columns of figures: accuracy of tags, the same of instances with a true category, mIoU of the proxy masks."""
CHOOSING = ["accuracy", "proxy_miou"]
"""The figures that choose: the best mean of the ranks by these two."""
WHOLE = "all photos"
"""In the column half: both halves together."""

Combination = Mapping[str, Any]
"""Values of ``SETTINGS``."""


def combinations(grid: Mapping[str, Sequence[Any]], configured: Combination) -> list[dict[str, Any]]:
    """Every combination of the values of the grid; settings without values are as configured."""
    values = [grid.get(name, [configured[name]]) for name in SETTINGS]
    return [dict(zip(SETTINGS, chosen, strict=True)) for chosen in product(*values)]


@dataclass(frozen=True)
class Split:
    """What all combinations share: a split with its instances, their features and their true tags.

    Attributes
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories
    instances : SalientInstances
    objectness : (N,) float
        How surely each instance shows an object, as from :func:`aisi.formats.objectness.read_objectness`.
    features : (N, D) float32
    oracle : DataFrame
        The true tags, as from :func:`aisi.formats.tags.read_tags`.
    """

    photos: pd.DataFrame
    categories: Categories
    instances: SalientInstances
    objectness: np.ndarray
    features: np.ndarray
    oracle: pd.DataFrame

    def of(self, image_ids: Collection[str]) -> "Split":
        """The same of some photos."""
        wanted = set(image_ids)
        rows = np.flatnonzero([image_id in wanted for image_id in self.instances.image_ids])
        instances = SalientInstances(
            self.instances.image_ids[rows],
            self.instances.instance_ids[rows],
            self.instances.boxes[rows],
            self.instances.scores[rows],
            [self.instances.masks[row] for row in rows],
        )
        photos = self.photos[self.photos["image_id"].isin(wanted)]
        oracle = self.oracle[self.oracle["image_id"].isin(wanted)]
        return Split(photos, self.categories, instances, self.objectness[rows], self.features[rows], oracle)


def assign(
    split: Split,
    scores: Scores,
    settings: Combination,
    graphs: dict[Any, Graph],
    solver: str = "message_passing",
    gap: float = 1e-6,
) -> pd.DataFrame:
    """Tags of all instances of a split, as rules build_graph, solve_partition and write_tags make them.

    Parameters
    ----------
    split : Split
    scores : Scores
        Of one seed.
    settings : dict
        Values of ``SETTINGS``.
    graphs : dict
        Graphs that were built before; the function adds what it builds.
    solver, gap
        As for :func:`aisi.partition.solve`.

    Returns
    -------
    DataFrame
        As from :func:`aisi.partition.tags.tag_table`.
    """
    shared, centre = settings["shared_keywords_only"], settings["centre_features"]
    key = settings["k"], shared, centre
    if key not in graphs:
        keywords = (scores.offsets, scores.labels) if shared else None
        graphs[key] = build_graph(split.features, settings["k"], keywords, centre=centre, quiet=True)
    objective = Objective(**{field.name: settings[field.name] for field in fields(Objective)})
    weighed, photos = objective.weigh(scores, split.objectness), objective.of_photos(split.instances)
    retention = choose_retention(settings["retention"], split.objectness, scores)
    free = np.full(len(split.instances), -1)
    nodes, problem = batch_problem(graphs[key], 0, weighed, free, settings["beta"], retention, photos)
    solution = solve(problem, solver=solver, gap=gap)
    return tag_table([as_partition(nodes, problem, solution)], split.instances, scores, split.photos, split.categories)


def evaluate(split: Split, tables: Sequence[pd.DataFrame], truth: Iterator[Truth]) -> Iterator[dict[str, float]]:
    """Evaluate tables of tags on the photos of a split.

    Parameters
    ----------
    split : Split
        The photos that count.
    tables : list of DataFrame
        As from :func:`assign`, of these photos and any others.
    truth : iterator
        True masks of the photos of ``split``, in their order.

    Yields
    ------
    dict
        ``proxy_miou``, and the accuracies of :func:`aisi.evaluation.assignments.evaluate_tags` over all categories.
    """
    names, image_ids = split.categories.names, set(split.photos["image_id"])
    parts = [table[table["image_id"].isin(image_ids)] for table in tables]
    tagged = zip(
        *(tagged_photos([(split.photos, split.instances)], part, split.categories) for part in parts), strict=True
    )
    proxies = evaluate_proxies(zip(tagged, truth, strict=True), len(parts), names)
    for part, figures in zip(parts, proxies, strict=True):
        tags = evaluate_tags(part, split.oracle, image_ids, names)
        [miou] = [value for metric, _, value, _ in figures["proxy_semantic"].rows if metric == "miou"]
        yield {"proxy_miou": miou} | {metric: value for metric, name, value, _ in tags.rows if name == ALL}


def evaluate_halves(
    split: Split,
    image_ids: Sequence[str],
    scores: Mapping[int, Scores],
    grid: Sequence[Combination],
    configured: Combination,
    masks_folder: str | Path,
    solver: str,
    gap: float,
) -> pd.DataFrame:
    """Solve all photos together with every combination and seed, and evaluate each half of the photos alone.

    Parameters
    ----------
    split : Split
    image_ids : sequence of str
        Photos with a true mask; every other one is in half 1.
    scores : dict
        Seed to scores.
    grid, configured
        As for :func:`halves_table`; the paper's settings are evaluated as well.
    masks_folder : str or Path
        Folder of true masks.
    solver, gap
        As for :func:`assign`.

    Returns
    -------
    DataFrame
        Columns half (``1``, ``2``, or ``WHOLE`` for the paper's and the configured settings), seed, ``SETTINGS`` and
        ``FIGURES``.
    """
    parts = {"1": split.of(image_ids[::2]), "2": split.of(image_ids[1::2]), WHOLE: split.of(image_ids)}
    evaluated = [*grid, *(settings for settings in (PAPER, configured) if settings not in grid)]
    graphs: dict[Any, Graph] = {}
    rows = []
    for seed, of_seed in scores.items():
        tables = [
            assign(split, of_seed, settings, graphs, solver, gap) for settings in progress(evaluated, unit="problem")
        ]
        for half, part in parts.items():
            own = part.photos
            truth = read_truth(own, own, own[:0], masks_folder, masks_folder, len(split.categories))
            given = [settings in (PAPER, configured) or half != WHOLE for settings in evaluated]
            figures = evaluate(part, list(compress(tables, given)), truth)
            for settings, found in zip(compress(evaluated, given), figures, strict=True):
                rows.append({"half": half, "seed": seed, **settings} | {name: found[name] for name in FIGURES})
    return pd.DataFrame(rows)


def choose(figures: pd.DataFrame, grid: Sequence[Combination]) -> dict[str, Any]:
    """The combination of the grid with the best mean rank by the figures ``CHOOSING``.

    Parameters
    ----------
    figures : DataFrame
        Columns ``SETTINGS`` and ``FIGURES``, a row for each combination and seed, of the photos that choose.
    grid : list of dict
        The combinations to choose from.

    Returns
    -------
    dict
        Of equally good ones the one that has most values in common with the paper's settings, then the first.
    """
    means = figures.groupby(list(SETTINGS), sort=False)[CHOOSING].mean()
    means = means.loc[[tuple(settings[name] for name in SETTINGS) for settings in grid]]
    ranks = means.rank(ascending=False).mean(axis=1)
    changes = [sum(value != PAPER[name] for name, value in settings.items()) for settings in grid]
    return dict(min(zip(ranks, changes, range(len(grid)), grid, strict=True), key=lambda entry: entry[:3])[3])


def halves_table(figures: pd.DataFrame, grid: Sequence[Combination], configured: Combination) -> pd.DataFrame:
    """What the settings give that the other half chose, beside the paper's and the configured ones.

    Parameters
    ----------
    figures : DataFrame
        As from :func:`evaluate_halves`.
    grid : list of dict
        As from :func:`combinations`.
    configured : dict
        The configured settings.

    Returns
    -------
    DataFrame
        Columns half (``1``, ``2``, ``mean``, ``WHOLE``), settings (what chose them), ``SETTINGS`` as text, and each of
        ``FIGURES`` with its standard deviation over the seeds (heading + `` sd``). The rows ``mean`` are the means of
        the two halves. The last rows are of all photos.
    """
    halves = {half: figures[figures["half"] == half] for half in ("1", "2")}
    chosen: dict[str, dict[Any, Combination]] = {
        "the paper's": {half: PAPER for half in halves},
        "chosen on the other half": {"1": choose(halves["2"], grid), "2": choose(halves["1"], grid)},
        "as configured": {half: configured for half in halves},
    }
    rows = []
    for half in halves:
        for title, settings in chosen.items():
            own = _of(halves[half], settings[half]).set_index("seed")[FIGURES]
            rows.append({"half": half, "settings": title} | _as_text(settings[half]) | _mean_and_sd(own))
    for title, settings in chosen.items():
        both = [_of(part, settings[half]).set_index("seed")[FIGURES] for half, part in halves.items()]
        rows.append(
            {"half": "mean", "settings": title} | dict.fromkeys(SETTINGS, "") | _mean_and_sd(sum(both) / len(both))
        )
    whole = figures[figures["half"] == WHOLE]
    for title, values in (("the paper's", PAPER), ("as configured", configured)):
        own = _of(whole, values).set_index("seed")[FIGURES]
        rows.append({"half": WHOLE, "settings": title} | _as_text(values) | _mean_and_sd(own))
    return pd.DataFrame(rows)


def _of(figures, settings):
    return figures[np.logical_and.reduce([figures[name] == settings[name] for name in SETTINGS])]


def _as_text(settings):
    return {name: f"{value:g}" if isinstance(value, float) else str(value).lower() for name, value in settings.items()}


def _mean_and_sd(figures):
    """Mean and standard deviation over the seeds."""
    parts = [{name: figures[name].mean(), f"{name} sd": figures[name].std()} for name in FIGURES]
    return {name: value for part in parts for name, value in part.items()}
