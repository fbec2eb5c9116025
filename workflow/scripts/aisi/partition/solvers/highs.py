"""The linearised problem, solved by HiGHS: first its relaxation, then whole numbers where it is fractional."""

from time import perf_counter

import numpy as np

from aisi.partition.model import Answer, Model, SolverError, Status

try:
    import highspy
except ImportError as error:
    raise SolverError(
        "The solver highs needs the package highspy (pip install highspy). Use solver message_passing instead."
    ) from error


def solve(model: Model, gap: float, time_limit: float | None, seed: int) -> Answer:
    """Solve the problem with y <= x_a, y <= x_b for each product x_a x_b (PAPER §4.2: x^2 = x).

    Rewards are positive, so y = x_a x_b at the optimum. For each group, z >= the sum of its x - 1 pays the penalty.
    Each round solves a relaxation. If its solution is whole, it is the optimum. Otherwise the fractional variables must
    be whole in the next round. The time limit holds for all rounds together, but HiGHS looks at the clock only between
    its steps: one step may take longer. ``seed`` has no effect.
    """
    deadline = np.inf if time_limit is None else perf_counter() + time_limit
    highs, n_variables = _load(model), len(model.values)
    highs.setOptionValue("mip_rel_gap", gap)
    whole, relaxation, bound = np.zeros(n_variables, bool), None, np.inf
    if time_limit is not None:
        for interrupt in (highs.cbSimplexInterrupt, highs.cbIpmInterrupt, highs.cbMipInterrupt):
            interrupt.subscribe(lambda event: event.interrupt(perf_counter() > deadline))
    while True:
        if time_limit is not None:
            clock = 0.0 if whole.any() else highs.getRunTime()  # a MIP round has a clock of its own
            highs.setOptionValue("time_limit", clock + max(deadline - perf_counter(), 1e-3))
        highs.run()
        status, info = highs.getModelStatus(), highs.getInfo()
        timed_out = status in (highspy.HighsModelStatus.kTimeLimit, highspy.HighsModelStatus.kInterrupt)
        if not timed_out and status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS ended with {highs.modelStatusToString(status)}. Use solver message_passing.")
        if whole.any():
            bound = min(bound, info.mip_dual_bound)
        elif not timed_out:
            bound = relaxation = info.objective_function_value
        x = np.asarray(highs.getSolution().col_value)[:n_variables]
        fractional = np.abs(x - np.round(x)) > 1e-6
        if timed_out or not fractional.any():
            break
        print(f"HiGHS: {fractional.sum()} of {n_variables} variables are fractional; they must be whole from now on.")
        whole |= fractional
        marked = np.flatnonzero(fractional).astype(np.int32)
        kind = np.full(len(marked), highspy.HighsVarType.kInteger.value, np.uint8)
        highs.changeColsIntegrality(len(marked), marked, kind)
    chosen = x > 0.5
    if timed_out and (fractional.any() or not _is_labelling(model, chosen)):
        raise SolverError(f"HiGHS found no labelling in {time_limit} s. Allow more time, or use message_passing.")
    value, bound = model.objective(chosen), bound + model.constant
    if relaxation is not None:
        print(f"HiGHS: objective {value:.9g}, bound {bound:.9g}, relaxation {relaxation + model.constant:.9g}")
    within = bound - value <= max(gap, 1e-9) * abs(value) + 1e-9
    return Answer(
        chosen, value, bound, Status.OPTIMAL if within else Status.TIME_LIMIT if timed_out else Status.FEASIBLE
    )


def _is_labelling(model, chosen):
    return chosen.sum() == model.n_retained and np.bincount(model.owners[chosen], minlength=1).max() <= 1


def _load(model):
    n_variables, n_pairs, n = len(model.values), len(model.pairs), len(model.instances)
    several = np.flatnonzero(np.diff(model.offsets) > 1)
    row_of = np.full(n, -1)
    row_of[several] = np.arange(len(several))
    rows = row_of[model.owners]
    one_of = np.flatnonzero(rows >= 0)
    n_groups = len(model.penalties)
    # Rows: at most one keyword; the count; y <= x_a; y <= x_b; the sum of a group's x - z <= 1.
    count_row = len(several)
    first_pair = count_row + 1
    first_group = first_pair + 2 * n_pairs
    group, z = first_group + np.arange(n_groups), n_variables + n_pairs + np.arange(n_groups)
    pair, y = np.arange(n_pairs), n_variables + np.arange(n_pairs)
    row = np.concatenate(
        [rows[one_of], np.full(n_variables, count_row), *(first_pair + side * n_pairs + pair for side in (0, 0, 1, 1))]
        + [np.repeat(group, np.diff(model.groups)), group]
    )
    column = np.concatenate(
        [one_of, np.arange(n_variables), y, model.pairs[:, 0], y, model.pairs[:, 1], model.members, z]
    )
    value = np.ones(len(row))
    value[len(row) - n_groups :] = -1.0
    for side in (0, 1):
        start = len(one_of) + n_variables + (2 * side + 1) * n_pairs
        value[start : start + n_pairs] = -1.0
    order = np.argsort(column, kind="stable")
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n_variables + n_pairs + n_groups, first_group + n_groups
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_ = np.concatenate([model.values, model.rewards, -model.penalties])
    lp.col_lower_ = np.zeros(lp.num_col_)
    lp.col_upper_ = np.concatenate([np.ones(n_variables + n_pairs), np.full(n_groups, highspy.kHighsInf)])
    upper = np.concatenate([np.ones(len(several)), [model.n_retained], np.zeros(2 * n_pairs), np.ones(n_groups)])
    lower = np.full(lp.num_row_, -highspy.kHighsInf)
    lower[count_row] = model.n_retained
    lp.row_lower_, lp.row_upper_ = lower, upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=lp.num_col_))])
    lp.a_matrix_.index_, lp.a_matrix_.value_ = row[order], value[order]
    highs = highspy.Highs()
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("solver", "ipm")  # with crossover to a vertex; twice as fast here as the simplex method
    highs.cbLogging.subscribe(lambda event: print(event.message, end=""))
    highs.passModel(lp)
    return highs
