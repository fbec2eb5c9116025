"""Figures in long form: CSV."""

from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table

METRICS = Format("metrics", "the evaluate_ rules")

METRIC_COLUMNS = [
    *("assignment", "network", "seed", "task", "split", "protocol", "metric", "category", "value", "n"),
]


def write_metrics(path, metrics):
    """Write figures in long form: columns ``METRIC_COLUMNS``, seed and n whole numbers, category ``all`` or a name."""
    write_table(path, metrics, METRIC_COLUMNS)


def read_metrics(path):
    """Read what :func:`write_metrics` wrote."""
    return read_table(path, METRICS, METRIC_COLUMNS, {"seed": "Int64", "value": "float64", "n": "int64"})
