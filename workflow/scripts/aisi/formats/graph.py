"""The similarity graph of a split: npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import Format
from aisi.formats.npz import read_npz, write_npz

GRAPH = Format("graph", "build_graph or build_batch_graphs", 1)


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


def write_graph(path: str | Path, graph: Graph) -> None:
    """Write a :class:`Graph`."""
    edges, weights = np.asarray(graph.edges, np.int32).reshape(-1, 2), np.asarray(graph.weights, np.float32)
    if len(edges) != len(weights):
        raise ValueError(f"{path}: {len(edges)} edges but {len(weights)} weights.")
    if len(edges) and not (np.all(edges[:, 0] < edges[:, 1]) and edges.min() >= 0 and edges.max() < graph.n_nodes):
        raise ValueError(f"{path}: edges must have 0 <= i < j < {graph.n_nodes}.")
    batches, order = np.asarray(graph.batches, np.int64), np.asarray(graph.order, np.int64)
    if not np.array_equal(np.sort(order), np.arange(graph.n_nodes)):
        raise ValueError(f"{path}: order must hold each of 0 to {graph.n_nodes - 1} once.")
    n_nodes = np.int64(graph.n_nodes)
    write_npz(path, GRAPH, edges=edges, weights=weights, n_nodes=n_nodes, batches=batches, order=order)


def read_graph(path: str | Path) -> Graph:
    """Read what :func:`write_graph` wrote."""
    arrays = read_npz(path, GRAPH)
    return Graph(**(arrays | {"n_nodes": int(arrays["n_nodes"])}))
