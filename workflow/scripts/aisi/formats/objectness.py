"""What tells how surely an instance shows an object: the fitted model (JSON), and each probability (CSV)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.instances import SalientInstances
from aisi.formats.seal import BLANK, read_sealed, sealed
from aisi.formats.tables import read_table, write_table

OBJECTNESS_MODEL = Format(
    "objectness_model",
    "fit_objectness",
    1,
    columns={
        "features": "list of F texts",
        "means": "list of F floats",
        "scales": "list of F floats",
        "weights": "list of F floats",
        "constant": "float",
    },
)
"""A logistic regression, JSON: the probability that an instance shows an object, `salient_instances/objectness.json`.

The log-odds are the sum of weight * (feature - mean) / scale, plus the constant.

Columns
-------
features
    Names of the features.
means, scales
    Mean and standard deviation of each feature, in its own unit.
weights, constant
    Log-odds.
"""

OBJECTNESS = Format(
    "objectness", "compute_objectness", columns={"image_id": TEXT, "instance_id": "int64", "objectness": "float64"}
)
"""Objectness of the salient instances of a shard, one a row, in their order: `objectness/{split}/shard_{shard}.csv`.

Columns
-------
image_id, instance_id
    The instance.
objectness
    Probability that it shows an object, in [0, 1].
"""
OBJECTNESS_COLUMNS = list(OBJECTNESS.columns)

CALIBRATION = Format(
    "calibration",
    "fit_objectness",
    columns={"score": TEXT, "n": "int64", "predicted": "float64", "objects": "float64"},
)
"""How many instances show an object, by what a score says: `evaluation/objectness_calibration.csv`.

A row is a bin of instances with neighbouring values of a score. Rows are ordered by score, then by value.

Columns
-------
score
    Name of the score: the detector's own, or the objectness.
n
    Number of instances in the bin.
predicted
    Mean of the score, in [0, 1].
objects
    Share of instances that show an object, in [0, 1].
"""
CALIBRATION_COLUMNS = list(CALIBRATION.columns)
SCORES = {"score", "objectness"}
"""Names of the scores in a calibration: the detector's own, and the objectness."""


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
    with writing(path):
        _check_model(content)
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
        _check_model(content)
        means, scales, weights = (np.array(content[name], float) for name in ("means", "scales", "weights"))
        return ObjectnessModel(tuple(content["features"]), means, scales, weights, float(content["constant"]))


def _check_model(content):
    head = {"seal", "format", "version"}
    require(
        isinstance(content, dict) and set(content) == head | set(OBJECTNESS_MODEL.columns),
        f"keys {list(content)}",
        f"keys {list(OBJECTNESS_MODEL.columns)}",
    )
    found = content["format"], content["version"]
    right = found == (OBJECTNESS_MODEL.name, OBJECTNESS_MODEL.version)
    require(right, f"format {found[0]}, version {found[1]}", f"{OBJECTNESS_MODEL.name}, {OBJECTNESS_MODEL.version}")
    names = content["features"]
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names) and len({*names}) == len(names)
    require(texts, f"features {names}", "names, each once")
    for name in ("means", "scales", "weights"):
        numbers = content[name]
        right = isinstance(numbers, list) and len(numbers) == len(names) and all(map(_is_number, numbers))
        require(right, f"{name} {numbers}", "a finite number for each of the features")
    require(min(content["scales"], default=1) > 0, f"scales {content['scales']}", "numbers above 0")
    require(_is_number(content["constant"]), f"constant {content['constant']}", "a finite number")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < np.inf


def write_objectness(path: str | Path, instances: SalientInstances, objectness: np.ndarray) -> None:
    """Write the probability (N,) in [0, 1] that each of a shard's instances shows an object."""
    columns = (instances.image_ids, instances.instance_ids, objectness)
    write_table(path, pd.DataFrame(dict(zip(OBJECTNESS_COLUMNS, columns, strict=True))), OBJECTNESS)


def read_objectness(paths: Sequence[str | Path], instances: SalientInstances) -> np.ndarray:
    """Read the objectness (N,) float64 of instances, from the files of all shards; without files, their own scores.

    Raises
    ------
    ValueError
        If the files are of other instances.
    """
    if not paths:
        return instances.scores
    table = pd.concat([read_table(path, OBJECTNESS) for path in paths], ignore_index=True)
    own = np.array_equal(table["image_id"], instances.image_ids)
    if not (own and np.array_equal(table["instance_id"], instances.instance_ids)):
        raise ValueError(
            f"{paths[0]}: found the objectness of {len(table)} instances, but not of the {len(instances)} salient "
            f"instances here. Delete it, and run rule {OBJECTNESS.rule} again."
        )
    return table["objectness"].to_numpy()


def write_calibration(path: str | Path, calibration: pd.DataFrame) -> None:
    """Write how many instances show an object, by what a score says: columns ``CALIBRATION_COLUMNS``."""
    with writing(path):
        _check_calibration(calibration)
    write_table(path, calibration, CALIBRATION)


def read_calibration(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_calibration` wrote.

    Raises
    ------
    FormatError
        If the file is not such a table, or not as it was written.
    """
    table = read_table(path, CALIBRATION)
    with reading(path, CALIBRATION, "a calibration"):
        _check_calibration(table)
    return table


def _check_calibration(table):
    require(set(table["score"]) <= SCORES, f"scores {sorted(set(table['score']))}", f"of {sorted(SCORES)}")
    require(bool((table["n"] > 0).all()), f"n {table['n'].min()}", "bins of at least one instance")
    for name in ("predicted", "objects"):
        inside = table[name].between(0, 1).all()
        require(bool(inside), f"{name} {table[name].tolist()}", "numbers in [0, 1]")
