"""One function that solves a problem by any of the solvers, and checks the answer."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from aisi.labels import NOISY
from aisi.partition.model import Answer, PartitionError, SolverError, Status
from aisi.partition.problem import build_model, objective


@dataclass(frozen=True)
class Solution:
    """A labelling and how good it is.

    Attributes
    ----------
    labels : (N,) int64
        0 = noisy; exactly n_retained are > 0.
    objective : float
        Value of PAPER §4.3 eq. 8.
    bound : float
        Never below the optimum; NaN where the solver gives none.
    gap : float
        (bound - objective) / |objective|; NaN where there is no bound.
    margins : (N,) float64
        What the optimum certainly loses if the instance may not have its label: its tag, or, noisy, being noisy.
        A lower bound of (optimum - optimum without that label), of use where it is above 0; where it is below, it
        certifies nothing, but a lower value still means a less certain tag. Infinite where no labelling without it
        exists. NaN for pinned instances, those without candidates, and solvers that give none.
    status : Status
        ``optimal`` (within the gap asked for), ``feasible`` or ``time_limit``.
    runtime : float
        Seconds, the building of the model included.
    solver : str
    """

    labels: np.ndarray
    objective: float
    bound: float
    gap: float
    margins: np.ndarray
    status: Status
    runtime: float
    solver: str


def solve(problem, solver="message_passing", gap=1e-4, time_limit=None, seed=0):
    """Assign a tag to every instance.

    Parameters
    ----------
    problem : PartitionProblem
    solver : str
        ``message_passing`` (any size, certified), ``cplex`` (needs the package cplex), ``highs``, ``exhaustive``
        (tiny problems), ``attention`` (largest score) or ``random``.
    gap : float
        Relative distance from the bound at which a solver may stop.
    time_limit : float or None
        Seconds. The best labelling so far is returned, with status ``time_limit``.
    seed : int
        Used by ``random`` and ``cplex``.

    Returns
    -------
    Solution
        The same for the same arguments, unless a time limit ends it. Ties go to the lowest category, then to the
        lowest instance, as far as a solver looks among equal ones.

    Raises
    ------
    PartitionError
        If the arguments are wrong.
    SolverError
        If the solver is not installed, finds nothing in time, or returns what is not a valid labelling.
    """
    start = perf_counter()
    if not gap >= 0:
        raise PartitionError(f"gap is {gap}; it must be at least 0.")
    if time_limit is not None and not time_limit > 0:
        raise PartitionError(f"time_limit is {time_limit}; it must be above 0 seconds, or None.")
    backend = _backend(solver)
    model = build_model(problem)
    if len(model.values):
        answer = backend(model, gap=gap, time_limit=time_limit, seed=seed)
    else:
        answer = Answer(np.zeros(0, bool), model.constant, model.constant, Status.OPTIMAL)
    labels = np.where(problem.fixed > 0, problem.fixed, NOISY)
    labels[model.instances[model.owners[answer.chosen]]] = model.categories[answer.chosen]
    margins = np.full(problem.n_instances, np.nan)
    if answer.margins is not None:
        margins[model.instances] = answer.margins
    value = _checked_objective(problem, labels, answer, solver)
    bound = max(float(answer.bound), value) if np.isfinite(answer.bound) else np.nan
    distance = bound - value
    return Solution(
        labels=labels,
        objective=value,
        bound=bound,
        gap=distance / abs(value) if value else distance * np.inf if distance else 0.0,
        margins=margins,
        status=answer.status,
        runtime=perf_counter() - start,
        solver=solver,
    )


def _checked_objective(problem, labels, answer, solver):
    """The objective from first principles, after every constraint and the solver's own claim were checked."""
    count, tolerance = int((labels > 0).sum()), 1e-6
    if count != problem.n_retained or answer.chosen.sum() != count - (problem.fixed > 0).sum():
        raise SolverError(f"{solver} kept {count} instances instead of {problem.n_retained}. Report this as a bug.")
    value = objective(problem, labels)
    scale = tolerance * max(1.0, abs(value))
    if abs(value - answer.objective) > scale or answer.bound < value - scale:
        raise SolverError(
            f"{solver} claims objective {answer.objective} and bound {answer.bound}, its labels are worth {value}. "
            "Report this as a bug."
        )
    return value


def _backend(solver):
    # Imported here, so that a missing solver is missed by those alone who ask for it.
    if solver == "message_passing":
        from aisi.partition.solvers import message_passing as module
    elif solver == "cplex":
        from aisi.partition.solvers import cplex as module
    elif solver == "highs":
        from aisi.partition.solvers import highs as module
    elif solver == "exhaustive":
        from aisi.partition.solvers import exhaustive as module
    elif solver in ("attention", "random"):
        from aisi.partition.solvers import baselines

        return getattr(baselines, solver)
    else:
        raise PartitionError(
            f"Unknown solver {solver!r}; there are message_passing, cplex, highs, exhaustive, attention and random."
        )
    return module.solve
