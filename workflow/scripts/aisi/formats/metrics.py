"""Figures of evaluation in long form: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table

METRICS = Format("metrics", "the evaluate_ rules")

METRIC_COLUMNS = [
    *("assignment", "network", "seed", "task", "split", "protocol", "metric", "category", "value", "n"),
]
"""One figure a row: what was evaluated, by which metric and protocol, for which category, from how many items n."""


def write_metrics(path: str | Path, metrics: pd.DataFrame) -> None:
    """Write figures: columns ``METRIC_COLUMNS``; seed and n are whole numbers, category is ``all`` or a name."""
    write_table(path, metrics, METRIC_COLUMNS)


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_metrics` wrote."""
    return read_table(path, METRICS, METRIC_COLUMNS, {"seed": "Int64", "value": "float64", "n": "int64"})
