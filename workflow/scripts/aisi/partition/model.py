"""Input and output of a solver: a quadratic program of 0/1 variables with a cardinality constraint."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np


class PartitionError(ValueError):
    """The arguments are wrong, or no labelling exists. The message says what was found and what was expected."""


class SolverError(RuntimeError):
    """A solver is not installed, or ended without a valid labelling."""


class ByValue:
    """Equality and hash of a dataclass by the values of its fields, arrays included."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self):
        return tuple(np.asarray(getattr(self, field.name)).tobytes() for field in fields(self))  # type: ignore[arg-type]


class Status(StrEnum):
    """How good a labelling is known to be."""

    OPTIMAL = "optimal"
    """Certified: the objective is within the requested gap of the bound."""
    FEASIBLE = "feasible"
    """A valid labelling without a bound, or with a bound further away than the requested gap."""
    TIME_LIMIT = "time_limit"
    """The best labelling found within the time limit."""


@dataclass(frozen=True)
class Model:
    """The part of a problem that is still open: one 0/1 variable for each candidate of each free instance.

    maximise    constant + values . x + sum over pairs of rewards * x_a * x_b
                - sum over groups of penalty * max(0, sum of x in the group - 1)
    subject to  at most one variable of an instance is 1, exactly n_retained variables are 1

    Attributes
    ----------
    instances : (n,) int64
        Positions in the problem of the free instances that have candidates.
    offsets : (n + 1,) int64
        Variables of the i-th of them are ``offsets[i]:offsets[i + 1]``.
    categories : (m,) int64
        Category of each variable.
    values : (m,) float64
        beta p, plus the rewards of edges to pinned instances.
    pairs : (P, 2) int64
        The two variables of one category at the ends of an edge, a < b.
    rewards : (P,) float64
        2 W, above 0.
    n_retained : int
    constant : float
        What the pinned instances earn among themselves.
    groups : (g + 1,) int64
        Variables of the h-th group are ``members[groups[h]:groups[h + 1]]``. A group stands for two instances that
        compete, or for a keyword of a photo that earns its reward once. The paper has none.
    members : (G,) int64
        Variables, at least two in each group, ascending.
    penalties : (g,) float64
        What each variable of a group that is 1 costs, except one; above 0.
    """

    instances: np.ndarray
    offsets: np.ndarray
    categories: np.ndarray
    values: np.ndarray
    pairs: np.ndarray
    rewards: np.ndarray
    n_retained: int
    constant: float
    groups: np.ndarray
    members: np.ndarray
    penalties: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """Instance 0..n-1 of each variable, (m,) int64."""
        return np.repeat(np.arange(len(self.instances)), np.diff(self.offsets))

    def objective(self, chosen: np.ndarray) -> float:
        """Compute the value of ``chosen``, (m,) bool."""
        both = chosen[self.pairs].all(1)
        earned = self.constant + self.values[chosen].sum() + self.rewards[both].sum()
        return float(earned - (self.penalties * np.maximum(self.counts(chosen) - 1, 0)).sum())

    def counts(self, chosen: np.ndarray) -> np.ndarray:
        """Count the chosen variables of each group: (g,) int64."""
        return np.add.reduceat(chosen[self.members].astype(np.int64), self.groups[:-1])[: len(self.penalties)]


@dataclass(frozen=True)
class Answer:
    """A solver's answer to a :class:`Model`.

    Attributes
    ----------
    chosen : (m,) bool
        The variables that are 1.
    objective, bound : float
        bound is NaN where the solver gives none.
    status : Status
    margins : (n,) float64 or None
    """

    chosen: np.ndarray
    objective: float
    bound: float
    status: Status
    margins: np.ndarray | None = None
