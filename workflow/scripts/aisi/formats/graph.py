"""The similarity graph of a split: npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import Format, reading, require, writing
from aisi.formats.npz import read_npz, write_npz
from aisi.formats.rows import check_rows

GRAPH = Format(
    "graph",
    "build_graph or build_batch_graphs",
    2,
    columns={
        "edges": ("int32", ("E", 2)),
        "weights": ("float32", ("E",)),
        "n_nodes": ("int64", ()),
        "batches": ("int64", ("B + 1",)),
        "order": ("int64", ("N",)),
        "rows": ("uint64", ("N",)),
    },
)
"""Similarity graph over the N instances of a split (PAPER §4.1 eq. 5): `graph/{split}/dataset.npz`, `batches.npz`.

Columns
-------
n_nodes
    N.
rows
    Digest of image_id, instance_id and box of each instance: the first 8 bytes of a SHA-256. Files that belong together
    have equal rows.
"""


@dataclass(frozen=True)
class Graph:
    """Similarity graph over the instances of a split (PAPER §4.1 eq. 5).

    Attributes
    ----------
    edges : (E, 2) int32
        i < j, each edge once, in ascending order.
    weights : (E,) float32
        cos + 1, in [0, 2].
    n_nodes : int
    batches : (B + 1,) int64
        Nodes of batch b are ``batches[b]:batches[b + 1]``; ``[0, n_nodes]`` for the graph of the whole dataset.
    order : (n_nodes,) int64
        Position of each node in the split's salient instances: 0, 1, .. unless batches are drawn in another order.
    """

    edges: np.ndarray
    weights: np.ndarray
    n_nodes: int
    batches: np.ndarray
    order: np.ndarray


def write_graph(path: str | Path, graph: Graph, rows: np.ndarray) -> None:
    """Write a :class:`Graph`, and the digests ``rows``, (n_nodes,) uint64, of the split's salient instances."""
    graph = Graph(
        edges=np.asarray(graph.edges, np.int32).reshape(-1, 2),
        weights=np.asarray(graph.weights, np.float32),
        n_nodes=int(graph.n_nodes),
        batches=np.asarray(graph.batches, np.int64),
        order=np.asarray(graph.order, np.int64),
    )
    with writing(path):
        _check(graph)
        require(len(rows) == graph.n_nodes, f"{len(rows)} rows", f"{graph.n_nodes}, one for each node")
    rows_of_nodes = np.asarray(rows, np.uint64)[graph.order]
    write_npz(path, GRAPH, **(vars(graph) | {"n_nodes": np.int64(graph.n_nodes), "rows": rows_of_nodes}))


def read_graph(path: str | Path, rows: np.ndarray | None) -> Graph:
    """Read what :func:`write_graph` wrote.

    ``rows`` are the digests of the split's salient instances, which are compared with those in the file; None if the
    graph is not joined with anything.
    """
    arrays = read_npz(path, GRAPH)
    found = arrays.pop("rows")
    graph = Graph(**(arrays | {"n_nodes": int(arrays["n_nodes"])}))
    with reading(path, GRAPH, "a graph"):
        _check(graph)
    if rows is not None:
        check_rows(path, GRAPH, found, rows[graph.order] if len(rows) == graph.n_nodes else rows)
    return graph


def _check(graph):
    edges, n = graph.edges, graph.n_nodes
    require(len(edges) == len(graph.weights), f"{len(edges)} edges and {len(graph.weights)} weights", "as many")
    inside = not len(edges) or (edges.min() >= 0 and edges.max() < n and bool((edges[:, 0] < edges[:, 1]).all()))
    require(inside, "other edges", f"edges with 0 <= i < j < {n}")
    once = len(np.unique(edges[:, 0].astype(np.int64) * n + edges[:, 1])) == len(edges)
    require(once, "an edge twice", "each edge once")
    # cos + 1, which is rounded
    right = bool(((graph.weights >= -1e-5) & (graph.weights <= 2 + 1e-5)).all())
    require(right, "weights outside [0, 2]", "weights in [0, 2]")
    whole = np.array_equal(np.sort(graph.order), np.arange(n))
    require(whole, "another order", f"order must hold each of 0 to {n - 1} once")
    batches = graph.batches
    ends = len(batches) > 0 and batches[0] == 0 and batches[-1] == n and bool((np.diff(batches) >= 0).all())
    require(ends, f"batches {batches.tolist()[:9]}", f"offsets that ascend from 0 to {n}")
