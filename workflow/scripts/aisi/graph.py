"""Similarity graph of the instances of a dataset: exact nearest neighbours, in bounded memory (PAPER §4.1 eq. 5)."""

import numpy as np

from aisi.formats.graph import Graph
from aisi.jit import njit
from aisi.progress import progress


class GraphError(ValueError):
    """Features or settings from which no graph can be built."""


def build_graph(
    features: np.ndarray,
    k: int,
    keywords: tuple[np.ndarray, np.ndarray] | None = None,
    centre: bool = False,
    batches: np.ndarray | None = None,
    order: np.ndarray | None = None,
    block_size: int = 1024,
    device: str = "cpu",
    quiet: bool = False,
) -> Graph:
    """Join each instance to the k instances that are most similar to it.

    Two instances have an edge if at least one of them is among the k neighbours of the other.

    Parameters
    ----------
    features : (N, D) float32
        One row for each instance. No row may have zero norm.
    k : int
        Neighbours of each instance, at least 1. An instance has fewer where there are not enough others.
    keywords : (offsets (N + 1,), labels (M,)) int or None
        If given, only instances that share a keyword are neighbours. Other edges never add to the objective.
    centre : bool
        Whether to subtract the mean feature before the cosine is computed.
    batches : (B + 1,) int or None
        Neighbours are searched only inside ``batches[b]:batches[b + 1]``. None: one batch.
    order : (N,) int or None
        Instance at each position. None: instance i is at position i. Batches and edges are given by positions.
    block_size : int
        Rows of a tile of similarities. It changes the memory, features + O(block_size^2 + N k), but not the result.
    device : str
        ``cpu``, or the torch device on which the tiles are multiplied.
    quiet : bool
        Whether to hide the progress bar.

    Returns
    -------
    Graph
        Weights are cos + 1 (eq. 5), in [0, 2]. Edges have i < j and are in ascending order.

    Raises
    ------
    GraphError
        If a feature is not finite or has zero norm, or if k is below 1.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2:
        raise GraphError(f"Found features of shape {features.shape}, expected (N, D). Give one row for each instance.")
    if k < 1:
        raise GraphError(f"k is {k}, expected at least 1. Set graph.k in the config to 1 or more.")
    n = len(features)
    order = np.arange(n) if order is None else np.asarray(order, np.int64)
    batches = np.array([0, n]) if batches is None else np.asarray(batches, np.int64)
    unit, mean = _normalised(features, centre)
    sets = None if keywords is None else _keyword_sets(*keywords)
    edge_parts, cosine_parts = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    tiles = [_tiles(end - start, block_size) for start, end in zip(batches[:-1], batches[1:], strict=True)]
    with progress(total=sum(map(len, tiles)), unit="tile", disable=quiet) as bar:
        for start, end, its_tiles in zip(batches[:-1], batches[1:], tiles, strict=True):
            nodes = order[start:end]
            ordered = np.array_equal(nodes, np.arange(start, end))
            rows = slice(start, end) if ordered else nodes
            own = None if sets is None else sets[rows]
            found = _neighbours(features[rows], mean, unit[rows], k, own, its_tiles, device, bar)
            edges, cosines = _union(*found)
            edge_parts.append(edges + start)
            cosine_parts.append(cosines)
    edges, cosines = np.concatenate(edge_parts), np.concatenate(cosine_parts)
    # PAPER §4.1 eq. 5: W_ij = cos + 1.
    weights = np.clip(cosines + 1, 0, 2).astype(np.float32)
    return Graph(edges.astype(np.int32), weights, n, batches, order)


def equal_batches(n_instances: int, size: int) -> np.ndarray:
    """Cut instances into batches of ``size``; the last one may be smaller: (B + 1,) int64 (PAPER §5.4: 48 of 400)."""
    return np.append(np.arange(0, max(n_instances, 1), size), n_instances)


def batch_order(n_instances: int, order: str, keywords: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """Put instances into the order from which batches are cut.

    Parameters
    ----------
    n_instances : int
    order : str
        ``given``; ``shuffled-{seed}``; or ``category``: instances of photos with the same keywords are neighbours.
    keywords : (offsets, labels), optional
        As for :func:`build_graph`. Only ``category`` needs them.

    Returns
    -------
    (N,) int64
    """
    if order == "given":
        return np.arange(n_instances)
    if order == "category":
        if keywords is None:
            raise ValueError("The order 'category' needs keywords, found None. Give the offsets and labels.")
        offsets, labels = keywords
        own = [labels[start:end].tolist() for start, end in zip(offsets[:-1], offsets[1:], strict=True)]
        return np.array(sorted(range(n_instances), key=own.__getitem__), np.int64)
    return np.random.default_rng(int(order.removeprefix("shuffled-"))).permutation(n_instances)


def _normalised(features, centre):
    """Unit vectors (float32), which find the candidates, and the mean that was subtracted (float64)."""
    mean = np.zeros(features.shape[1])
    if centre and len(features):
        mean = features.mean(0, dtype=np.float64)
    unit = np.empty_like(features)
    for start in range(0, len(features), 4096):
        rows = features[start : start + 4096] - mean
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
        if len(bad):
            what = "holds a value that is not finite" if not np.isfinite(norms[bad[0]]) else "has zero norm"
            after = " after the mean was subtracted" if centre else ""
            raise GraphError(
                f"The feature of instance {start + bad[0]} {what}{after}, so its cosine is undefined. "
                "Look at its crop, or compute the features again."
            )
        unit[start : start + 4096] = rows / norms[:, None]
    return unit, mean


def _keyword_sets(offsets, labels):
    """The keywords of each instance as bits, one for each label: (N, words) uint64."""
    sets = np.zeros((len(offsets) - 1, int(np.max(labels, initial=0)) // 64 + 1), np.uint64)
    owners = np.repeat(np.arange(len(sets)), np.diff(offsets))
    labels = np.asarray(labels, np.int64)
    np.bitwise_or.at(sets, (owners, labels // 64), np.uint64(1) << (labels % 64).astype(np.uint64))
    return sets


def _tiles(n, block_size):
    """Blocks of rows and columns on and above the diagonal. The rest is not needed: the similarity is symmetric."""
    starts = range(0, n, block_size)
    return [(i, min(i + block_size, n), j, min(j + block_size, n)) for i in starts for j in starts if j >= i]


def _neighbours(features, mean, unit, k, sets, tiles, device, bar):
    """The k neighbours of each row, ranked in float64 among all candidates that float32 cannot exclude.

    The error of a float32 dot product of two unit vectors is at most (D + 3) units of 2^-24, in any order of summation.
    So a value that is more than twice this error below the k-th largest value so far cannot belong to a neighbour.
    """
    n, dimension = features.shape
    k = min(k, n - 1)
    if k < 1:
        return np.zeros((n, 0), np.int64), np.zeros((n, 0))
    slack = np.float32(2 * (dimension + 4) * 2.0**-24)
    sets = np.ones((n, 1), np.uint64) if sets is None else sets
    kept = _Candidates(n, k)
    multiply = _multiplier(unit, device)
    for rows_start, rows_end, columns_start, columns_end in tiles:
        tile = multiply(rows_start, rows_end, columns_start, columns_end)
        _scan(tile, rows_start, columns_start, sets, slack, *kept.arrays)
        bar.update()
    return _rank(features, mean, sets, slack, k, *kept.arrays)


def _multiplier(unit, device):
    if device == "cpu":
        return lambda a, b, c, d: unit[a:b] @ unit[c:d].T
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    moved = torch.from_numpy(unit).to(device)
    return lambda a, b, c, d: (moved[a:b] @ moved[c:d].T).cpu().numpy()


class _Candidates:
    """For each row: its k largest values so far, and all columns with a value within the slack, while they fit."""

    def __init__(self, n, k):
        width = 4 * k + 28
        self.arrays = (
            np.full((n, k), -np.inf, np.float32),  # largest, descending
            np.empty((n, width), np.int32),  # columns
            np.empty((n, width), np.float32),  # their values
            np.zeros(n, np.int32),  # number of columns; -1: too many to keep, so all columns are ranked
        )


@njit
def _scan(tile, rows_start, columns_start, sets, slack, largest, columns, values, counts):
    k = largest.shape[1]
    for r in range(tile.shape[0]):
        i = rows_start + r
        first = max(0, i + 1 - columns_start)
        for c in range(first, tile.shape[1]):
            value, j = tile[r, c], columns_start + c
            near_i, near_j = value >= largest[i, k - 1] - slack, value >= largest[j, k - 1] - slack
            if (near_i or near_j) and _share(sets, i, j):
                if near_i:
                    _keep(i, j, value, slack, largest, columns, values, counts)
                if near_j:
                    _keep(j, i, value, slack, largest, columns, values, counts)


@njit
def _share(sets, i, j):
    common = np.uint64(0)
    for word in range(sets.shape[1]):
        common |= sets[i, word] & sets[j, word]
    return common != 0


@njit
def _keep(i, j, value, slack, largest, columns, values, counts):
    k = largest.shape[1]
    position = k
    while position > 0 and largest[i, position - 1] < value:
        if position < k:
            largest[i, position] = largest[i, position - 1]
        position -= 1
    if position < k:
        largest[i, position] = value
    count = counts[i]
    if count < 0:
        return
    if count == columns.shape[1]:
        limit, count = largest[i, k - 1] - slack, 0
        for place in range(columns.shape[1]):
            if values[i, place] >= limit:
                columns[i, count], values[i, count] = columns[i, place], values[i, place]
                count += 1
        if count == columns.shape[1]:
            counts[i] = -1
            return
    columns[i, count], values[i, count] = j, value
    counts[i] = count + 1


@njit
def _rank(features, mean, sets, slack, k, largest, columns, values, counts):
    n = features.shape[0]
    neighbours, cosines = np.full((n, k), -1, np.int64), np.full((n, k), -np.inf)
    norms = np.empty(n)
    for i in range(n):
        norms[i] = np.sqrt(_dot(features, mean, i, i))
    for i in range(n):
        limit = largest[i, k - 1] - slack
        everything = counts[i] < 0
        for place in range(n if everything else counts[i]):
            if everything:
                j = place
                if j == i or not _share(sets, i, j):
                    continue
            else:
                j = columns[i, place]
                if values[i, place] < limit:
                    continue
            cosine = _dot(features, mean, i, j) / (norms[i] * norms[j])
            position = k
            while position > 0 and (
                cosines[i, position - 1] < cosine
                or (cosines[i, position - 1] == cosine and neighbours[i, position - 1] > j)
            ):
                if position < k:
                    cosines[i, position] = cosines[i, position - 1]
                    neighbours[i, position] = neighbours[i, position - 1]
                position -= 1
            if position < k:
                cosines[i, position], neighbours[i, position] = cosine, j
    return neighbours, cosines


@njit
def _dot(features, mean, i, j):
    # Four sums in a fixed order, so that (i, j) and (j, i) give the same value in every batch.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    dimension = features.shape[1]
    whole = dimension - dimension % 4
    for p in range(0, whole, 4):
        a += (features[i, p] - mean[p]) * (features[j, p] - mean[p])
        b += (features[i, p + 1] - mean[p + 1]) * (features[j, p + 1] - mean[p + 1])
        c += (features[i, p + 2] - mean[p + 2]) * (features[j, p + 2] - mean[p + 2])
        d += (features[i, p + 3] - mean[p + 3]) * (features[j, p + 3] - mean[p + 3])
    for p in range(whole, dimension):
        a += (features[i, p] - mean[p]) * (features[j, p] - mean[p])
    return (a + b) + (c + d)


def _union(neighbours, cosines):
    """Undirected edges (E, 2) with i < j, ascending and without repetition, and their cosines."""
    n, k = neighbours.shape
    one, two = np.repeat(np.arange(n), k), neighbours.ravel()
    found = two >= 0
    one, two, cosines = one[found], two[found], cosines.ravel()[found]
    keys, first = np.unique(np.minimum(one, two) * max(n, 1) + np.maximum(one, two), return_index=True)
    return np.stack(np.divmod(keys, max(n, 1)), 1), cosines[first]
