"""Write the table of durations in docs/experiments.md from the benchmark files of a run.

    python tools/write_durations.py                            # the page again, from docs/figures/durations/demo.csv
    python tools/write_durations.py --store runs/demo          # first store the durations of this finished run

Snakemake writes a benchmark file for each job. CPU seconds are stored, since other programs also run on the machine.
"""

import argparse
import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "experiments.md"
STORED = ROOT / "docs" / "figures" / "durations" / "demo.csv"
START, END = "<!-- durations: start, by tools/write_durations.py -->", "<!-- durations: end -->"
ATTENTION = {"train_attention": 2, "compute_attention_maps": 2, "compute_scores": 2}
SWEEP = {"solve_partition": 18, "write_tags": 18}
JOBS = {
    "sweep_beta": ATTENTION | SWEEP,
    "sweep_retention": SWEEP,
    "sweep_objectness": SWEEP,
    "sweep_graph": {"solve_partition": 27, "write_tags": 27, "build_graph": 6},
    "ablation": {"solve_partition": 8, "write_tags": 8, "train_semantic": 5, "predict_semantic": 5},
}
"""Jobs of each target whose duration a run of the default target measures, with the counts of the table in the page."""


def store(run):
    """Write a table: rule, number of its jobs in a run, CPU seconds of all of them."""
    rows = []
    for path in sorted(Path(run, "results").glob("**/benchmarks/**/*.tsv")):
        parts = path.parts[path.parts.index("benchmarks", len(Path(run).parts)) + 1 :]
        rows.append((parts[0].removesuffix(".tsv"), float(pd.read_csv(path, sep="\t")["cpu_time"].iloc[0])))
    table = pd.DataFrame(rows, columns=["rule", "cpu_seconds"]).groupby("rule")["cpu_seconds"].agg(["size", "sum"])
    table.columns = ["jobs", "cpu_seconds"]
    table.reset_index().to_csv(STORED, index=False, float_format="%.2f", lineterminator="\n")


def make_table():
    """The table in Markdown."""
    stored = pd.read_csv(STORED, index_col="rule")
    each = stored["cpu_seconds"] / stored["jobs"]
    lines = ["| target | CPU minutes | the largest part |", "| --- | ---: | --- |"]
    for target, jobs in JOBS.items():
        seconds = {rule: count * each[rule] for rule, count in jobs.items()}
        largest = max(seconds, key=seconds.__getitem__)
        part = f"{jobs[largest]} times `{largest}`, {each[largest]:.1f} s each"
        lines.append(f"| `{target}` | {sum(seconds.values()) / 60:.1f} | {part} |")
    return "\n".join(lines)


def page():
    """The whole page with its table."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"{START}.*{END}", f"{START}\n{make_table()}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", metavar="RUN", help="folder of a finished run of the demo")
    if run := parser.parse_args().store:
        store(run)
    PAGE.write_text(page(), encoding="utf-8")
