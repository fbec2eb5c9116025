"""Measure time, distance to the optimum and accuracy of tag assignment, on planted problems of VOC's size.

    python benchmarks/partition.py --keywords KEYWORDS.csv            # everything except the largest problems
    python benchmarks/partition.py --parts large                      # 300,000 and 3,000,000 instances

KEYWORDS.csv has columns image_id, split, keywords. Without it, keywords are drawn at random. All figures of a line
come from one run on one machine. Times are CPU seconds, with wall seconds in brackets. If the machine also does other
work, compare the CPU seconds. Run with OMP_NUM_THREADS=1 to compare single threads.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from aisi.formats.scores import Scores  # noqa: E402
from aisi.graph import build_graph, equal_batches  # noqa: E402
from aisi.partition import PartitionProblem, SolverError, retained, solve  # noqa: E402
from aisi.partition.problem import build_model  # noqa: E402
from aisi.partition.tags import batch_problem  # noqa: E402

BETAS, RETENTIONS = (0, 3, 10, 30, 90, 300), (1.00, 0.95, 0.90, 0.85, 0.80, 0.75)
N_VOC = 18_878


# ------------------------------------------------------------------ planted problems


def read_keywords(path, split):
    """Keywords of each photo as ascending labels."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        images = [row["keywords"].split(";") for row in csv.DictReader(file) if row["split"] == split]
    labels = {name: label for label, name in enumerate(sorted({name for names in images for name in names}), 1)}
    return [sorted(labels[name] for name in names) for names in images]


def draw_keywords(n_images, n_categories, shares, seed):
    """Draw the keywords of each photo: 1, 2, .. of them with these shares; some categories are more frequent."""
    generator = np.random.default_rng(seed)
    common = 1 / (3 + np.arange(n_categories))
    counts = 1 + generator.choice(len(shares), n_images, p=shares)
    keys = np.log(generator.random((n_images, n_categories))) / common
    ranked = np.argsort(-keys, 1)[:, : len(shares)] + 1
    return [sorted(row[:count]) for row, count in zip(ranked.tolist(), counts.tolist(), strict=True)]


def draw_images(counts, n, generator):
    """Draw the photo of each of n instances, ascending; each photo has one, photos with several keywords have more."""
    more = generator.choice(len(counts), n - len(counts), p=(0.3 + counts) / (0.3 + counts).sum())
    return np.sort(np.concatenate([np.arange(len(counts)), more]))


def plant(keywords, n, seed, dimension=64, noisy=0.08, attention=0.4, groups=12, spread=2.5):
    """Draw instances with a true tag, attention that is often wrong, and features with several looks for a category.

    Returns features (n, dimension), :class:`Scores`, true tags (n,) with 0 for noisy.
    """
    generator = np.random.default_rng(seed)
    counts = np.array([len(labels) for labels in keywords])
    images = draw_images(counts, n, generator)
    starts = np.concatenate([[0], np.cumsum(counts)])
    sizes = counts[images]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    labels = np.concatenate(keywords)[np.repeat(starts[images] - offsets[:-1], sizes) + np.arange(offsets[-1])]
    tags = labels[offsets[:-1] + generator.integers(0, sizes)]
    lost = generator.random(n) < noisy
    tags[lost] = 0
    right = np.repeat(tags, sizes) == labels
    logits = generator.normal(size=len(labels)) + np.where(right, attention, -attention) / 2
    n_categories = labels.max()
    centres = generator.normal(size=(n_categories + 1, dimension)).astype(np.float32)
    looks = generator.normal(size=(n_categories + 1, groups, dimension)).astype(np.float32)
    features = centres[tags] + looks[tags, generator.integers(0, groups, n)]
    other = 0.7 * centres[generator.integers(1, n_categories + 1, n)]
    features[lost] = other[lost] + 1.2 * generator.normal(size=(lost.sum(), dimension))
    features += spread * generator.normal(size=features.shape).astype(np.float32)
    return features, Scores(offsets, labels, (1 / (1 + np.exp(-logits))).astype(np.float32)), tags


def problem_of(graph, scores, beta, retention):
    return batch_problem(graph, 0, scores, np.full(graph.n_nodes, -1), beta, retention)[1]


def accuracy(labels, tags):
    """Share of right tags among instances that have a true tag."""
    return float((labels[tags > 0] == tags[tags > 0]).mean())


# ------------------------------------------------------------------ measuring


def timed(work, *arguments, **options):
    """Result, CPU and wall seconds; output of the solvers is discarded."""
    cpu, wall = process_time(), perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        result = work(*arguments, **options)
    return result, process_time() - cpu, perf_counter() - wall


def show(cpu, wall):
    return f"{cpu:8.3f} s ({wall:.3f} s)"


def memory(what):
    """Memory of this process in MB, from Linux: VmRSS is the current value, VmHWM the largest so far."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) / 1024


def hardness(graph, scores, tags):
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    model = build_model(problem_of(graph, scores, 30.0, 1.0))
    ends = model.owners[model.pairs]
    size = (len(model.instances),) * 2
    components = connected_components(coo_matrix((np.ones(len(ends)), ends.T), size))[1]
    figures = {
        name: accuracy(solve(problem_of(graph, scores, 30.0, 1.0), name).labels, tags)
        for name in ("random", "attention")
    }
    for beta in (0.0, 30.0):
        figures[f"partition beta {beta:g}"] = accuracy(solve(problem_of(graph, scores, beta, 1.0)).labels, tags)
    print(f"  {len(tags)} instances, {len(graph.edges)} edges, {len(model.pairs)} pairs that can earn, "
          f"largest component {np.bincount(components).max()}")  # fmt: skip
    print("  accuracy at r = 1: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    if not (0.70 <= figures["attention"] <= 0.80 and figures["partition beta 0"] < 0.95):
        print("  NOT HARD ENOUGH: attention must lie in 0.70 to 0.80, partition at beta 0 below 0.95")


def grid(graph, scores, compared):
    """Solve all pairs of table 2, and some of them with HiGHS."""
    print("  beta  r      gap      seconds             HiGHS: seconds, its relative lead over ours")
    worst, slowest = 0.0, 0.0
    for beta in BETAS:
        for retention in RETENTIONS:
            problem = problem_of(graph, scores, float(beta), retention)
            solution, cpu, wall = timed(solve, problem, gap=1e-4)
            line = f"  {beta:<5} {retention:.2f}   {solution.gap:.1e}  {show(cpu, wall)}"
            worst, slowest = max(worst, solution.gap), max(slowest, cpu)
            if (beta, retention) in compared:
                with contextlib.suppress(SolverError):
                    highs, cpu, wall = timed(solve, problem, "highs", gap=0.0, time_limit=600)
                    lead = highs.objective / solution.objective - 1
                    line += f"  {show(cpu, wall)} {lead:+.1e}, bounds apart {solution.bound / highs.bound - 1:.1e}"
            print(line, flush=True)
    print(f"  worst gap {worst:.1e}, slowest {slowest:.3f} CPU s")


def ratios(features, graph, scores, tags, repeats=5):
    """Compare message passing on the whole with CPLEX in batches and HiGHS on the whole, at beta 30, r 0.95."""
    n = len(tags)

    def ours():
        return solve(problem_of(graph, scores, 30.0, 0.95))

    def batches(solver):
        labels = np.zeros(n, np.int64)
        for batch in range(len(blocks.batches) - 1):
            nodes, problem = batch_problem(blocks, batch, scores, np.full(n, -1), 30.0, 0.95)
            labels[nodes] = solve(problem, solver, gap=1e-4).labels
        return labels

    blocks = build_graph(features, 3, batches=equal_batches(n, 400), quiet=True)
    ours()
    mine, best_cpu, best_wall = min((timed(ours) for _ in range(repeats)), key=lambda result: result[1])
    print(
        f"  message_passing, whole   {show(best_cpu, best_wall)}  accuracy {accuracy(mine.labels, tags):.3f}, "
        f"gap {mine.gap:.1e}"
    )
    for name, work in (
        ("cplex, batches", lambda: batches("cplex")),
        ("highs, whole", lambda: solve(problem_of(graph, scores, 30.0, 0.95), "highs", gap=1e-4)),
    ):
        try:
            runs = [timed(work) for _ in range(2 if name.startswith("cplex") else 1)]
        except SolverError as error:
            print(f"  {name}: {error}")
            continue
        result, cpu, wall = min(runs, key=lambda run: run[1])
        labels = getattr(result, "labels", result)
        print(f"  {name:<24} {show(cpu, wall)}  accuracy {accuracy(labels, tags):.3f}: "
              f"{cpu / best_cpu:.1f} times our CPU seconds, {wall / best_wall:.1f} times our wall seconds")  # fmt: skip
    labels, cpu, wall = timed(batches, "message_passing")
    print(f"  message_passing, batches {show(cpu, wall)}  accuracy {accuracy(labels, tags):.3f}")


def first_call():
    """Measure the first call in a fresh process, without a cache and with one."""
    code = ("import time; start = time.process_time()\nfrom aisi.partition import PartitionProblem, solve\n"
            "solve(PartitionProblem([[0, 1]], [1.0], [0, 2, 4], [1, 2, 1, 2], [.1, .2, .3, .4], 1.0, 1))\n"
            "print(time.process_time() - start)")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": str(ROOT / "workflow/scripts")}
        for name in ("no cache yet", "cached"):
            run = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            )
            print(f"  first call in a fresh process, imports included, {name}: {float(run.stdout):.2f} CPU s")


# ------------------------------------------------------------------ large problems


def large(sizes, folder):
    """Measure time and memory for each size, each in its own process, so that peaks are separate."""
    rows = []
    for n in sizes:
        path = Path(folder) / f"planted_{n}.npz"
        if not path.exists():
            np.savez(path, **planted_large(n))
        run = subprocess.run(
            [sys.executable, __file__, "--solve", str(path)], capture_output=True, text=True, check=True
        )
        row = json.loads(run.stdout.splitlines()[-1])
        rows.append((n, row["cpu"], row["above"]))
        print(f"  {n:>9} instances, {row['edges']} edges: gap {row['gap']:.1e}, {show(row['cpu'], row['wall'])}, "
              f"{row['above']:.0f} MB above its inputs of {row['inputs']:.0f} MB", flush=True)  # fmt: skip
    if len(rows) > 1:
        logs = np.log(np.array(rows))
        powers = [np.polyfit(logs[:, 0], logs[:, column], 1)[0] for column in (1, 2)]
        print(f"  fitted: time ~ n^{powers[0]:.2f}, memory ~ n^{powers[1]:.2f}")


def planted_large(n):
    """Draw 80 categories and about 3 keywords a photo; neighbours are found in random groups, three times."""
    keywords = draw_keywords(int(n / 1.78), 80, [0.15, 0.25, 0.25, 0.2, 0.15], seed=0)
    features, scores, _ = plant(keywords, n, seed=0, dimension=32, spread=1.2)
    edges, weights = [], []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(n)
        graph = build_graph(features, 1, batches=equal_batches(n, 512), order=order, quiet=True)
        edges.append(np.sort(order[graph.edges], 1))
        weights.append(graph.weights)
    edges, weights = np.concatenate(edges), np.concatenate(weights)
    _, first = np.unique(edges[:, 0] * n + edges[:, 1], return_index=True)
    return {"edges": edges[first].astype(np.int32), "weights": weights[first], "offsets": scores.offsets,
            "labels": scores.labels, "scores": scores.scores}  # fmt: skip


def solve_file(path):
    """Solve a saved problem and print figures as JSON."""
    solve(PartitionProblem([[0, 1]], [1.0], [0, 2, 4], [1, 2, 1, 2], [0.1, 0.2, 0.3, 0.4], 1.0, 1))
    with np.load(path) as file:
        arrays = [file[name] for name in ("edges", "weights", "offsets", "labels", "scores")]
    problem = PartitionProblem(*arrays, 30.0, retained(len(arrays[2]) - 1, 0.95))
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = memory("VmRSS")
    solution, cpu, wall = timed(solve, problem, gap=1e-4)
    above = memory("VmHWM") - before
    inputs = sum(getattr(problem, name).nbytes for name in ("edges", "weights", "offsets", "categories", "scores"))
    figures = {"gap": solution.gap, "cpu": cpu, "wall": wall, "edges": len(arrays[0])}
    print(json.dumps(figures | {"above": above, "inputs": inputs / 2**20}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keywords", help="CSV image_id,split,keywords; without it keywords are drawn at random")
    parser.add_argument("--split", default="train_aug", help="split of the CSV")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--parts", nargs="+", default=["hardness", "grid", "ratios", "first"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 300_000, 1_000_000, 3_000_000])
    parser.add_argument("--folder", help="folder for the planted problems of part large; a temporary one by default")
    parser.add_argument("--solve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.solve:
        solve_file(options.solve)
        return
    if {"hardness", "grid", "ratios"} & set(options.parts):
        if options.keywords:
            keywords = read_keywords(options.keywords, options.split)
        else:
            keywords = draw_keywords(10_582, 20, [0.62, 0.28, 0.08, 0.02], seed=0)
        for seed in options.seeds:
            print(f"planted problem, seed {seed}")
            features, scores, tags = plant(keywords, N_VOC, seed)
            graph = build_graph(features, 3, quiet=True)
            if "hardness" in options.parts:
                hardness(graph, scores, tags)
            if "grid" in options.parts:
                grid(graph, scores, {(30, 0.95), (0, 0.95), (3, 0.9)} if seed == options.seeds[0] else ())
            if "ratios" in options.parts:
                ratios(features, graph, scores, tags)
    if "first" in options.parts:
        first_call()
    if "large" in options.parts:
        with contextlib.nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
            large(options.sizes, folder)


if __name__ == "__main__":
    main()
