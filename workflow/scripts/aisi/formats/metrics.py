"""Figures of evaluation in long form: CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.files import Format, reading, require, writing
from aisi.formats.tables import read_table, write_table

METRICS = Format("metrics", "the evaluate_ rules")

METRIC_COLUMNS = [
    *("assignment", "network", "seed", "task", "split", "protocol", "metric", "category", "value", "n"),
]
"""One figure a row: what was evaluated, by which metric and protocol, for which category, from how many items n."""


def write_metrics(path: str | Path, metrics: pd.DataFrame) -> None:
    """Write figures: columns ``METRIC_COLUMNS``; seed and n are whole numbers, category is ``all`` or a name."""
    with writing(path):
        _check(metrics)
    write_table(path, metrics, METRIC_COLUMNS)


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_metrics` wrote."""
    metrics = read_table(path, METRICS, METRIC_COLUMNS, {"seed": "Int64", "value": "float64", "n": "int64"})
    with reading(path, METRICS, "figures"):
        _check(metrics)
    return metrics


def _check(metrics):
    if len(metrics):
        require(not np.isinf(metrics["value"].astype(float)).any(), "an infinite value", "finite ones, or none")
        require(bool((metrics["n"] >= 0).all()), "a negative number of items", "n of at least 0")
