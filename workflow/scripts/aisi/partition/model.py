"""What a solver is given and what it answers: a quadratic program of 0/1 variables with a cardinality constraint."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class PartitionError(ValueError):
    """A problem that is not one: what was found, what was expected."""


class SolverError(RuntimeError):
    """A solver that is missing, or that ended without a valid labelling."""


class Status(StrEnum):
    """How good a labelling is known to be."""

    OPTIMAL = "optimal"
    """Certified: the objective is within the gap asked for."""
    FEASIBLE = "feasible"
    """A valid labelling without a bound, or whose bound is further away than the gap asked for."""
    TIME_LIMIT = "time_limit"
    """The best labelling when the time was up."""


@dataclass(frozen=True)
class Model:
    """What is left to decide, as 0/1 variables: one for each candidate of each free instance.

    maximise    constant + values . x + sum over pairs of rewards * x_a * x_b
    subject to  at most one variable of an instance is 1, exactly n_retained variables are 1

    Attributes
    ----------
    instances : (n,) int64
        Positions in the problem of the free instances that have candidates.
    offsets : (n + 1,) int64
        Variables of the i-th of them are ``offsets[i]:offsets[i + 1]``.
    categories : (m,) int64
        What a variable stands for.
    values : (m,) float64
        beta p, and what edges to pinned instances earn.
    pairs : (P, 2) int64
        Variables of one category at the two ends of an edge, a < b.
    rewards : (P,) float64
        2 W, above 0.
    n_retained : int
    constant : float
        What pinned instances earn among themselves.
    """

    instances: np.ndarray
    offsets: np.ndarray
    categories: np.ndarray
    values: np.ndarray
    pairs: np.ndarray
    rewards: np.ndarray
    n_retained: int
    constant: float

    @property
    def owners(self):
        """(m,) int64: the instance, 0..n-1, of each variable."""
        return np.repeat(np.arange(len(self.instances)), np.diff(self.offsets))

    def objective(self, chosen):
        """Value of ``chosen`` (m,) bool."""
        both = chosen[self.pairs].all(1)
        return float(self.constant + self.values[chosen].sum() + self.rewards[both].sum())


@dataclass(frozen=True)
class Answer:
    """What a solver gives for a :class:`Model`; ``chosen`` (m,) bool, ``margins`` (n,) or None."""

    chosen: np.ndarray
    objective: float
    bound: float
    status: Status
    margins: np.ndarray | None = None
