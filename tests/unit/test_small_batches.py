"""Batches so small that floor(r n) keeps no instance: the job says so."""

import numpy as np
import pytest

import solve_partition
from aisi.formats.dataset import Categories, write_categories
from aisi.formats.graph import Graph, write_graph
from aisi.formats.instances import new_salient_instances, read_salient_instances
from aisi.formats.partition import read_partition
from aisi.formats.scores import Scores, write_scores
from aisi.masks import encode
from aisi.partition.tags import Objective


@pytest.mark.parametrize(
    ("r", "lost"), [(0.95, "Warning: in 3 batches all instances are noisy: floor(0.95 n) of n"), (1.0, "")]
)
def test_batches_of_one_instance(tmp_path, capsys, r, lost):
    """PAPER §4.3 eq. 8 keeps floor(r n) of n instances: of one instance none, unless r is 1."""
    with new_salient_instances(tmp_path / "found.h5") as writer:
        for name in "abc":
            writer.append(name, [[0, 0, 4, 3]], [0.9], [encode(np.ones((3, 4)))])
    rows = read_salient_instances(tmp_path / "found.h5").rows
    write_scores(tmp_path / "p.h5", Scores(np.arange(4), np.ones(3, int), np.full(3, 0.5)), rows)
    graph = Graph(np.empty((0, 2), int), np.empty(0), 3, np.arange(4), np.arange(3))
    write_graph(tmp_path / "graph.npz", graph, rows)
    write_categories(tmp_path / "categories.csv", Categories(("cat",), (1,), ("#000000",)))
    solve_partition.main(
        **{"graph": tmp_path / "graph.npz", "scores": [tmp_path / "p.h5"], "instances": [tmp_path / "found.h5"]},
        **{"objectness": [], "categories": tmp_path / "categories.csv", "overrides": None, "stale": "stop"},
        objective=Objective(beta=1.0, balance_categories=0.0, objectness_weight=0.0),
        options={"solver": "exhaustive", "gap": 1e-6, "time_limit": None},
        **{"r": r, "jobs": 1, "job": 0, "output": tmp_path / "job_0"},
    )
    assert lost in capsys.readouterr().out and bool(lost) == (r < 1)
    labels = [read_partition(tmp_path / f"job_0/batch_{batch}.npz", rows).labels.tolist() for batch in range(3)]
    assert labels == [[int(r == 1)]] * 3
