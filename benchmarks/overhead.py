"""Snakemake's own share of the demo: the seconds of `make demo` on one core in which no job ran.

    python benchmarks/overhead.py

Planning, starting and ending of jobs, hashing, and the report, beside the seconds of the jobs in results/benchmarks.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pandas as pd

ROOT = Path(__file__).parents[1]


def main():
    """Run the demo in a folder of its own, and print its seconds, the jobs' and the share of the rest."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", folder]
        command += ["--report", "results/report.html", "--report-after-run"]
        started = perf_counter()
        subprocess.run(command, cwd=ROOT, check=True)
        wall = perf_counter() - started
        tables = [pd.read_csv(path, sep="\t") for path in Path(folder, "results").rglob("benchmarks/**/*.tsv")]
    jobs = sum(table["s"].sum() for table in tables)
    print(f"{len(tables)} jobs: {jobs:.0f} of {wall:.0f} s; Snakemake's own share {1 - jobs / wall:.1%}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    main()
