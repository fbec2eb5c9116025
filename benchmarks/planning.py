"""Measure how long Snakemake plans a large dataset and a sweep, the first time and when there is nothing to do.

    python benchmarks/planning.py                    # 10,582 photos of 10 kB, 8 shards, 36 assignments
    python benchmarks/planning.py --photos 118287 --shards 64

Nothing is computed: photos are random bytes, and results are empty files that Snakemake accepts as finished
(``--touch --forceall``). Times are wall seconds, with CPU seconds in brackets.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]


def write_dataset(folder, photos, size, shards, values):
    """Write a folder of photos, its table of keywords, and a config with a sweep."""
    (folder / "photos").mkdir()
    rows = ["image_id,split,keywords"]
    for number in range(photos):
        (folder / "photos" / f"{number:08}.jpg").write_bytes(random.Random(number).randbytes(size))
        rows.append(f"{number:08},train,{'cat' if number % 2 else 'dog'}")
    (folder / "keywords.csv").write_text("\n".join([*rows, ""]))
    config = {
        "dataset": {"format": "photos", "root": "photos", "keywords": "keywords.csv", "val": None},
        "shards": shards,
        "report": {"assignments": ["partition", *(f"beta-{beta}" for beta in range(1, values))]},
    }
    (folder / "config.json").write_text(json.dumps(config))


def make_results(folder):
    """Make empty files and folders for everything that the default target needs."""
    command = [sys.executable, ROOT / "tests/integration/job_graph.py", ROOT / "Snakefile", folder]
    command += [folder / "config.json", "--targets", "all"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    for job in json.loads(run.stdout.splitlines()[-1])["jobs"]:
        for output in (folder / path for path in job["output"]):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch() if output.suffix else output.mkdir(exist_ok=True)


def snakemake(folder, *arguments):
    """Run Snakemake; return its output, wall seconds and CPU seconds."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    start, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command += ["--configfile", folder / "config.json", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run.stdout + run.stderr, perf_counter() - start, cpu


def main(photos, size, shards, values):
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dataset(folder, photos, size, shards, values)
        print(f"{photos} photos of {size} bytes, {shards} shards, {values} assignments", flush=True)
        runs = [("dry run, before the first run", ["--dry-run", "--quiet"])]
        for title, arguments in runs:
            _, wall, cpu = snakemake(folder, *arguments)
            print(f"{title}: {wall:.1f} ({cpu:.1f}) s", flush=True)
        make_results(folder)
        snakemake(folder, "--cores", "1", "--touch", "--forceall", "--quiet")
        jobs = sum(1 for _ in folder.glob("results/**/*") if _.is_file())
        print(f"{jobs} result files", flush=True)
        for title, arguments in [("dry run", ["--dry-run"]), ("run with nothing to do", ["--cores", "1"])]:
            text, wall, cpu = snakemake(folder, *arguments)
            if "Nothing to be done" not in text:
                raise SystemExit(f"Expected that nothing is to be done:\n{text}")
            print(f"{title}: {wall:.1f} ({cpu:.1f}) s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_582)
    parser.add_argument("--size", type=int, default=10_000, help="bytes of a photo")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--values", type=int, default=36, help="assignments of the sweep")
    main(**vars(parser.parse_args()))
