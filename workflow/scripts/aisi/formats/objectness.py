"""What tells how surely an instance shows an object: the fitted model (JSON), and each probability (CSV)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.files import Format, reading, require
from aisi.formats.instances import SalientInstances
from aisi.formats.seal import BLANK, read_sealed, sealed
from aisi.formats.tables import read_table, write_table

OBJECTNESS_MODEL = Format("objectness_model", "fit_objectness", 1)
OBJECTNESS = Format("objectness", "compute_objectness")
CALIBRATION = Format("calibration", "fit_objectness")

OBJECTNESS_COLUMNS = ["image_id", "instance_id", "objectness"]
CALIBRATION_COLUMNS = ["score", "n", "predicted", "objects"]


@dataclass(frozen=True)
class ObjectnessModel:
    """A logistic regression: the probability that an instance shows an object.

    Attributes
    ----------
    features : tuple of str
        Names of the F features, as in :data:`aisi.salient_instances.objectness.FEATURES`.
    means, scales, weights : (F,) float64
        The log-odds are the sum of weight * (feature - mean) / scale, plus the constant.
    constant : float
    """

    features: tuple[str, ...]
    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    constant: float


def write_objectness_model(path: str | Path, model: ObjectnessModel) -> None:
    """Write an :class:`ObjectnessModel` as a JSON object, which carries its seal wherever it is copied."""
    head = {"seal": BLANK, "format": OBJECTNESS_MODEL.name, "version": OBJECTNESS_MODEL.version}
    numbers = {name: getattr(model, name).tolist() for name in ("means", "scales", "weights")}
    content = head | {"features": list(model.features)} | numbers | {"constant": model.constant}
    with sealed(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_objectness_model(path: str | Path) -> ObjectnessModel:
    """Read what :func:`write_objectness_model` wrote.

    Raises
    ------
    FormatError
        If the file is another one, or not as it was written.
    """
    expected = f"{OBJECTNESS_MODEL.name}, version {OBJECTNESS_MODEL.version}"
    with reading(path, OBJECTNESS_MODEL, expected):
        content = json.loads(read_sealed(path))
        found = content["format"], content["version"]
        right = found == (OBJECTNESS_MODEL.name, OBJECTNESS_MODEL.version)
        require(right, f"format {found[0]}, version {found[1]}", expected)
        means, scales, weights = (np.array(content[name], float) for name in ("means", "scales", "weights"))
        return ObjectnessModel(tuple(content["features"]), means, scales, weights, float(content["constant"]))


def write_objectness(path: str | Path, instances: SalientInstances, objectness: np.ndarray) -> None:
    """Write the probability (N,) in [0, 1] that each of a shard's instances shows an object."""
    columns = (instances.image_ids, instances.instance_ids, objectness)
    write_table(path, pd.DataFrame(dict(zip(OBJECTNESS_COLUMNS, columns, strict=True))), OBJECTNESS_COLUMNS)


def read_objectness(paths: Sequence[str | Path], instances: SalientInstances) -> np.ndarray:
    """Read the objectness (N,) float64 of instances, from the files of all shards; without files, their own scores.

    Raises
    ------
    ValueError
        If the files are of other instances.
    """
    if not paths:
        return instances.scores
    dtypes = {"instance_id": "int64", "objectness": "float64"}
    table = pd.concat([read_table(path, OBJECTNESS, OBJECTNESS_COLUMNS, dtypes) for path in paths], ignore_index=True)
    own = np.array_equal(table["image_id"], instances.image_ids)
    if not (own and np.array_equal(table["instance_id"], instances.instance_ids)):
        raise ValueError(
            f"{paths[0]}: found the objectness of {len(table)} instances, but not of the {len(instances)} salient "
            f"instances here. Delete it, and run rule {OBJECTNESS.rule} again."
        )
    return table["objectness"].to_numpy()


def write_calibration(path: str | Path, calibration: pd.DataFrame) -> None:
    """Write how many instances show an object, by what a score says: columns ``CALIBRATION_COLUMNS``.

    A row is a bin of n instances with neighbouring values of ``score``: its mean is ``predicted``, and ``objects`` is
    the share that shows an object.
    """
    write_table(path, calibration, CALIBRATION_COLUMNS)


def read_calibration(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_calibration` wrote."""
    dtypes = {"n": "int64", "predicted": "float64", "objects": "float64"}
    return read_table(path, CALIBRATION, CALIBRATION_COLUMNS, dtypes)
