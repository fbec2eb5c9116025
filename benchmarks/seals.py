"""Measure the price of seals: the share of each rule's time in which digests of files are computed.

    python benchmarks/seals.py FOLDER [CONFIGFILE]    # a folder in which the workflow has run with this config

For each job of the run, its inputs are checked and its outputs are digested again, and the CPU seconds of that are
divided by the CPU seconds of the job (results/benchmarks). Files without a seal, such as photos, are left out, and so
are jobs that have not run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aisi.formats.seal import check_seal, has_seal  # noqa: E402


def main(folder, configfiles):
    """Print a table: rule, jobs, seconds, MiB that were digested, share in percent."""
    os.chdir(folder)
    graph = [sys.executable, ROOT / "tests" / "integration" / "job_graph.py", ROOT / "Snakefile", folder, *configfiles]
    with tempfile.TemporaryFile("w+") as told:
        subprocess.run([*graph, "--targets", "all"], stdout=told, check=True, cwd=ROOT)
        told.seek(0)
        jobs = json.loads(told.read().strip().splitlines()[-1])["jobs"]
    rows = [
        (job["rule"], *map(sum, zip(*map(price, sealed_files(job["input"] + job["output"])), (0, 0), strict=True)))
        for job in jobs
    ]
    table = pd.DataFrame(rows, columns=["rule", "mebibytes", "digest_seconds"]).groupby("rule", sort=False)
    table = table.agg(jobs=("mebibytes", "size"), mebibytes=("mebibytes", "sum"), digests=("digest_seconds", "sum"))
    table["seconds"] = [rule_seconds(rule) for rule in table.index]
    table["percent"] = 100 * table["digests"] / table["seconds"]
    table = table[table["seconds"] > 0]
    print(table[table["mebibytes"] > 0].to_string(float_format="%.3f"))
    whole = table.sum()
    speed = whole["mebibytes"] / whole["digests"]
    share = whole["digests"] / whole["seconds"]
    print(f"all jobs: {whole['seconds']:.0f} s, digests {share:.2%}; {speed:.0f} MiB/s of one core")


def sealed_files(paths):
    """The files that have a seal, also those inside folders."""
    files = [file for path in map(Path, paths) for file in ([path] if path.is_file() else path.rglob("*"))]
    return [file for file in files if file.is_file() and file.suffix != ".png" and has_seal(file)]


def price(path):
    """Mebibytes and CPU seconds of one digest."""
    started = process_time()
    check_seal(path)
    return path.stat().st_size / 2**20, process_time() - started


def rule_seconds(rule):
    """CPU seconds of all jobs of a rule that have run."""
    files = [path for path in Path("results").rglob(f"benchmarks/{rule}/**/*.tsv")]
    files += Path("results").rglob(f"benchmarks/{rule}.tsv")
    return sum(pd.read_csv(file, sep="\t")["cpu_time"].sum() for file in files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("configfiles", type=Path, nargs="*")
    given = parser.parse_args()
    main(given.folder.resolve(), [path.resolve() for path in given.configfiles])
