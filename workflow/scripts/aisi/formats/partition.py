"""Solutions of the partition: npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.npz import read_npz, write_npz
from aisi.formats.rows import check_rows
from aisi.labels import LARGEST

PARTITION = Format(
    "partition",
    "solve_partition or solve_baseline",
    2,
    made="folder that holds it",
    columns={
        "instances": ("int64", ("n",)),
        "labels": ("int64", ("n",)),
        "objective": ("float64", ()),
        "bound": ("float64", ()),
        "margins": ("float64", ("n",)),
        "pinned": ("bool", ("n",)),
        "status": (TEXT, ()),
        "solver": (TEXT, ()),
        "rows": ("uint64", ("n",)),
    },
)
"""The solution of one batch, or of the whole dataset (PAPER §4.3 eq. 8):
`partition/{assignment}/job_{job}/batch_{batch}.npz`.

Columns
-------
rows
    Digest of image_id, instance_id and box of each instance: the first 8 bytes of a SHA-256. Files that belong together
    have equal rows.
"""


@dataclass(frozen=True)
class Partition:
    """The solution of one batch, or of the whole dataset (PAPER §4.3 eq. 8).

    Attributes
    ----------
    instances : (n,) int64
        Positions in the split's salient instances.
    labels : (n,) int64
        0 noisy, 1..C label.
    objective, bound : float
        Value of the labels, and a value that no labels exceed; bound is NaN where the solver gives none.
    margins : (n,) float64
        What the objective loses at least if the instance may not have its label; NaN where the solver gives none.
    pinned : (n,) bool
        Whether the label was given by an override.
    status, solver : str
        How the solver ended (docs/api.md), and its name.
    """

    instances: np.ndarray
    labels: np.ndarray
    objective: float
    bound: float
    margins: np.ndarray
    pinned: np.ndarray
    status: str
    solver: str


def write_partition(path: str | Path, partition: Partition, rows: np.ndarray) -> None:
    """Write a :class:`Partition`, and which of ``rows``, the digests of the split's salient instances, are its own."""
    with writing(path):
        _check(partition, len(rows))
    arrays = {name: np.asarray(getattr(partition, name)) for name in Partition.__dataclass_fields__}
    arrays |= {
        name: arrays[name].astype(kind) for name, (kind, _) in PARTITION.columns.items() if kind in ("int64", "float64")
    }
    write_npz(path, PARTITION, **arrays, rows=np.asarray(rows, np.uint64)[arrays["instances"]])


def read_partition(path: str | Path, rows: np.ndarray | None) -> Partition:
    """Read what :func:`write_partition` wrote.

    ``rows`` are the digests of the split's salient instances, which are compared with those in the file; None if the
    partition is not joined with anything.
    """
    arrays = read_npz(path, PARTITION)
    found = arrays.pop("rows")
    scalars = {name: arrays[name].item() for name in ("objective", "bound", "status", "solver")}
    partition = Partition(**(arrays | scalars))
    with reading(path, PARTITION, "a partition"):
        _check(partition, None if rows is None else len(rows))
    if rows is not None:
        check_rows(path, PARTITION, found, rows[partition.instances])
    return partition


def _check(partition, n):
    """``n`` is the number of salient instances, if it is known."""
    instances, labels = np.asarray(partition.instances), np.asarray(partition.labels)
    lengths = {len(instances), len(labels), len(partition.margins), len(partition.pinned)}
    require(len(lengths) == 1, "instances, labels, margins and pinned that differ in length", "as many of each")
    once = len(np.unique(instances)) == len(instances)
    inside = not len(instances) or (instances.min() >= 0 and (n is None or instances.max() < n))
    require(once and inside, "other instances", f"positions of {'' if n is None else f'{n} '}instances, each once")
    require(bool(((labels >= 0) & (labels <= LARGEST)).all()), "other labels", f"labels from 0 to {LARGEST}")
    require(bool(np.isfinite(partition.objective)), f"objective {partition.objective}", "a finite number")
