"""Collect the tables of the evaluation in one table."""

import pandas as pd

from aisi.formats.metrics import METRIC_COLUMNS, read_metrics, write_metrics
from aisi.progress import log_to


def main(parts_paths, metrics_path):
    """Write all rows in the order of the tables. Without tables write the header alone."""
    tables = [read_metrics(path) for path in parts_paths]
    metrics = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=METRIC_COLUMNS)
    write_metrics(metrics_path, metrics)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(parts_paths=snakemake.input.parts, metrics_path=snakemake.output.metrics)
