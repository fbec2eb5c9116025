"""Tag assignment. ``from aisi.partition import PartitionProblem, solve`` is all that a user of the solver needs."""

from aisi.partition.model import PartitionError, SolverError, Status
from aisi.partition.problem import PartitionProblem, objective, retained
from aisi.partition.solve import Solution, solve

__all__ = ["PartitionError", "PartitionProblem", "Solution", "SolverError", "Status", "objective", "retained", "solve"]
