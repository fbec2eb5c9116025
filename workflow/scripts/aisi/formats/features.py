"""Features of the instances of a shard: HDF5."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aisi.formats.files import Format
from aisi.formats.hdf5 import extend, growing_column, new_hdf5, open_hdf5

FEATURES = Format("features", "compute_features", 1)


@contextmanager
def new_features(path: str | Path, dimension: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Give a function that appends rows (n, D) float32; the file appears when the block ends without an error."""
    with new_hdf5(path, FEATURES) as file:
        column = growing_column(file, "feature", np.float32, dimension)
        yield lambda rows: extend(column, np.asarray(rows, np.float32))


def read_features(*paths: str | Path) -> np.ndarray:
    """Read the features (N, D) float32 of one or several shards; row i belongs to salient instance i."""
    parts = []
    for path in paths:
        with open_hdf5(path, FEATURES) as file:
            parts.append(file["feature"][:])
    return np.concatenate([part for part in parts if len(part)] or parts[:1])
