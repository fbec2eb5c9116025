"""Compare two runs: their figures side by side, and whether a difference is larger than the spread of seeds.

No rule starts this script, a person does:

python workflow/scripts/compare_runs.py runs/a runs/b
"""

import argparse
from pathlib import Path

import pandas as pd

from aisi.formats.metrics import read_metrics
from aisi.labels import ALL
from aisi.report.tables import compare_metrics, markdown


def main(first, second, categories=False, output=None):
    """Print the comparison. ``categories``: also of each category. ``output``: also write it to this CSV."""
    table = compare_metrics(read_run(first), read_run(second))
    table = table if categories else table[table["category"] == ALL].drop(columns="category")
    if output:
        table.to_csv(output, index=False, float_format="%.7g", lineterminator="\n")
    print(markdown(table.drop(columns="protocol")))


def read_run(path):
    """All figures of a metrics.csv, or of a run's folder: results/metrics.csv and those of its experiments."""
    path = Path(path)
    results = path / "results" if (path / "results").is_dir() else path
    files = [results / "metrics.csv", *sorted(results.glob("experiments/*/metrics.csv"))] if path.is_dir() else [path]
    found = [read_metrics(file) for file in files if file.is_file()]
    if not found:
        raise SystemExit(
            f"{path}: found no metrics.csv, expected one, or the folder of a run with results/metrics.csv."
        )
    return pd.concat(found, ignore_index=True).drop_duplicates()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", metavar="A", help="folder of a run, or a metrics.csv")
    parser.add_argument("second", metavar="B")
    parser.add_argument("--categories", action="store_true", help="also compare the figures of each category")
    parser.add_argument("--output", metavar="CSV", help="also write the table to this file")
    main(**vars(parser.parse_args()))
