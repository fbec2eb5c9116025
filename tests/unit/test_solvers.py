import sys
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisi.partition import PartitionError, PartitionProblem, SolverError, Status, objective, solve
from aisi.partition.problem import build_model

CERTIFIED = ["message_passing", "highs", "cplex"]
SOLVERS = [*CERTIFIED, "exhaustive", "attention", "random"]
THOROUGH = settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
BRIEF = settings(THOROUGH, max_examples=60)


def tidy(values):
    """Whole and half numbers, so that ties are many and sums exact."""
    return st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]) if values == "tied" else st.floats(0, 2, allow_subnormal=False)


@st.composite
def problems(draw, largest=7, pinned=True):
    """Tiny problems: isolated instances, none or single candidates, ties, zero weights, r = 1, beta = 0, pins."""
    n = draw(st.integers(1, largest))
    candidates = [sorted(draw(st.sets(st.integers(1, 4), max_size=3))) for _ in range(n)]
    numbers = tidy(draw(st.sampled_from(["tied", "any"])))
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    edges = draw(st.lists(st.sampled_from(every), unique=True, max_size=12)) if every else []
    weights = [draw(numbers) for _ in edges]
    scores = [draw(numbers) / 2 for own in candidates for _ in own]
    fixed = [draw(st.sampled_from([-1, -1, -1, 0, *own])) if pinned else -1 for own in candidates]
    free = sum(bool(own) and pin < 0 for own, pin in zip(candidates, fixed, strict=True))
    kept = draw(st.one_of(st.just(free), st.integers(0, free)))
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in candidates])])
    return PartitionProblem(
        np.array(edges, int).reshape(-1, 2),
        weights,
        offsets,
        np.array([label for own in candidates for label in own], int),
        scores,
        beta=draw(st.sampled_from([0.0, 0.0, 1.0, 30.0])),
        n_retained=kept + sum(pin > 0 for pin in fixed),
        fixed=fixed,
    )


def planted(n, seed, beta=3.0, retention=0.9, n_categories=5):
    """A random problem in which neighbours like to share a category."""
    generator = np.random.default_rng(seed)
    candidates = [np.sort(generator.choice(n_categories, 1 + j % 3, replace=False)) + 1 for j in range(n)]
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in candidates])])
    ends = np.unique(np.sort(generator.integers(0, n, (2 * n, 2)), 1), axis=0)
    edges = ends[ends[:, 0] < ends[:, 1]]
    weights, scores = generator.random(len(edges)) + 0.5, generator.random(offsets[-1])
    return PartitionProblem(edges, weights, offsets, np.concatenate(candidates), scores, beta, int(retention * n))


def assert_valid(problem, solution):
    """Constraints, and the objective, by first principles."""
    for j, label in enumerate(solution.labels):
        assert label in [0, *problem.categories[problem.offsets[j] : problem.offsets[j + 1]]]
        assert problem.fixed[j] in (-1, label)
    assert (solution.labels > 0).sum() == problem.n_retained
    assert solution.objective == objective(problem, solution.labels)


@THOROUGH
@given(problems())
def test_message_passing_finds_the_optimum_of_tiny_problems(problem):
    best, found = solve(problem, "exhaustive"), solve(problem, gap=0)
    assert_valid(problem, found)
    assert found.status == Status.OPTIMAL
    assert found.objective == pytest.approx(best.objective, abs=1e-6)
    assert found.bound >= best.objective - 1e-9


@pytest.mark.parametrize("solver", ["highs", "cplex"])
@BRIEF
@given(problems())
def test_other_solvers_find_the_optimum_of_tiny_problems(solver, problem):
    best, found = solve(problem, "exhaustive"), solve(problem, solver, gap=0)
    assert_valid(problem, found)
    assert found.objective == pytest.approx(best.objective, abs=1e-6)
    assert found.bound >= best.objective - 1e-6


@pytest.mark.parametrize("solver", ["attention", "random"])
@BRIEF
@given(problems())
def test_baselines_are_valid_and_never_better(solver, problem):
    found = solve(problem, solver)
    assert_valid(problem, found)
    assert found.objective <= solve(problem, "exhaustive").objective + 1e-9
    assert np.isnan(found.margins).all()
    if len(build_model(problem).values):
        assert np.isnan(found.bound) and found.status == Status.FEASIBLE


def loss_without_its_label(problem, labels, j, best):
    """What the optimum loses if instance j may not have its label; infinite if there is no labelling left."""
    start, end = problem.offsets[j : j + 2]
    others = [label for label in [0, *problem.categories[start:end]] if label != labels[j]]
    values = []
    for label in others:
        fixed = problem.fixed.copy()
        fixed[j] = label
        try:
            values.append(solve(replace(problem, fixed=fixed), "exhaustive").objective)
        except ValueError:  # no such count of tags
            continue
    return best - max(values, default=-np.inf)


EXACT: list[bool] = []
SHARP: list[bool] = []


@settings(THOROUGH, max_examples=120)
@given(problems(largest=5, pinned=False))
def test_margins_never_exceed_the_loss(problem):
    """Nor do sharpened ones, also where the search stops early."""
    best, found = solve(problem, "exhaustive").objective, solve(problem, gap=0)
    sharp, early = solve(problem, gap=0, effort=2), solve(problem, gap=0.5, effort=2)
    has_candidates = np.diff(problem.offsets) > 0
    assert np.array_equal(np.isnan(found.margins), ~has_candidates)
    for j in np.flatnonzero(has_candidates):
        losses = {}
        for solution in (found, sharp, early):
            label = solution.labels[j]
            if label not in losses:
                losses[label] = loss_without_its_label(problem, solution.labels, j, best)
            assert solution.margins[j] <= losses[label] + 1e-6
        EXACT.append(max(found.margins[j], 0) >= losses[found.labels[j]] - 1e-6)
        SHARP.append(max(sharp.margins[j], 0) >= losses[sharp.labels[j]] - 1e-6)


def test_share_of_exact_margins(capsys):
    if not EXACT:
        test_margins_never_exceed_the_loss()
    with capsys.disabled():
        print(f"\nmargins equal to the loss: {np.mean(EXACT):.0%} of {len(EXACT)}, sharpened: {np.mean(SHARP):.0%}")
    assert np.mean(EXACT) > 0.4 and np.mean(SHARP) >= np.mean(EXACT)


def test_sharpened_margins_certify_more_and_never_more_than_a_better_labelling_shows():
    """A ring of weak preferences with a loose gap: each margin is at most what a labelling without the label loses."""
    rng, n = np.random.default_rng(3), 150
    edges = np.unique(np.sort(rng.integers(0, n, (3 * n, 2)), axis=1), axis=0)
    edges = edges[edges[:, 0] < edges[:, 1]]
    problem = PartitionProblem(
        edges, rng.uniform(0, 2, len(edges)), 3 * np.arange(n + 1), np.tile([1, 2, 3], n), rng.random(3 * n), 3.0, 120
    )
    plain, sharp = solve(problem, gap=1e-3), solve(problem, gap=1e-3, effort=2)
    assert np.array_equal(plain.labels, sharp.labels)
    assert np.mean(sharp.margins > 0) > np.mean(plain.margins > 0) + 0.05
    assert np.all(sharp.margins >= plain.margins - 1e-9)
    for j in np.flatnonzero(sharp.margins > 0)[::5]:
        other = problem.fixed.copy()
        other[j] = 0 if sharp.labels[j] else 1
        assert sharp.objective - solve(replace(problem, fixed=other), gap=1e-6).objective >= sharp.margins[j] - 1e-6


def test_margins_known_by_hand():
    # Beta 1, no edges: each loses the difference of its two scores; one keyword only: nothing else is possible.
    problem = PartitionProblem([], [], [0, 2, 4, 5], [1, 2, 1, 2, 1], [0.9, 0.2, 0.3, 0.4, 0.5], 1.0)
    assert solve(problem).margins == pytest.approx([0.7, 0.1, np.inf])
    # Two of three stay: the noisy one would replace the weaker of the others.
    problem = PartitionProblem([], [], [0, 1, 2, 3], [1, 1, 1], [0.9, 0.2, 0.5], 1.0, 2)
    found = solve(problem, gap=0)
    assert found.labels.tolist() == [1, 0, 1]
    loss = np.array([0.7, 0.3, 0.3])
    assert np.all(found.margins <= loss + 1e-9) and found.margins[0] > 0.3


def test_margins_of_pinned_instances_are_none():
    found = solve(PartitionProblem([], [], [0, 2, 4], [1, 2, 1, 2], [0.9, 0.2, 0.3, 0.4], 1.0, fixed=[2, -1]))
    assert found.labels.tolist() == [2, 2]
    assert np.isnan(found.margins[0]) and found.margins[1] == pytest.approx(0.1)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "problem",
    [
        PartitionProblem([], [], [0], [], []),
        PartitionProblem([], [], [0, 0, 0], [], []),
        PartitionProblem([], [], [0, 1], [3], [0.5], n_retained=0),
        PartitionProblem([], [], [0, 1], [3], [0.5]),
        PartitionProblem([[0, 1]], [1.0], [0, 1, 2], [3, 3], [0.5, 0.5], fixed=[3, 0]),
        PartitionProblem([[0, 1]], [0.0], [0, 1, 2], [3, 3], [0.0, 0.0], beta=0.0, n_retained=1),
    ],
    ids=["no instances", "no keywords", "none kept", "one image", "all pinned", "all zero"],
)
def test_edges_of_what_is_possible(solver, problem):
    assert_valid(problem, solve(problem, solver))


@pytest.mark.parametrize("retention", [1.0, 0.95, 0.75])
@pytest.mark.parametrize("beta", [0.0, 3.0, 30.0])
def test_certified_solvers_agree(beta, retention):
    problem = planted(150, 0, beta, retention)
    exact = solve(problem, "highs", gap=0)
    assert exact.status == Status.OPTIMAL
    for solver in ("message_passing", "cplex"):
        found = solve(problem, solver, gap=1e-6)
        assert_valid(problem, found)
        assert found.bound >= exact.objective - 1e-6
        assert found.objective <= exact.objective + 1e-6
        assert found.objective >= exact.objective * (1 - 3e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_same_input_same_bytes(solver):
    problem = planted(8 if solver == "exhaustive" else 300, 1)
    one, two = solve(problem, solver, seed=3), solve(problem, solver, seed=3)
    assert one.labels.tobytes() == two.labels.tobytes()
    assert one.margins.tobytes() == two.margins.tobytes()
    assert (one.objective, one.status) == (two.objective, two.status)


def test_seed_changes_random_tags():
    problem = planted(300, 1)
    assert not np.array_equal(solve(problem, "random", seed=0).labels, solve(problem, "random", seed=1).labels)


@pytest.mark.parametrize("seed", [0, 1])
def test_order_of_instances_does_not_matter(seed):
    problem = planted(800, seed)
    order = np.random.default_rng(seed).permutation(800)
    place = np.argsort(order)
    sizes = np.diff(problem.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    source = np.repeat(problem.offsets[order] - offsets[:-1], sizes) + np.arange(offsets[-1])
    shuffled = PartitionProblem(
        np.sort(place[problem.edges], 1)[::-1],
        problem.weights[::-1],
        offsets,
        problem.categories[source],
        problem.scores[source],
        problem.beta,
        problem.n_retained,
    )
    one, two = solve(problem, gap=1e-3), solve(shuffled, gap=1e-3)
    assert objective(problem, two.labels[place]) == pytest.approx(two.objective)
    assert one.objective == pytest.approx(two.objective, rel=max(one.gap, two.gap) + 1e-12)


def test_ties_go_to_the_lowest_category_and_instance():
    problem = PartitionProblem([], [], [0, 2, 4, 6], [1, 2, 1, 2, 1, 2], np.zeros(6), 1.0, 2)
    for solver in ("message_passing", "exhaustive", "attention"):
        assert solve(problem, solver).labels.tolist() == [1, 1, 0]


def test_time_limit_returns_the_best_so_far():
    problem = planted(3000, 0, beta=0.0, retention=0.8)
    found = solve(problem, gap=0, time_limit=1e-6)
    assert_valid(problem, found)
    assert found.status == Status.TIME_LIMIT
    assert np.isfinite(found.gap) and found.bound >= found.objective


def test_time_limit_without_a_labelling_raises():
    with pytest.raises(SolverError, match="no labelling"):
        solve(planted(3000, 0, beta=0.0, retention=0.8), "highs", gap=0, time_limit=1e-3)


def test_cplex_splits_what_its_licence_does_not_allow(capsys):
    problem = planted(700, 0)
    found = solve(problem, "cplex", gap=1e-4, verbose=True)
    assert_valid(problem, found)
    said = capsys.readouterr().out
    if "Community Edition" in said:
        assert "700 instances are split into 350 and 350" in said
        assert np.isnan(found.bound) and np.isnan(found.gap)
    assert found.objective <= solve(problem).bound + 1e-6


def test_solvers_print_only_on_request(capfd):
    for solver in SOLVERS:
        solve(planted(8, 0), solver)
    assert capfd.readouterr() == ("", "")
    solve(planted(30, 0), "highs", verbose=True)
    solve(planted(30, 0), "cplex", verbose=True)
    said = capfd.readouterr().out
    assert "HiGHS: objective" in said and "Root node processing" in said


@pytest.mark.parametrize(("solver", "package"), [("cplex", "cplex"), ("highs", "highspy")])
def test_a_missing_package_names_the_alternative(solver, package, monkeypatch):
    import aisi.partition.solvers

    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"aisi.partition.solvers.{solver}", raising=False)
    monkeypatch.delattr(aisi.partition.solvers, solver, raising=False)
    with pytest.raises(SolverError, match=f"needs the package {package}.*message_passing"):
        solve(planted(5, 0), solver)
    sys.modules.pop(f"aisi.partition.solvers.{solver}", None)


def test_a_solver_that_errs_is_found_out(monkeypatch):
    from aisi.partition.solvers import highs

    problem = planted(20, 0)
    answer = highs.solve(build_model(problem), 0, None, 0)
    for wrong in (replace(answer, objective=answer.objective + 1), replace(answer, chosen=~answer.chosen)):
        monkeypatch.setattr(highs, "solve", lambda *a, wrong=wrong, **b: wrong)
        with pytest.raises(SolverError, match="Report this as a bug"):
            solve(problem, "highs")


def test_too_many_labellings_for_exhaustive():
    with pytest.raises(ValueError, match="Use message_passing"):
        solve(planted(100, 0), "exhaustive")


def tied(n, seed):
    """A problem with three keywords an instance, equal weights and no scores, so that its relaxation is fractional."""
    generator = np.random.default_rng(seed)
    candidates = [np.sort(generator.choice(4, 3, replace=False)) + 1 for _ in range(n)]
    ends = np.unique(np.sort(generator.integers(0, n, (3 * n, 2)), 1), axis=0)
    edges = ends[ends[:, 0] < ends[:, 1]]
    offsets, scores = 3 * np.arange(n + 1), np.zeros(3 * n)
    return PartitionProblem(edges, np.ones(len(edges)), offsets, np.concatenate(candidates), scores, 0.0, int(0.8 * n))


def test_highs_has_one_time_limit_for_all_rounds(monkeypatch):
    highspy = pytest.importorskip("highspy")
    limits, begin, set_option = [], perf_counter(), highspy.Highs.setOptionValue

    def note(highs, name, value):
        if name == "time_limit":
            limits.append((perf_counter() - begin, value))
        return set_option(highs, name, value)

    monkeypatch.setattr(highspy.Highs, "setOptionValue", note)
    assert solve(tied(40, 0), "highs", gap=0, time_limit=60).status == Status.OPTIMAL
    assert len(limits) >= 3, "expected the relaxation and two rounds with whole numbers"
    for elapsed, limit in limits[1:]:
        assert elapsed + limit <= limits[0][0] + 60 + 1e-3


def test_margins_where_every_instance_has_to_be_noisy():
    problem = replace(planted(20, 0), n_retained=0)
    assert np.all(np.isinf(solve(problem).margins))


def test_more_effort_closes_a_gap():
    problem = tied(40, 4)
    little, much = solve(problem, gap=0, effort=1e-3), solve(problem, gap=0, effort=10)
    assert little.status == Status.FEASIBLE and much.gap < little.gap
    assert much.bound >= solve(problem, "highs", gap=0).objective - 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": "small"}, "gap is 'small'"),
        ({"gap": -1}, "gap is -1"),
        ({"time_limit": "1 s"}, "time_limit is '1 s'"),
        ({"effort": 0}, "effort is 0"),
        ({"effort": True}, "effort is True"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(PartitionError, match=message):
        solve(planted(5, 0), **change)


def test_wrong_problem():
    with pytest.raises(PartitionError, match="problem is of type dict; it must be a PartitionProblem"):
        solve({})
