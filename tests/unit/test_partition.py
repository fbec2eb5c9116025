import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_matrix, csr_array, lil_matrix

from aisi.formats.dataset import Categories
from aisi.formats.graph import Graph
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.partition import PartitionError, PartitionProblem, objective, retained, solve
from aisi.partition.problem import build_model
from aisi.partition.tags import (
    add_objectness,
    as_partition,
    balance_categories,
    batch_problem,
    batches_of_job,
    no_graph,
    tag_table,
)
from aisi.planning.assignments import PAPER, graph_name, graph_settings, paper_rows, read_assignment


def problem(edges, weights, candidates, scores=None, **options):
    """A problem from the list of each instance's categories."""
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in candidates])]).astype(int)
    categories = np.array([label for own in candidates for label in own], int)
    scores = np.zeros(len(categories)) if scores is None else scores
    return PartitionProblem(np.array(edges, int).reshape(-1, 2), weights, offsets, categories, scores, **options)


@pytest.mark.parametrize(
    ("n", "r", "kept"),
    [(100, 0.29, 29), (18878, 0.95, 17934), (20, 0.95, 19), (1000, 0.57, 570), (7, 1, 7), (7, 0.0, 0), (0, 0.95, 0)],
)
def test_retained_counts_decimals_exactly(n, r, kept):
    assert retained(n, r) == kept


@pytest.mark.parametrize("r", [-0.1, 1.1, float("nan")])
def test_retention_ratio_out_of_range(r):
    with pytest.raises(PartitionError, match="in \\[0, 1\\]"):
        retained(10, r)


def test_objective_known_by_hand():
    # 0 and 1 both take 1: 2 * 0.5; 2 is noisy: its edge earns nothing; beta * (0.25 + 0.75).
    given = problem([(0, 1), (1, 2)], [0.5, 1.5], [[1, 2], [1], [1]], [0.25, 9, 0.75, 9], beta=2.0, n_retained=2)
    assert objective(given, [1, 1, 0]) == 2 * 0.5 + 2.0 * (0.25 + 0.75)
    assert objective(given, [2, 1, 0]) == 2.0 * (9 + 0.75)
    assert objective(given, [0, 0, 0]) == 0


def test_noisy_pairs_earn_nothing():
    given = problem([(0, 1)], [1.0], [[1], [1]], n_retained=0)
    assert objective(given, [0, 0]) == 0


def test_objective_of_a_label_that_is_no_keyword():
    with pytest.raises(PartitionError, match="Instance 1 has label 2"):
        objective(problem([(0, 1)], [1.0], [[1], [1]]), [1, 2])


def test_model_of_a_pinned_instance():
    given = problem([(0, 1), (1, 2)], [0.5, 1.0], [[1, 2], [1, 2], [2]], fixed=[1, -1, -1])
    model = build_model(given)
    assert model.instances.tolist() == [1, 2]
    assert model.values.tolist() == [1.0, 0.0, 0.0]
    assert model.pairs.tolist() == [[1, 2]]
    assert model.rewards.tolist() == [2.0]
    assert (model.n_retained, model.constant) == (2, 0.0)


def test_default_keeps_every_instance_that_has_a_keyword():
    given = problem([], [], [[1], [], [2, 3], [4]], fixed=[-1, -1, -1, 0])
    assert given.n_retained == 2
    assert solve(given).labels.tolist()[1::2] == [0, 0]


BAD = {
    "edge to itself": (dict(edges=[(0, 0)], weights=[1.0]), "joins an instance to itself"),
    "edge backwards": (dict(edges=[(1, 0)], weights=[1.0]), "is not 0 <= i < j < 2"),
    "edge out of range": (dict(edges=[(0, 2)], weights=[1.0]), "is not 0 <= i < j < 2"),
    "edge twice": (dict(edges=[(0, 1), (0, 1)], weights=[1.0, 1.0]), "given twice"),
    "weight nan": (dict(edges=[(0, 1)], weights=[np.nan]), "has weight nan"),
    "weight negative": (dict(edges=[(0, 1)], weights=[-1.0]), "has weight -1"),
    "weight missing": (dict(edges=[(0, 1)], weights=[]), "expected \\(E, 2\\) and \\(E,\\)"),
    "score infinite": (dict(scores=[0.1, np.inf, 0.3]), "score of candidate 1 is inf"),
    "unsorted": (dict(candidates=[[2, 1], [1]]), "instance 0 are \\[2, 1\\]; they must ascend"),
    "duplicate": (dict(candidates=[[1], [2, 2]]), "instance 1 are \\[2, 2\\]"),
    "category zero": (dict(candidates=[[0, 1], [1]]), "categories start at 1"),
    "too many": (dict(n_retained=3), "n_retained is 3; 0 instances are pinned to a tag and 2 can take one"),
    "negative count": (dict(n_retained=-1), "must be 0 to 2"),
    "fractional count": (dict(n_retained=1.5), "whole number"),
    "beta negative": (dict(beta=-1.0), "beta is -1"),
    "beta nan": (dict(beta=np.nan), "beta is nan"),
    "pin that is no keyword": (dict(fixed=[-1, 2]), "Instance 1 is pinned to 2, .* its keywords \\[1\\]"),
    "pin unknown": (dict(fixed=[-2, -1]), "Instance 0 is pinned to -2"),
    "pins too short": (dict(fixed=[-1]), "fixed has shape \\(1,\\)"),
    "pins above the count": (dict(fixed=[1, 1], n_retained=1), "must be 2 to 2"),
    "pins below the count": (dict(fixed=[0, -1], n_retained=2), "must be 0 to 1"),
    "float edges": (dict(edges=[(0.5, 1.0)], weights=[1.0]), "edges is of type float64"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    change, message = BAD[name]
    given = dict(edges=[], weights=[], candidates=[[1, 2], [1]]) | change
    edges, weights, candidates = np.array(given.pop("edges")), given.pop("weights"), given.pop("candidates")
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in candidates])])
    categories = np.concatenate([np.array(own, int) for own in candidates])
    scores = given.pop("scores", np.zeros(len(categories)))
    with pytest.raises(PartitionError, match=message):
        PartitionProblem(edges, weights, offsets, categories, scores, **given)


def test_bad_offsets():
    with pytest.raises(PartitionError, match="start at 0"):
        PartitionProblem([], [], [1, 2], [1], [0.0])
    with pytest.raises(PartitionError, match="offsets end at 2"):
        PartitionProblem([], [], [0, 2], [1], [0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"solver": "gurobi"}, "Unknown solver"), ({"gap": -1}, "gap is -1"), ({"time_limit": 0}, "time_limit is 0")],
)
def test_bad_solve_arguments(options, message):
    with pytest.raises(PartitionError, match=message):
        solve(problem([], [], [[1]]), **options)


# ------------------------------------------------------------------ from files to problems and back


def scores_of(candidates):
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in candidates])])
    labels = np.concatenate([np.array(own, int) for own in candidates])
    return Scores(offsets, labels, np.linspace(0.1, 0.9, len(labels)).astype(np.float32))


def test_batch_problem_takes_a_block_of_the_graph():
    scores = scores_of([[1], [1, 2], [2], [1, 2, 3], [2]])
    graph = Graph(
        np.array([[0, 1], [2, 3], [3, 4]]), np.array([0.5, 1, 1.5]), 5, np.array([0, 2, 5]), np.array([4, 0, 3, 1, 2])
    )
    nodes, given = batch_problem(graph, 1, scores, np.array([-1, 2, -1, -1, -1]), 30.0, 0.5)
    assert nodes.tolist() == [3, 1, 2]
    assert given.edges.tolist() == [[0, 1], [1, 2]]
    assert given.weights.tolist() == [1, 1.5]
    assert given.categories.tolist() == [1, 2, 3, 1, 2, 2]
    assert np.allclose(given.scores, scores.scores[[4, 5, 6, 1, 2, 3]])
    assert given.fixed.tolist() == [-1, 2, -1]
    assert given.n_retained == 1 + 1  # the pin, and floor(0.5 * 2)


def test_batch_problem_of_another_dataset():
    with pytest.raises(PartitionError, match="3 nodes, but there are scores for 2"):
        batch_problem(no_graph(3), 0, scores_of([[1], [1]]), np.full(3, -1), 1.0, 1)


def test_balanced_categories_have_one_mean():
    scores = Scores(np.array([0, 2, 4, 5]), np.array([1, 3, 1, 3, 4]), np.array([0.4, 0.9, 0.2, 0.5, 0], np.float32))
    balanced = balance_categories(scores, 1)
    assert np.allclose(balanced.scores, [0.4 * 0.4 / 0.3, 0.9 * 0.4 / 0.7, 0.2 * 0.4 / 0.3, 0.5 * 0.4 / 0.7, 0])
    assert balanced.labels is scores.labels and balanced.offsets is scores.offsets
    assert np.allclose(scores.scores, [0.4, 0.9, 0.2, 0.5, 0])
    assert np.array_equal(balance_categories(scores, True).scores, balanced.scores)


def test_half_balanced_categories_keep_the_root_of_their_ratio():
    scores = Scores(np.array([0, 2, 4, 5]), np.array([1, 3, 1, 3, 4]), np.array([0.4, 0.9, 0.2, 0.5, 0], np.float32))
    half = balance_categories(scores, 0.5).scores
    assert np.allclose(half, scores.scores * np.sqrt([0.4 / 0.3, 0.4 / 0.7, 0.4 / 0.3, 0.4 / 0.7, 0]))
    for nothing in (0, False):
        assert np.array_equal(balance_categories(scores, nothing).scores, scores.scores)


def test_nothing_to_balance():
    empty = Scores(np.zeros(1, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert len(balance_categories(empty, 1).scores) == 0


def test_objectness_tells_which_instances_stay_not_which_tag():
    """Three instances, no edges: the least attention, 0.55, goes; with the scores, the one that the detector doubts."""
    scores = Scores(np.array([0, 2, 4, 6]), np.array([1, 2] * 3), np.array([0.7, 0.6, 0.5, 0.55, 0.8, 0.2], np.float32))
    objectness = np.array([0.2, 0.9, 0.6])

    def labels(weight, retention):
        weighed = add_objectness(scores, objectness, weight)
        _, problem = batch_problem(no_graph(3), 0, weighed, np.full(3, -1), 10.0, retention)
        return solve(problem).labels.tolist()

    assert labels(0, 0.7) == [1, 0, 1] and labels(0.5, 0.7) == [0, 2, 1]
    assert labels(0, 1) == labels(0.5, 1) == [1, 2, 1]
    added = add_objectness(scores, objectness, 0.5).scores
    assert added.dtype == np.float32 and np.allclose(added - scores.scores, [0.1, 0.1, 0.45, 0.45, 0.3, 0.3])
    assert np.array_equal(add_objectness(scores, objectness, 0).scores, scores.scores)


def test_jobs_share_all_batches():
    for n_batches, n_jobs in itertools.product((0, 1, 5, 48), (1, 2, 7)):
        jobs = [batches_of_job(n_batches, n_jobs, job) for job in range(n_jobs)]
        assert sum(jobs, []) == list(range(n_batches))
        assert max(map(len, jobs)) - min(map(len, jobs)) <= 1


def table_inputs():
    instances = SalientInstances(
        np.array(["a", "a", "b"], object),
        np.array([0, 1, 0]),
        np.array([[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 1, 1]]),
        np.array([0.9, 0.5, 0.7], np.float32),
        [],
    )
    images = pd.DataFrame({"image_id": ["a", "b"], "keywords": [("cat", "dog"), ("dog",)]})
    categories = Categories(("cat", "dog"), (1, 2), ("#000000",) * 2)
    return instances, scores_of([[1, 2], [1, 2], [2]]), images, categories


def test_tag_table():
    instances, scores, images, categories = table_inputs()
    nodes, given = batch_problem(no_graph(3), 0, scores, np.array([-1, 0, -1]), 1.0, 1)
    table = tag_table([as_partition(nodes, given, solve(given, "attention"))], instances, scores, images, categories)
    assert table["tag"].tolist() == ["dog", "noisy", "dog"]
    assert table["label"].tolist() == [2, 0, 2]
    assert table["source"].tolist() == ["solver", "override", "solver"]
    assert table["keywords"].tolist() == [("cat", "dog"), ("cat", "dog"), ("dog",)]
    assert np.allclose(table["attention"], [0.3, np.nan, 0.9], equal_nan=True)
    assert table["margin"].isna().all()


def test_tag_table_of_missing_or_doubled_instances():
    instances, scores, images, categories = table_inputs()
    nodes, given = batch_problem(no_graph(3), 0, scores, np.full(3, -1), 1.0, 1)
    partition = as_partition(nodes, given, solve(given, "attention"))
    for partitions in ([], [partition, partition]):
        with pytest.raises(PartitionError, match="Delete the partition and run"):
            tag_table(partitions, instances, scores, images, categories)


def test_tag_table_of_nothing():
    instances, _, images, categories = table_inputs()
    nothing = SalientInstances(
        *(getattr(instances, name)[:0] for name in ("image_ids", "instance_ids", "boxes", "scores")), []
    )
    scores = Scores(np.zeros(1, int), np.zeros(0, int), np.zeros(0, np.float32))
    nodes, given = batch_problem(no_graph(0), 0, scores, np.zeros(0, int), 1.0, 0.95)
    assert len(tag_table([as_partition(nodes, given, solve(given))], nothing, scores, images, categories)) == 0


# ------------------------------------------------------------------ names of assignments

GRAPH = {"k": 3, "shared_keywords_only": False, "centre_features": False}
PARTITION = {"mode": "dataset", "solver": "message_passing", "batch_solver": "cplex", "beta": 30, "r": 0.95}
PARTITION |= {"objectness_weight": 0.25, "balance_categories": True, "overlap_penalty": 1.0, "presence_reward": 0.0}


@pytest.mark.parametrize(
    ("name", "expected", "graph"),
    [
        ("partition", ("dataset", "message_passing", 30, 0.95, 3), "dataset"),
        ("partition_unfiltered", ("dataset", "message_passing", 30, 1, 3), "dataset"),
        ("paper", ("dataset", "message_passing", 30, 0.95, 3), "dataset"),
        ("partition_batches", ("batches", "cplex", 30, 0.95, 3), "batches"),
        ("partition_batches_unfiltered", ("batches", "cplex", 30, 1, 3), "batches"),
        ("beta-0.5", ("dataset", "message_passing", 0.5, 0.95, 3), "dataset"),
        ("retention-0.75", ("dataset", "message_passing", 30, 0.75, 3), "dataset"),
        ("k-3", ("dataset", "message_passing", 30, 0.95, 3), "dataset"),
        ("k-10", ("dataset", "message_passing", 30, 0.95, 10), "dataset_k-10"),
        ("shared_keywords_only-true", ("dataset", "message_passing", 30, 0.95, 3), "dataset_shared_keywords_only-true"),
        ("shared_keywords_only-false", ("dataset", "message_passing", 30, 0.95, 3), "dataset"),
        ("centre_features-true", ("dataset", "message_passing", 30, 0.95, 3), "dataset_centre_features-true"),
        ("batches-shuffled-7", ("batches", "cplex", 30, 0.95, 3), "batches_shuffled-7"),
        ("batches-category", ("batches", "cplex", 30, 0.95, 3), "batches_category"),
        ("batches-whole", ("dataset", "message_passing", 30, 0.95, 3), "dataset"),
    ],
)
def test_assignment_names(name, expected, graph):
    found = read_assignment(name, GRAPH, PARTITION)
    assert (found.mode, found.solver, found.beta, found.retention, found.k) == expected
    assert graph_name(found, GRAPH) == graph
    if found.mode == "dataset":
        settings = graph_settings(graph.removeprefix("dataset"), GRAPH)
        assert settings == {key: getattr(found, key) for key in GRAPH}


@pytest.mark.parametrize(
    ("graph", "name"),
    [
        (GRAPH, "dataset"),
        (GRAPH | {"k": 5}, "dataset_k-3"),
        (GRAPH | {"k": 5, "shared_keywords_only": True}, "dataset_k-3_shared_keywords_only-false"),
        (
            {"k": 10, "shared_keywords_only": True, "centre_features": True},
            "dataset_k-3_shared_keywords_only-false_centre_features-false",
        ),
    ],
)
def test_the_papers_settings_do_not_depend_on_the_config(graph, name):
    found = read_assignment("paper", graph, PARTITION | {"beta": 60, "r": 0.8})
    assert {key: getattr(found, key) for key in PAPER} == PAPER
    assert (PAPER["k"], PAPER["beta"], PAPER["retention"]) == (3, 30, 0.95)  # PAPER §4.1, table 2
    assert not any(PAPER[key] for key in PAPER if key not in ("k", "beta", "retention"))
    assert graph_name(found, graph) == name
    assert graph_settings(name.removeprefix("dataset"), graph) == {key: PAPER[key] for key in graph}


def test_rows_with_the_papers_settings():
    """They stand beside other settings only."""
    as_printed = PARTITION | {"objectness_weight": 0.0, "balance_categories": False, "overlap_penalty": 0.0}
    assert paper_rows(GRAPH, as_printed) == []
    assert paper_rows(GRAPH | {"k": 5}, as_printed) == ["paper"]
    assert paper_rows(GRAPH, as_printed | {"r": 0.9}) == ["paper"]
    assert paper_rows(GRAPH, as_printed | {"overlap_penalty": 1}) == ["paper"]
    for power in (True, 0.5):
        assert paper_rows(GRAPH, as_printed | {"balance_categories": power}) == ["paper_attention", "paper"]


def test_objectness_of_an_assignment():
    assert read_assignment("objectness_weight-1.5", GRAPH, PARTITION) == replace(
        read_assignment("partition", GRAPH, PARTITION), objectness_weight=1.5
    )


def test_the_whole_is_no_batch():
    assert read_assignment("batches-whole", GRAPH, PARTITION | {"mode": "batches"}).mode == "dataset"


@pytest.mark.parametrize("name", ["oracle", "beta-", "beta-x", "retention-2.0.1", "partition_", "k-0.5", "random"])
def test_names_that_no_solver_answers(name):
    with pytest.raises(ValueError, match="No assignment is called"):
        read_assignment(name, GRAPH, PARTITION)


KEYWORDS = [{2, 1}, {1, 2}, {2}]
SCORES = [{1: 0.9, 2: 0.1}, {1: 0.4, 2: 0.6}, {2: 0.8}]
SIMILARITY = np.array([[0, 1.8, 0], [1.8, 0, 1.2], [0, 1.2, 0]])
BY_ARRAYS = PartitionProblem(
    [[0, 1], [1, 2]], [1.8, 1.2], [0, 2, 4, 5], [1, 2, 1, 2, 2], [0.9, 0.1, 0.4, 0.6, 0.8], beta=2.0, n_retained=2
)


@pytest.mark.parametrize("form", [np.array, csr_array, coo_matrix, lil_matrix])
def test_problem_from_a_matrix(form):
    problem = PartitionProblem.from_graph(form(SIMILARITY), KEYWORDS, SCORES, beta=2.0, n_retained=2)
    assert problem == BY_ARRAYS
    assert solve(problem).labels.tolist() == [1, 1, 0]


def test_problem_from_a_matrix_without_scores():
    problem = PartitionProblem.from_graph(csr_array((2, 2)), [{3}, set()])
    assert problem.scores.tolist() == [0.0] and problem.n_retained == 1 and len(problem.edges) == 0


@pytest.mark.parametrize(
    ("similarity", "keywords", "scores", "message"),
    [
        (SIMILARITY[:2, :2], KEYWORDS, SCORES, r"similarity is \(2, 2\); expected shape \(3, 3\)"),
        ([[0.0]], [{1}], [{1: 0.0}], "similarity is list"),
        (csr_array(np.triu(SIMILARITY)), KEYWORDS, SCORES, "not symmetric"),
        (np.eye(3), KEYWORDS, SCORES, "diagonal"),
        (SIMILARITY, KEYWORDS, SCORES[:2], "keywords of 3 instances, but scores of 2"),
        (
            SIMILARITY,
            KEYWORDS,
            [SCORES[0], SCORES[1], {1: 0.5}],
            r"Instance 2 has keywords \[2\], but scores for \[1\]",
        ),
        (-SIMILARITY, KEYWORDS, SCORES, "weight -1.8"),
    ],
)
def test_wrong_graphs(similarity, keywords, scores, message):
    with pytest.raises(PartitionError, match=message):
        PartitionProblem.from_graph(similarity, keywords, scores)


def test_a_problem_has_copies_that_nobody_changes():
    weights = np.array([1.8, 1.2])
    problem = replace(BY_ARRAYS, weights=weights)
    weights[0] = 5.0
    assert problem.weights.tolist() == [1.8, 1.2]
    with pytest.raises(ValueError, match="read-only"):
        problem.weights[0] = 5.0


def test_problems_and_solutions_compare_by_value():
    same, other = replace(BY_ARRAYS), replace(BY_ARRAYS, beta=3)
    assert same == BY_ARRAYS and hash(same) == hash(BY_ARRAYS) and len({same, BY_ARRAYS, other}) == 2
    assert other != BY_ARRAYS and BY_ARRAYS != "problem"
    solution = solve(BY_ARRAYS)
    assert solution == replace(solution) and hash(solution) == hash(replace(solution))
    assert solution != replace(solution, labels=solution.labels + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": "3"}, "beta is '3'"),
        ({"weights": ["a", "b"]}, "weights is of type"),
        ({"edges": [[0, 1], [1]]}, "edges is not an array of numbers"),
        ({"scores": None}, "scores is of type object"),
        ({"n_retained": True}, "n_retained is True"),
    ],
)
def test_wrong_types_are_named(change, message):
    with pytest.raises(PartitionError, match=message):
        replace(BY_ARRAYS, **change)


def test_example_of_the_documentation(capsys):
    page = (Path(__file__).parents[2] / "docs" / "partition.md").read_text(encoding="utf-8")
    code, printed = re.search(r"```python\n(.*?)```\n\nIt prints\n\n```\n(.*?)```", page, re.DOTALL).groups()
    exec(compile(code, "docs/partition.md", "exec"), {})
    assert capsys.readouterr().out == printed
