"""How many margins certify a tag, by the solver's gap and effort, on planted problems.

    python benchmarks/margins.py                  # 2,000 instances, seed 1: the table of docs/partition.md
    python benchmarks/margins.py --n 20000 --seeds 1 2 3

A line for each beta and r. For each gap and effort: share of margins above 0, and CPU seconds of the whole solution.
"""

import argparse
import sys
from pathlib import Path
from time import process_time

import numpy as np
from partition import draw_keywords, plant, problem_of

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from aisi.graph import build_graph  # noqa: E402
from aisi.partition import solve  # noqa: E402

SETTINGS = [(1e-4, 1.0), (1e-4, 2.0), (1e-6, 1.0), (1e-6, 2.0)]
"""Gap and effort."""
PROBLEMS = [(beta, retention) for beta in (30, 3, 0) for retention in (1, 0.9, 0.75)]
"""beta and r."""


def main():
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000, help="instances")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--repeats", type=int, default=3, help="the fastest of so many solutions is timed")
    options = parser.parse_args()
    print("| seed | beta | r | " + " | ".join(f"gap {gap:g}, effort {effort:g}" for gap, effort in SETTINGS) + " |")
    print("|---|---|---|" + "---|" * len(SETTINGS))
    for seed in options.seeds:
        keywords = draw_keywords(int(options.n / 1.78), 20, [0.15, 0.25, 0.25, 0.2, 0.15], seed=seed)
        features, scores, _ = plant(keywords, options.n, seed)
        graph = build_graph(features, 3, quiet=True)
        solve(problem_of(graph, scores, 1.0, 0.9), effort=2.0)  # compiles
        for beta, retention in PROBLEMS:
            problem = problem_of(graph, scores, beta, retention)
            cells = []
            for gap, effort in SETTINGS:
                seconds = []
                for _ in range(options.repeats):
                    start = process_time()
                    found = solve(problem, gap=gap, effort=effort)
                    seconds.append(process_time() - start)
                cells.append(f"{100 * np.mean(found.margins > 0):.1f} %, {min(seconds):.3f} s")
            print(f"| {seed} | {beta} | {retention} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
