"""Features of the instances of a shard: HDF5."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aisi.formats.files import Format, reading, require
from aisi.formats.hdf5 import extend, growing_column, new_hdf5, read_hdf5
from aisi.formats.rows import check_shards

FEATURES = Format(
    "features",
    "compute_features or import_features",
    2,
    columns={"feature": ("float32", ("N", "D")), "rows": ("uint64", ("N",))},
)
"""Features of the N salient instances of a shard, in their order: `features/{split}/shard_{shard}.h5`.

Columns
-------
feature
    Finite numbers without a unit; D is 2048 for ResNet. They are not normalised: the graph takes their cosine.
rows
    Digest of image_id, instance_id and box of each instance: the first 8 bytes of a SHA-256. Files that belong together
    have equal rows.
"""


@contextmanager
def new_features(
    path: str | Path, dimension: int, rows: np.ndarray, origin: str = ""
) -> Iterator[Callable[[np.ndarray], None]]:
    """Give a function that appends features (n, D) float32; the file appears when the block ends without an error.

    Parameters
    ----------
    path : str or Path
    dimension : int
        D.
    rows : (N,) uint64
        Digests of the shard's salient instances, to which the N features belong.
    origin : str
        Where imported features come from.
    """
    with new_hdf5(path, FEATURES, origin) as file:
        column = growing_column(file, "feature", np.float32, dimension)

        def append(features: np.ndarray) -> None:
            features = np.asarray(features, np.float32)
            _check_finite(features)
            extend(column, features)

        yield append
        _check_number(len(column), rows)
        file["rows"] = np.asarray(rows, np.uint64)


def read_features(*paths: str | Path, rows: np.ndarray | None) -> np.ndarray:
    """Read the features (N, D) float32 of one or several shards; row i belongs to salient instance i.

    ``rows`` are the digests of the salient instances of all shards, which are compared with those in the files; None
    if the features are not joined with anything.
    """
    parts = []
    for path in paths:
        part = read_hdf5(path, FEATURES)
        with reading(path, FEATURES, "features"):
            _check_number(len(part["feature"]), part["rows"])
            _check_finite(part["feature"])
        parts.append(part)
    if rows is not None:
        check_shards([(path, part["rows"]) for path, part in zip(paths, parts, strict=True)], FEATURES, rows)
    features = [part["feature"] for part in parts]
    return np.concatenate([part for part in features if len(part)] or features[:1])


def _check_number(n, rows):
    require(n == len(rows), f"features of {n} instances", f"features of {len(rows)}")


def _check_finite(features):
    require(bool(np.isfinite(features).all()), "a feature that is no finite number", "finite numbers")
