"""Solutions of the partition: npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import Format
from aisi.formats.npz import read_npz, write_npz

PARTITION = Format("partition", "solve_partition or solve_baseline", 1, made="folder that holds it")


@dataclass(frozen=True)
class Partition:
    """The solution of one batch, or of the whole dataset (PAPER §4.3 eq. 8).

    Attributes
    ----------
    instances : (n,) int64
        Positions in the split's salient instances.
    labels : (n,) int64
        0 = noisy.
    objective, bound : float
        bound is NaN where the solver gives none.
    margins : (n,) float64
        NaN where the solver gives none.
    pinned : (n,) bool
        Whether the label was given by an override.
    status, solver : str
    """

    instances: np.ndarray
    labels: np.ndarray
    objective: float
    bound: float
    margins: np.ndarray
    pinned: np.ndarray
    status: str
    solver: str


def write_partition(path: str | Path, partition: Partition) -> None:
    """Write a :class:`Partition`."""
    arrays = {name: np.asarray(getattr(partition, name)) for name in Partition.__dataclass_fields__}
    if not len(arrays["instances"]) == len(arrays["labels"]) == len(arrays["margins"]) == len(arrays["pinned"]):
        raise ValueError(f"{path}: instances, labels, margins and pinned differ in length.")
    write_npz(path, PARTITION, **arrays)


def read_partition(path: str | Path) -> Partition:
    """Read what :func:`write_partition` wrote."""
    arrays = read_npz(path, PARTITION)
    scalars = {name: arrays[name].item() for name in ("objective", "bound", "status", "solver")}
    return Partition(**(arrays | scalars))
