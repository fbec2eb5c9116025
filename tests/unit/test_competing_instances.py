"""Two terms that the paper does not have: instances that compete for one object, and keywords that are present."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisi.formats.graph import Graph
from aisi.formats.scores import Scores
from aisi.partition import PartitionError, PartitionProblem, objective, solve
from aisi.partition.tags import Objective, batch_problem
from test_objectness import PART, TRIANGLE, WHOLE, instances
from test_solvers import assert_valid, loss_without_its_label, planted, problems

BRIEF = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def grouped(draw, pinned=True):
    """Tiny problems with competing pairs, with keywords that earn a reward, or with both."""
    problem = draw(problems(largest=6, pinned=pinned))
    n = problem.n_instances
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    competing = draw(st.lists(st.sampled_from(every), unique=True, max_size=5)) if every else []
    return replace(
        problem,
        competing=np.array(competing, int).reshape(-1, 2),
        overlap_penalty=draw(st.sampled_from([0.0, 0.5, 3.0, 100.0])),
        photos=np.array([draw(st.integers(0, 2)) for _ in range(n)], int),
        presence_reward=draw(st.sampled_from([0.0, 0.5, 4.0])),
    )


def by_hand(problem, labels):
    """The objective by loops over what the definition names."""
    value = objective(replace(problem, competing=None, presence_reward=0.0), labels)
    for i, j in problem.competing:
        value -= problem.overlap_penalty * (labels[i] > 0 and labels[j] > 0)
    present = {(photo, label) for photo, label in zip(problem.photos.tolist(), labels.tolist(), strict=True) if label}
    return value + problem.presence_reward * len(present)


EXACT = []


@BRIEF
@given(grouped())
def test_message_passing_is_valid_and_never_above_its_bound(problem):
    best, found = solve(problem, "exhaustive"), solve(problem, gap=0)
    assert_valid(problem, found)
    assert found.objective == pytest.approx(by_hand(problem, found.labels), abs=1e-9)
    assert best.objective - 1e-9 <= found.bound
    assert found.objective <= best.objective + 1e-9
    EXACT.append(found.objective >= best.objective - 1e-6)


def test_message_passing_finds_the_optimum_of_most_tiny_problems():
    assert len(EXACT) >= 150 and np.mean(EXACT) >= 0.95


@pytest.mark.parametrize("solver", ["highs", "cplex"])
@settings(BRIEF, max_examples=60)
@given(grouped())
def test_other_solvers_find_the_optimum(solver, problem):
    best, found = solve(problem, "exhaustive"), solve(problem, solver, gap=0)
    assert_valid(problem, found)
    assert found.objective == pytest.approx(best.objective, abs=1e-6)
    assert found.bound >= best.objective - 1e-6


@settings(BRIEF, max_examples=80)
@given(grouped(pinned=False))
def test_margins_never_exceed_the_loss(problem):
    found, best = solve(problem, gap=0), solve(problem, "exhaustive").objective
    for j in np.flatnonzero(np.diff(problem.offsets) > 0):
        assert found.margins[j] <= loss_without_its_label(problem, found.labels, j, best) + 1e-6


def two_pairs(**terms):
    """Instances 0 and 1 overlap and are worth 10 and 9, instance 2 is worth 1; two of the three keep a tag."""
    return PartitionProblem([], [], [0, 1, 2, 3], [1, 1, 2], [10, 9, 1], beta=1, n_retained=2, **terms)


@pytest.mark.parametrize("solver", ["message_passing", "highs", "exhaustive"])
def test_a_penalty_removes_the_second_mask_of_an_object(solver):
    assert solve(two_pairs(), solver).labels.tolist() == [1, 1, 0]
    assert solve(two_pairs(competing=[[0, 1]], overlap_penalty=7), solver).labels.tolist() == [1, 1, 0]
    found = solve(two_pairs(competing=[[0, 1]], overlap_penalty=9), solver)
    assert found.labels.tolist() == [1, 0, 2] and found.objective == pytest.approx(found.bound) == 11


@pytest.mark.parametrize("solver", ["message_passing", "highs", "exhaustive"])
def test_a_reward_gives_each_keyword_of_a_photo_an_instance(solver):
    assert solve(two_pairs(photos=[0, 0, 0], presence_reward=7), solver).labels.tolist() == [1, 1, 0]
    assert solve(two_pairs(photos=[0, 0, 0], presence_reward=9), solver).labels.tolist() == [1, 0, 2]
    apart = two_pairs(photos=[0, 1, 1], presence_reward=9)
    assert solve(apart, solver).labels.tolist() == [1, 1, 0]


def large(seed=0, **terms):
    """Three hundred instances in photos of three, of which neighbours compete."""
    problem = planted(300, seed, retention=0.8)
    first = np.arange(0, 300, 3)
    competing = np.concatenate([np.stack([first, first + 1], 1), np.stack([first + 1, first + 2], 1)])
    return replace(problem, competing=competing, photos=np.arange(300) // 3, **terms)


@pytest.mark.parametrize("terms", [{"overlap_penalty": 2.0}, {"presence_reward": 1.0}])
def test_message_passing_comes_close_to_highs(terms):
    problem = large(**terms)
    best, found = solve(problem, "highs", gap=1e-6), solve(problem)
    assert best.objective * (1 - 1e-2) <= found.objective <= best.bound + 1e-6
    assert best.objective - 1e-6 <= found.bound <= best.objective * 1.01


def test_terms_of_weight_zero_change_nothing():
    plain, terms = planted(200, 1), large(overlap_penalty=0.0, presence_reward=0.0)
    terms = replace(plain, competing=terms.competing[:50], photos=np.arange(200) // 2)
    assert np.array_equal(solve(plain).labels, solve(terms).labels)
    assert np.array_equal(solve(plain).margins, solve(terms).margins)


def test_a_penalty_where_all_keep_a_tag_is_a_constant():
    plain = planted(60, 2, retention=1.0)
    terms = replace(plain, competing=[[0, 1], [2, 5]], overlap_penalty=3.0)
    assert np.array_equal(solve(plain).labels, solve(terms).labels)
    assert solve(terms).objective == pytest.approx(solve(plain).objective - 6)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"competing": [[1, 0]]}, r"competing 0 \(1, 0\) is not 0 <= i < j < 3"),
        ({"competing": [[0, 1], [0, 1]]}, r"competing \[0, 1\] is given twice\.$"),
        ({"competing": [0, 1]}, r"competing has shape \(2,\)"),
        ({"photos": [0, 1]}, r"photos has shape \(2,\), expected \(3,\)"),
        ({"overlap_penalty": -1}, "overlap_penalty is -1"),
        ({"presence_reward": float("nan")}, "presence_reward is nan"),
    ],
)
def test_wrong_terms(terms, message):
    with pytest.raises(PartitionError, match=message):
        two_pairs(**terms)


def test_masks_of_one_photo_compete_if_most_of_the_smaller_lies_in_the_other():
    found = instances([WHOLE, PART], [TRIANGLE], [TRIANGLE, PART, PART])
    terms = Objective(30, 0, 0, overlap_penalty=2.0, presence_reward=0.5).of_photos(found)
    assert terms.competing.tolist() == [[0, 1], [4, 5]]
    assert terms.photos.tolist() == [0, 0, 1, 2, 2, 2]
    assert len(Objective(30, 0, 0).of_photos(found).competing) == 0


def test_a_batch_has_the_pairs_of_its_own_instances():
    """The batch holds instances 5, 1, 4, 2 in this order; instances 0 and 1 compete, but 0 is elsewhere."""
    terms = Objective(30, 0, 0, overlap_penalty=2.0).of_photos(
        instances([WHOLE, PART], [TRIANGLE], [TRIANGLE, PART, PART])
    )
    graph = Graph(np.zeros((0, 2), int), np.zeros(0), 6, np.array([0, 2, 6]), np.array([0, 3, 5, 1, 4, 2]))
    scores = Scores(np.arange(7), np.ones(6, int), np.ones(6, np.float32))
    _, problem = batch_problem(graph, 1, scores, np.full(6, -1), 30.0, 0.5, terms)
    assert problem.competing.tolist() == [[0, 2]]
    assert problem.photos.tolist() == [2, 0, 2, 1] and problem.overlap_penalty == 2
