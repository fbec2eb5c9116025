"""Plots of the report. Bars differ in grey level and hatch, so that they can be told apart in print."""

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from aisi.files import atomic
from aisi.labels import NOISY
from aisi.report.tables import SPREAD

HATCHES = ("", "///", "...", "xxx", "---", "\\\\\\", "ooo", "+++")
SMALL = {"fontsize": 7, "ha": "center"}
GREYS = ("0.15", "0.95", "0.75", "0.9", "0.55", "0.85", "0.65", "1.0")


def save_figure(path: str | Path, figure: Figure) -> None:
    """Write a figure as PNG. The same figure gives the same bytes. No text is mathematics: names may hold $."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={"Software": None})


def plot_assignments(table: pd.DataFrame) -> Figure:
    """Plot bars for each figure, one bar for each assignment.

    Parameters
    ----------
    table : DataFrame
        As from :func:`aisi.report.tables.assignment_table`.

    Returns
    -------
    Figure
    """
    figures = [name for name in table if ": " in name]
    figure = Figure(figsize=(max(7, 1.9 * len(figures)), 4), layout="constrained")
    labels = [f"{row.assignment} ({row.network})" if row.network else row.assignment for row in table.itertuples()]
    _bars(figure.subplots(), table[figures].to_numpy(float).T, [name.replace(": ", "\n") for name in figures], labels)
    return figure


def plot_categories(table: pd.DataFrame) -> Figure:
    """Plot bars for the IoU of each category.

    Parameters
    ----------
    table : DataFrame
        As from :func:`aisi.report.tables.category_table`.

    Returns
    -------
    Figure
    """
    series = [name for name in table if name != "category"]
    figure = Figure(figsize=(max(7, 0.22 * len(table) * max(1, len(series))), 4), layout="constrained")
    axes = figure.subplots()
    _bars(axes, table[series].to_numpy(float), list(table["category"]), series, values=False)
    axes.set_ylabel("IoU")
    axes.tick_params(axis="x", rotation=60)
    return figure


def _bars(axes, heights, groups, series, values=True):
    """Draw bars of heights, (G, S), or a sentence if there are none."""
    if not heights.size:
        axes.text(0.5, 0.5, "There are no true masks, so nothing is evaluated.", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    width = 0.84 / len(series)
    for index, (name, grey, hatch) in enumerate(zip(series, cycle(GREYS), cycle(HATCHES), strict=False)):
        places = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * width
        bars = axes.bar(places, heights[:, index], width, label=name, color=grey, hatch=hatch, edgecolor="black")
        if values:
            texts = ["" if np.isnan(height) else f"{height:.2f}".lstrip("0") for height in heights[:, index]]
            axes.bar_label(bars, texts, fontsize=7)
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.set_ylim(0, 1.05)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=min(4, len(series)), loc="lower center", bbox_to_anchor=(0.5, 1.0))


def plot_seeds(table: pd.DataFrame, paper: str | None = None) -> Figure:
    """Plot a panel for each figure of an experiment: a dot for each row, its standard deviation over seeds as a bar.

    Parameters
    ----------
    table : DataFrame
        As from :func:`aisi.report.tables.seed_table`.
    paper : str, optional
        Column of the paper's values, which are drawn as hollow diamonds.

    Returns
    -------
    Figure
    """
    names = [name for name in table if ": " in name and name + SPREAD in table] + ([paper] if paper in table else [])
    figure = Figure(figsize=(1.8 + 1.9 * max(1, len(names)), 1.1 + 0.32 * len(table)), layout="constrained")
    panels = figure.subplots(1, max(1, len(names)), sharey=True, squeeze=False)[0]
    labels = [f"{row.assignment} ({row.network})" if row.network else row.assignment for row in table.itertuples()]
    places = np.arange(len(table))
    for axes, name in zip(panels, names, strict=False):
        spreads = np.nan_to_num(table.get(name + SPREAD, np.zeros(len(table))))
        marker: dict[str, Any] = {"marker": "D", "markerfacecolor": "white"} if name == paper else {"marker": "o"}
        axes.errorbar(table[name], places, xerr=spreads, color="black", linestyle="none", capsize=3, **marker)
        digits = 1 if table[name].max() > 1 else 3
        for place, value in zip(places, table[name], strict=True):
            if np.isfinite(value):
                axes.annotate(f"{value:.{digits}f}", (value, place), (0, 6), textcoords="offset points", **SMALL)
        axes.set_title(name.replace(": ", "\n", 1), fontsize=8)
        axes.tick_params(labelsize=8)
        axes.margins(x=0.25, y=0.5 / max(1, len(table)))
        axes.grid(axis="y", color="0.85")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(places, labels)
    panels[0].invert_yaxis()
    return figure


def plot_losses(table: pd.DataFrame) -> Figure:
    """Plot what each cause takes of a category's IoU, as one bar each that adds up to 1.

    Parameters
    ----------
    table : DataFrame
        As from :func:`aisi.evaluation.losses.loss_table`. A cause that gives something back is drawn as nothing.

    Returns
    -------
    Figure
    """
    table = table[table["iou"].notna()]
    parts = ["iou", *(name for name in table if name not in ("category", "iou"))]
    figure = Figure(figsize=(8, 1.2 + 0.26 * len(table)), layout="constrained")
    axes, left = figure.subplots(), np.zeros(len(table))
    for name, grey, hatch in zip(parts, cycle(GREYS), cycle(HATCHES), strict=False):
        widths = table[name].clip(lower=0).to_numpy()
        label = "IoU reached" if name == "iou" else name
        axes.barh(table["category"], widths, left=left, label=label, color=grey, hatch=hatch, edgecolor="black")
        left = left + widths
    axes.invert_yaxis()
    axes.set_xlabel("share of the IoU")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def plot_training(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot the loss by epoch, a panel for each network: of the training, and of the held-out samples if there are any.

    Parameters
    ----------
    logs : dict
        Name of the network to its log, as from :func:`aisi.formats.training_log.read_training_log`.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(max(4, 3.2 * len(logs)), 3.4), layout="constrained")
    figure.suptitle("Good: the loss falls, then becomes level.", fontsize=9)
    panels = figure.subplots(1, max(1, len(logs)), squeeze=False)[0]
    for axes, (name, log) in zip(panels, logs.items(), strict=False):
        curves = {"training": (log["loss"], "k-", "o"), "held out": (log["held_out"], "k--", "s")}
        curves = {label: curve for label, curve in curves.items() if curve[0].notna().any()}
        for label, (values, style, marker) in curves.items():
            axes.plot(log["epoch"] + 1, values, style, marker=marker, markersize=3 if len(log) > 1 else 7, label=label)
            if len(log) == 1:
                axes.annotate(f"{label}: {values.iloc[0]:.3g}", (1, values.iloc[0]), (8, 0), textcoords="offset points")
        axes.set(title=name, xlabel="epoch: one pass over the photos", ylabel="loss: how wrong the network is")
        axes.set_xlim(0.5, max(len(log), 1) + (1.5 if len(log) == 1 else 0.5))
        axes.set_ylim(0, 1.05 * max([values.max() for values, *_ in curves.values()], default=1.0) or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1 and len(log) > 1:
            axes.legend(frameon=False)
    if not logs:
        panels[0].set_axis_off()
    return figure


def plot_calibration(calibration: pd.DataFrame) -> Figure:
    """Plot the share of instances that show an object by what each score says; the diagonal is perfect.

    Parameters
    ----------
    calibration : DataFrame
        As from :func:`aisi.formats.objectness.read_calibration`.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for (name, own), marker, grey in zip(calibration.groupby("score"), cycle("os^"), cycle(("black", "0.5"))):
        axes.plot(own["predicted"], own["objects"], marker=marker, color=grey, label=name)
    axes.set(xlabel="mean of the score", ylabel="share that shows an object", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def plot_keywords(table: pd.DataFrame, tags: pd.DataFrame) -> Figure:
    """Plot for each keyword its photos with and without an instance, and the margins of its instances.

    Parameters
    ----------
    table : DataFrame
        As from :func:`aisi.report.overview.keyword_table`.
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`. Without finite margins there is one panel.

    Returns
    -------
    Figure
    """
    known = tags[(tags["label"] != NOISY) & np.isfinite(tags["margin"])]
    n_panels = 2 if len(known) else 1
    figure = Figure(figsize=(4.5 * n_panels, 1.4 + 0.24 * len(table)), layout="constrained")
    axes, *more = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
    places, style = np.arange(len(table)), {"edgecolor": "black", "height": 0.7}
    axes.barh(places, table["found"], color="0.35", label="with an instance", **style)
    axes.barh(places, table["missing"], left=table["found"], color="white", hatch="///", label="without", **style)
    axes.set_yticks(places, table["keyword"])
    axes.set_xlabel("photos with the keyword")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for panel in more:
        margins = [known.loc[known["tag"] == name, "margin"].to_numpy() for name in table["keyword"]]
        dots = np.random.default_rng(0)  # moves dots apart that would cover each other
        for place, own in zip(places, margins, strict=True):
            panel.plot(own, place + dots.uniform(-0.25, 0.25, len(own)), "ko", markersize=3, alpha=0.5, linewidth=0)
        panel.axvline(0, color="black", linewidth=0.8)
        panel.set_xlabel("margin of each tag (near 0: unsure)")
        panel.tick_params(labelleft=False)
    for panel in (axes, *more):
        panel.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    return figure


def plot_review_curve(curve: pd.DataFrame) -> Figure:
    """Plot the accuracy of tags by the share of instances that a person has reviewed.

    Parameters
    ----------
    curve : DataFrame
        As from :func:`aisi.formats.review_curve.read_review_curve`. Random orders are averaged; bars show the
        lowest and the highest.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    orders = (("margin", "o", "least certain first", "black"), ("random", "s", "in random order", "0.5"))
    for order, marker, name, grey in orders:
        own = curve[curve["order"] == order].groupby("share")
        for column, line, suffix in (
            ("accuracy", "-", ", solved again around them"),
            ("accuracy_alone", ":", ", corrections alone"),
        ):
            mean, low, high = (getattr(own[column], how)() for how in ("mean", "min", "max"))
            spread = [(mean - low).to_numpy(), (high - mean).to_numpy()] if order == "random" and line == "-" else None
            axes.errorbar(
                100 * mean.index,
                mean,
                spread,
                color=grey,
                linestyle=line,
                marker=marker,
                capsize=3,
                label=name + suffix,
            )
    axes.set(xlabel="reviewed instances, %", ylabel="accuracy of the tags", xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
