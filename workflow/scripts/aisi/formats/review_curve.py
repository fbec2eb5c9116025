"""Accuracy of tags after corrections: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.tables import read_table, write_table

REVIEW_CURVE = Format(
    "review_curve",
    "compute_review_curve",
    columns={
        "order": TEXT,
        "draw": "int64",
        "share": "float64",
        "seen": "int64",
        "corrected": "int64",
        "n": "int64",
        **dict.fromkeys(("accuracy", "accuracy_objects", "accuracy_multi", "accuracy_alone"), "float64"),
    },
)
"""Accuracy of tags after corrections by a person who knows the true tags: `reference/review-curve.csv`.

Columns
-------
order, draw
    Sequence in which the person looks at the instances: by `margin`, or a draw of `random`.
share, seen
    The person looked at this share of the instances, which are so many.
corrected
    Number of wrong tags among them.
n
    Number of instances that are counted.
accuracy, accuracy_objects, accuracy_multi
    As in `metrics.csv`, after all tags were solved again with the corrections fixed.
accuracy_alone
    accuracy if only the corrected tags change and the others are not solved again.
"""
REVIEW_CURVE_COLUMNS = list(REVIEW_CURVE.columns)


def write_review_curve(path: str | Path, curve: pd.DataFrame) -> None:
    """Write accuracies after corrections: columns ``REVIEW_CURVE_COLUMNS``."""
    with writing(path):
        _check(curve)
    write_table(path, curve, REVIEW_CURVE)


def read_review_curve(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_review_curve` wrote."""
    curve = read_table(path, REVIEW_CURVE)
    with reading(path, REVIEW_CURVE, "a curve"):
        _check(curve)
    return curve


def _check(curve):
    shares = curve[["share", *(name for name in REVIEW_CURVE_COLUMNS if "accuracy" in name)]]
    inside = shares.isna() | ((shares >= 0) & (shares <= 1))
    require(bool(inside.all(axis=None)), "a share or an accuracy outside [0, 1]", "numbers in [0, 1]")
    counts = curve[["draw", "seen", "corrected", "n"]]
    require(bool((counts >= 0).all(axis=None)), "a negative count", "counts of at least 0")
    known = {"margin", "random"}
    require(set(curve["order"]) <= known, f"orders {sorted(set(curve['order']))}", f"orders {sorted(known)}")
