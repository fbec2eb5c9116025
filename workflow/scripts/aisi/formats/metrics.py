"""Figures of evaluation in long form: CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.tables import read_table, write_table

METRICS = Format(
    "metrics",
    "one of the evaluate_ rules",
    columns={
        "assignment": TEXT,
        "network": TEXT,
        "seed": "Int64",
        "task": TEXT,
        "split": TEXT,
        "protocol": TEXT,
        "metric": TEXT,
        "category": TEXT,
        "value": "float64",
        "n": "int64",
    },
)
"""Figures in long form, one a row: `metrics.csv`, and those of each evaluation below `evaluation/`.

INTERFACE.md lists the tasks and the metrics.

Columns
-------
assignment, network
    What was evaluated: the source of the tags or masks, and the segmenter (empty if there is none).
seed
    Seed of the attention network, of random tags and of the segmenter.
task, split
    Which kind of result on which photos.
protocol
    What was counted.
metric, category
    Which figure, of one category or of `all`.
value
    Shares, IoU and AP are in [0, 1]. Empty if there is nothing to count.
n
    Number of items behind the value: instances or photos.
"""
METRIC_COLUMNS = list(METRICS.columns)


def write_metrics(path: str | Path, metrics: pd.DataFrame) -> None:
    """Write figures: columns ``METRIC_COLUMNS``; seed and n are whole numbers, category is ``all`` or a name."""
    with writing(path):
        _check(metrics)
    write_table(path, metrics, METRICS)


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_metrics` wrote."""
    metrics = read_table(path, METRICS)
    with reading(path, METRICS, "figures"):
        _check(metrics)
    return metrics


def _check(metrics):
    if len(metrics):
        require(not np.isinf(metrics["value"].astype(float)).any(), "an infinite value", "finite ones, or none")
        require(bool((metrics["n"] >= 0).all()), "a negative number of items", "n of at least 0")
