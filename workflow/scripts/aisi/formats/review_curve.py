"""Accuracy of tags after corrections: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import Format, reading, require, writing
from aisi.formats.tables import read_table, write_table

REVIEW_CURVE = Format("review_curve", "compute_review_curve")

REVIEW_CURVE_COLUMNS = [
    *("order", "draw", "share", "seen", "corrected", "n"),
    *("accuracy", "accuracy_objects", "accuracy_multi", "accuracy_alone"),
]


def write_review_curve(path: str | Path, curve: pd.DataFrame) -> None:
    """Write accuracies after corrections: columns ``REVIEW_CURVE_COLUMNS``.

    order (``margin`` or ``random``) and draw identify a sequence of instances. The person looked at the first ``share``
    of them, which are ``seen`` instances, and found ``corrected`` wrong tags. n instances are counted. accuracy_alone
    is the accuracy if only the corrected tags change and the others are not solved again.
    """
    with writing(path):
        _check(curve)
    write_table(path, curve, REVIEW_CURVE_COLUMNS)


def read_review_curve(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_review_curve` wrote."""
    numbers = dict.fromkeys(("draw", "seen", "corrected", "n"), "int64")
    numbers |= dict.fromkeys(("share", *(name for name in REVIEW_CURVE_COLUMNS if "accuracy" in name)), "float64")
    curve = read_table(path, REVIEW_CURVE, REVIEW_CURVE_COLUMNS, numbers)
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
