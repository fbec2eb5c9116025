"""Compare two runs, or two rows of a run: their figures side by side, and what chance explains.

No rule starts this script, a person does:

python workflow/scripts/compare_runs.py runs/a runs/b
python workflow/scripts/compare_runs.py runs/a --rows attention partition
"""

import argparse
from pathlib import Path

import pandas as pd

from aisi.evaluation.comparison import CONFIDENCE, N_RESAMPLES, compare_rows
from aisi.formats.metrics import read_metrics
from aisi.formats.photo_counts import read_photo_counts
from aisi.labels import ALL
from aisi.report.tables import compare_metrics, markdown


def main(first, second=None, rows=None, categories=False, output=None):
    """Print the comparison of two runs, or of two rows.

    Parameters
    ----------
    first, second : str or Path
        Folders of runs, or files metrics.csv.
    rows : pair of str, optional
        Rows to compare: the first of run ``first``, the second of run ``second`` (of ``first`` without it).
    categories : bool
        Also compare the figures of each category (of runs).
    output : str or Path, optional
        CSV into which the table is written, too.
    """
    if rows:
        table = rows_of_runs(first, second or first, *rows)
    elif second:
        table = compare_metrics(read_run(first), read_run(second))
        table = table if categories else table[table["category"] == ALL].drop(columns="category")
    else:
        raise SystemExit("found one run, expected two runs, or --rows with two rows of the run.")
    if output:
        table.to_csv(output, index=False, float_format="%.7g", lineterminator="\n")
    print(markdown(table.drop(columns="protocol")))
    if rows:
        print(
            f"\nA is {rows[0]}, B is {rows[1]}. low to high: {CONFIDENCE:.0%} interval of the difference, from "
            f"{N_RESAMPLES} draws of the photos. differs: 0 is outside of it. It says nothing about other seeds."
        )


def rows_of_runs(first, second, *rows):
    """Compare a row of one run with a row of the other, or of the same."""
    counts = read_counts(first)
    try:
        return compare_rows(counts, counts if second == first else read_counts(second), *rows)
    except ValueError as error:
        raise SystemExit(error) from error


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


def read_counts(path):
    """What was counted in each photo of a run: all files of its evaluations and experiments."""
    results = Path(path, "results") if Path(path, "results").is_dir() else Path(path)
    homes = ["", "seed-*/", "reference/", "reference/seed-*/"]
    files = [file for home in homes for file in sorted(results.glob(f"{home}evaluation/photos/**/*.csv"))]
    files += sorted(results.glob("experiments/*/photos.csv"))
    if not files:
        raise SystemExit(
            f"{path}: found no counts of photos, expected the folder of a run with results/evaluation/photos. Run the "
            "workflow again with true masks for evaluation, or an experiment (docs/experiments.md)."
        )
    return pd.concat(map(read_photo_counts, files), ignore_index=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", metavar="A", help="folder of a run, or a metrics.csv")
    parser.add_argument("second", metavar="B", nargs="?", help="another one")
    parser.add_argument(
        "--rows",
        nargs=2,
        metavar=("ROW", "ROW"),
        help="compare two rows photo by photo, assignments or assignment/network: the first of A, the second of B or A",
    )
    parser.add_argument("--categories", action="store_true", help="also compare the figures of each category")
    parser.add_argument("--output", metavar="CSV", help="also write the table to this file")
    main(**vars(parser.parse_args()))
