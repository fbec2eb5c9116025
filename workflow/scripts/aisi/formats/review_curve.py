"""Accuracy of tags after corrections: CSV."""

from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table

REVIEW_CURVE = Format("review_curve", "compute_review_curve")

REVIEW_CURVE_COLUMNS = [
    *("order", "draw", "share", "seen", "corrected", "n"),
    *("accuracy", "accuracy_objects", "accuracy_multi", "accuracy_alone"),
]


def write_review_curve(path, curve):
    """Write accuracies after corrections: columns ``REVIEW_CURVE_COLUMNS``.

    order (``margin`` or ``random``) and draw name a sequence of instances, whose first ``share``, ``seen`` of them,
    the person judged, finding ``corrected`` tags wrong; n instances are counted. accuracy_alone: if the corrected
    ones alone change, the others being not solved anew.
    """
    write_table(path, curve, REVIEW_CURVE_COLUMNS)


def read_review_curve(path):
    """Read what :func:`write_review_curve` wrote."""
    numbers = dict.fromkeys(("draw", "seen", "corrected", "n"), "int64")
    numbers |= dict.fromkeys(("share", *(name for name in REVIEW_CURVE_COLUMNS if "accuracy" in name)), "float64")
    return read_table(path, REVIEW_CURVE, REVIEW_CURVE_COLUMNS, numbers)
