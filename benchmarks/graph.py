"""Compare our exact nearest neighbours with faiss-cpu's IndexFlatIP, on the same features in the same run.

    python benchmarks/graph.py                       # 18,878 x 2048, k = 3
    python benchmarks/graph.py --n 6000 --repeats 3

faiss-cpu is not in the environment (pip install faiss-cpu). Without it, only our own figures are printed. The lower
limit of the time is that of the matrix product alone: n^2 d multiply-adds, half of that by symmetry. Times are CPU
seconds, with wall seconds in brackets. Run with OMP_NUM_THREADS=1 to compare single threads.
"""

import argparse
import resource
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

from aisi.graph import build_graph  # noqa: E402


def draw_features(n, dimension, seed):
    """Draw features like those of a network's last layer after its ReLU: not negative, in clusters."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(200, dimension)).astype(np.float32)
    features = centres[generator.integers(0, 200, n)]
    for start in range(0, n, 4096):
        rows = features[start : start + 4096]
        rows += 0.8 * generator.standard_normal(rows.shape, np.float32)
    return np.maximum(features, 0, out=features)


def faiss_neighbours(unit, k):
    import faiss

    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    return index.search(unit, k + 1)[1]


def bare_product(unit, block=1024):
    """Compute half of the similarity matrix and discard it."""
    for start in range(0, len(unit), block):
        for other in range(start, len(unit), block):
            unit[start : start + block] @ unit[other : other + block].T


def edges_of(neighbours, k):
    """Edges from each row to its k first neighbours other than itself."""
    n = len(neighbours)
    pairs = [(i, j) for i, row in enumerate(neighbours.tolist()) for j in [j for j in row if j != i][:k]]
    one, two = np.array(pairs).T
    return np.unique(np.minimum(one, two) * n + np.maximum(one, two))


def best(work, repeats):
    """Result, and the smallest CPU and wall seconds of several runs."""
    runs = []
    for _ in range(repeats):
        cpu, wall = process_time(), perf_counter()
        result = work()
        runs.append((process_time() - cpu, perf_counter() - wall))
    return result, *np.min(runs, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=18_878)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--k", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    features = draw_features(options.n, options.dimension, seed=0)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    build_graph(features[:100], options.k, quiet=True)
    print(f"{options.n} x {options.dimension}, k = {options.k}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    graph, cpu, wall = best(lambda: build_graph(features, options.k, quiet=True), options.repeats)
    above = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  build_graph        {cpu:8.2f} s ({wall:.2f} s), at most {above:.0f} MB above features of "
          f"{features.nbytes / 2**20:.0f} MB; {len(graph.edges)} edges")  # fmt: skip
    _, floor_cpu, floor_wall = best(lambda: bare_product(unit), options.repeats)
    print(f"  half the product   {floor_cpu:8.2f} s ({floor_wall:.2f} s): the lower limit, "
          f"build_graph takes {cpu / floor_cpu:.2f} times as long")  # fmt: skip
    try:
        neighbours, its_cpu, its_wall = best(lambda: faiss_neighbours(unit, options.k), options.repeats)
    except ImportError:
        print("  faiss-cpu is not installed (pip install faiss-cpu): no comparison")
        return
    theirs, ours = edges_of(neighbours, options.k), graph.edges.astype(np.int64) @ [options.n, 1]
    print(f"  faiss IndexFlatIP  {its_cpu:8.2f} s ({its_wall:.2f} s): {its_cpu / cpu:.2f} times our CPU seconds, "
          f"{its_wall / wall:.2f} times our wall seconds")  # fmt: skip
    differ = np.setxor1d(theirs, ours)
    print(f"  edges that differ: {len(differ)} (faiss ranks in float32)")
    for i, j in (divmod(int(key), options.n) for key in differ[:4]):
        a, b = features[[i, j]].astype(float)
        print(f"    {i} {j} only in {'faiss' if i * options.n + j in theirs else 'ours'}, cosine "
              f"{a @ b / np.linalg.norm(a) / np.linalg.norm(b):.9f}")  # fmt: skip


if __name__ == "__main__":
    main()
