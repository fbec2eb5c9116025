"""Solve a problem with any of the solvers, and check the answer."""

from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from os import devnull
from time import perf_counter

import numpy as np

from aisi.labels import NOISY
from aisi.partition.model import Answer, ByValue, PartitionError, SolverError, Status
from aisi.partition.problem import PartitionProblem, build_model, is_number, objective
from aisi.plugins import Registry

SOLVERS = Registry("aisi.solvers", ("message_passing", "cplex", "highs", "exhaustive", "attention", "random"))
"""Functions of (model, gap, time_limit, seed) that give an Answer."""


@dataclass(frozen=True, eq=False)
class Solution(ByValue):
    """A labelling and how good it is.

    Attributes
    ----------
    labels : (N,) int64
        0 = noisy; exactly n_retained are > 0.
    objective : float
        Value of PAPER §4.3 eq. 8.
    bound : float
        Never below the optimum. NaN where the solver gives none.
    gap : float
        (bound - objective) / |objective|; NaN where there is no bound.
    margins : (N,) float64
        What the objective loses at least if the instance may not have its label (its tag, or noisy). It is a lower
        bound of (optimum - optimum without that label). A negative value certifies nothing, but a lower value still
        means a less certain label. Infinite where no labelling without the label exists. NaN for pinned instances,
        for instances without candidates, and for solvers that give no margins.
    status : Status
        ``optimal`` (within the requested gap), ``feasible`` or ``time_limit``.
    runtime : float
        Seconds, including the time to build the model.
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


def solve(
    problem: PartitionProblem,
    solver: str = "message_passing",
    gap: float = 1e-4,
    time_limit: float | None = None,
    seed: int = 0,
    effort: float = 1.0,
    verbose: bool = False,
) -> Solution:
    """Assign a tag to every instance.

    Parameters
    ----------
    problem : PartitionProblem
    solver : str
        ``message_passing`` (any size, certified), ``cplex`` (needs the package cplex), ``highs``, ``exhaustive``
        (tiny problems), ``attention`` (largest score), ``random``, or a solver of an installed package.
    gap : float
        Relative distance from the bound at which a solver may stop.
    time_limit : float or None
        Seconds. The best labelling so far is returned, with status ``time_limit``.
    seed : int
        Used by ``random`` and ``cplex``.
    effort : float
        Used by ``message_passing``: how long it continues while the gap is larger than requested. 10 allows ten times
        as many steps. It cannot close a gap that the relaxation itself has. Above 1 the margins are sharpened, too:
        more of them are above 0, for a few times the time of a small gap.
    verbose : bool
        Whether the solver prints what it does.

    Returns
    -------
    Solution
        The same for the same arguments, unless the time limit stops the solver. Ties go to the lowest category, then
        to the lowest instance, as far as a solver compares equal labellings.

    Raises
    ------
    PartitionError
        If the arguments are wrong.
    SolverError
        If the solver is not installed, finds nothing within the time limit, or returns an invalid labelling.
    """
    start = perf_counter()
    if not isinstance(problem, PartitionProblem):
        raise PartitionError(f"problem is of type {type(problem).__name__}; it must be a PartitionProblem.")
    if not (is_number(gap) and gap >= 0):
        raise PartitionError(f"gap is {gap!r}; it must be a number, at least 0.")
    if time_limit is not None and not (is_number(time_limit) and time_limit > 0):
        raise PartitionError(f"time_limit is {time_limit!r}; it must be a number of seconds above 0, or None.")
    if not (is_number(effort) and effort > 0):
        raise PartitionError(f"effort is {effort!r}; it must be a number above 0.")
    backend = _backend(solver)
    model = build_model(problem)
    if len(model.values):
        more = {"effort": effort} if solver == "message_passing" else {}
        with open(devnull, "w") as nowhere, nullcontext() if verbose else redirect_stdout(nowhere):
            answer = backend(model, gap=gap, time_limit=time_limit, seed=seed, **more)
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
    """Compute the objective directly, check it against the solver's own value, and check every constraint."""
    count, tolerance = int((labels > 0).sum()), 1e-6
    if count != problem.n_retained or answer.chosen.sum() != count - (problem.fixed > 0).sum():
        raise SolverError(f"{solver} kept {count} instances instead of {problem.n_retained}. Report this as a bug.")
    value = objective(problem, labels)
    scale = tolerance * max(1.0, abs(value))
    if abs(value - answer.objective) > scale or answer.bound < value - scale:
        raise SolverError(
            f"{solver} gives objective {answer.objective} and bound {answer.bound}, but its labels are worth {value}. "
            "Report this as a bug."
        )
    return value


def _backend(solver: str) -> Callable[..., Answer]:
    # Imported here, so that a solver has to be installed only if it is used.
    if solver == "message_passing":
        from aisi.partition.solvers import message_passing as module
    elif solver == "cplex":
        from aisi.partition.solvers import cplex as module  # type: ignore[no-redef]
    elif solver == "highs":
        from aisi.partition.solvers import highs as module  # type: ignore[no-redef]
    elif solver == "exhaustive":
        from aisi.partition.solvers import exhaustive as module  # type: ignore[no-redef]
    elif solver in ("attention", "random"):
        from aisi.partition.solvers import baselines

        return getattr(baselines, solver)
    else:
        try:
            return SOLVERS.load(solver)
        except ValueError as error:
            raise PartitionError(f"Unknown solver {solver!r}. Use {', '.join(SOLVERS.names)}.") from error
    return module.solve
