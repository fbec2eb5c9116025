"""Measure Snakemake's own share of the demo: the seconds of `make demo` on one core in which no job ran.

    python benchmarks/overhead.py FOLDER    # a new folder in which the demo runs

Snakemake's share is planning, starting and ending of jobs, hashing, and the report. The seconds of the jobs are in
results/benchmarks.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pandas as pd

ROOT = Path(__file__).parents[1]


def main(folder):
    """Run the demo in a folder; print its seconds, those of its jobs, and the share of the rest."""
    if folder.exists():
        raise SystemExit(f"{folder} exists, so its results would not be computed again. Name a new folder.")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", folder]
    command += ["--report", "results/report.html", "--report-after-run"]
    started = perf_counter()
    subprocess.run(command, cwd=ROOT, check=True)
    wall = perf_counter() - started
    tables = [pd.read_csv(path, sep="\t") for path in (folder / "results").rglob("benchmarks/**/*.tsv")]
    jobs = sum(table["s"].sum() for table in tables)
    print(f"{len(tables)} jobs: {jobs:.0f} of {wall:.0f} s; Snakemake's own share {1 - jobs / wall:.1%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder.resolve())
