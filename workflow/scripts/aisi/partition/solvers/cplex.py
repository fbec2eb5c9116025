"""The mixed integer quadratic program of PAPER §4.3 eq. 8, solved by CPLEX."""

import sys
from dataclasses import replace
from time import perf_counter

import numpy as np

from aisi.partition.model import Answer, Model, SolverError, Status

try:
    import cplex
except ImportError as error:
    raise SolverError(
        "The solver cplex needs the package cplex (pip install cplex), which not every platform has. "
        "Use solver message_passing or highs instead."
    ) from error

SIZE_LIMIT = 1016
"""CPLEX's error code for a problem above the Community Edition's limits, 1000 variables and 1000 constraints."""


def solve(model: Model, gap: float, time_limit: float | None, seed: int) -> Answer:
    """Solve the program with one variable for each candidate.

    A model too large for the licence is split and solved in parts. Its answer has no bound, because the edges between
    the parts were left out.
    """
    deadline = np.inf if time_limit is None else perf_counter() + time_limit
    try:
        return _solve(model, gap, deadline, seed)
    except cplex.exceptions.CplexSolverError as error:
        if error.args[2] != SIZE_LIMIT or len(model.instances) < 2:
            raise SolverError(f"CPLEX failed: {error.args[0]} Use solver message_passing or highs.") from error
    parts = _split(model)
    sizes = " and ".join(str(len(part.instances)) for part, _ in parts)
    print(
        f"CPLEX: {len(model.values)} variables are more than this licence allows (Community Edition: 1000), so the "
        f"{len(model.instances)} instances are split into {sizes}. Edges between the parts are left out, and there is "
        "no bound."
    )
    chosen, status = np.zeros(len(model.values), bool), Status.FEASIBLE
    for part, variables in parts:
        left = None if time_limit is None else max(deadline - perf_counter(), 1e-3)
        answer = solve(part, gap, left, seed)
        chosen[variables] = answer.chosen
        status = Status.TIME_LIMIT if answer.status == Status.TIME_LIMIT else status
    return Answer(chosen, model.objective(chosen), np.nan, status)


def _split(model):
    """Two halves of the instances, each with its share of n_retained, and their variables."""
    n = len(model.instances)
    half = n // 2
    kept = min(model.n_retained * half // n, half)
    parts = []
    for start, end, n_retained in ((0, half, kept), (half, n, model.n_retained - kept)):
        first, last = model.offsets[start], model.offsets[end]
        inside = ((model.pairs >= first) & (model.pairs < last)).all(1)
        groups = [
            (group, penalty)
            for group, penalty in zip(np.split(model.members, model.groups[1:-1]), model.penalties, strict=False)
            if group[0] >= first and group[-1] < last
        ]
        part = replace(
            model,
            instances=model.instances[start:end],
            offsets=model.offsets[start : end + 1] - first,
            categories=model.categories[first:last],
            values=model.values[first:last],
            pairs=model.pairs[inside] - first,
            rewards=model.rewards[inside],
            n_retained=n_retained,
            constant=0.0,
            groups=np.cumsum([0, *(len(group) for group, _ in groups)]),
            members=np.concatenate([np.zeros(0, np.int64), *(group - first for group, _ in groups)]),
            penalties=np.array([penalty for _, penalty in groups], float),
        )
        parts.append((part, slice(first, last)))
    return parts


def _solve(model, gap, deadline, seed):
    with cplex.Cplex() as problem:
        for set_stream in (problem.set_log_stream, problem.set_results_stream):
            set_stream(sys.stdout)
        for set_stream in (problem.set_warning_stream, problem.set_error_stream):
            set_stream(sys.stderr)
        _load(problem, model)
        problem.parameters.threads.set(1)
        problem.parameters.randomseed.set(seed)
        problem.parameters.mip.tolerances.mipgap.set(gap)
        if deadline < np.inf:
            problem.parameters.timelimit.set(max(deadline - perf_counter(), 1e-3))
        problem.solve()
        status = problem.solution.get_status_string()
        timed_out = "time limit" in status
        if not problem.solution.is_primal_feasible():
            raise SolverError(f"CPLEX found no labelling: {status}. Allow more time, or use solver message_passing.")
        chosen = np.asarray(problem.solution.get_values(0, len(model.values) - 1)) > 0.5
        value, bound = model.objective(chosen), model.constant + problem.solution.MIP.get_best_objective()
    within = bound - value <= max(gap, 1e-9) * abs(value) + 1e-9
    return Answer(
        chosen, value, bound, Status.OPTIMAL if within else Status.TIME_LIMIT if timed_out else Status.FEASIBLE
    )


def _load(problem, model):
    n_variables = len(model.values)
    problem.objective.set_sense(problem.objective.sense.maximize)
    problem.variables.add(obj=model.values.tolist(), types="B" * n_variables)
    several = np.flatnonzero(np.diff(model.offsets) > 1)
    rows = [np.arange(model.offsets[i], model.offsets[i + 1]).tolist() for i in several]
    rows.append(range(n_variables))
    problem.linear_constraints.add(
        lin_expr=[cplex.SparsePair(list(row), [1.0] * len(row)) for row in rows],
        senses="L" * len(several) + "E",
        rhs=[1.0] * len(several) + [float(model.n_retained)],
    )
    # For each group, z >= the sum of its variables - 1 pays the penalty.
    n_groups = len(model.penalties)
    problem.variables.add(obj=(-model.penalties).tolist(), types="C" * n_groups)
    problem.linear_constraints.add(
        lin_expr=[
            cplex.SparsePair([*group.tolist(), n_variables + h], [1.0] * len(group) + [-1.0])
            for h, group in enumerate(np.split(model.members, model.groups[1:-1])[:n_groups])
        ],
        senses="L" * n_groups,
        rhs=[1.0] * n_groups,
    )
    # CPLEX's quadratic term is 1/2 x^T Q x with a symmetric Q: the reward of a pair is at (a, b) and at (b, a).
    columns: list[tuple[list[int], list[float]]] = [([], []) for _ in range(n_variables + n_groups)]
    for (a, b), reward in zip(model.pairs.tolist(), model.rewards.tolist(), strict=True):
        for here, there in ((a, b), (b, a)):
            columns[here][0].append(there)
            columns[here][1].append(reward)
    if len(model.pairs):
        problem.objective.set_quadratic([cplex.SparsePair(ind, val) for ind, val in columns])
