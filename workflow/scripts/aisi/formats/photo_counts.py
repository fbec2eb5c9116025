"""What an evaluation counted in each photo: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.tables import read_table, write_table

PHOTO_COUNTS = Format(
    "photo_counts",
    "one of the evaluate_ rules",
    columns={
        "assignment": TEXT,
        "network": TEXT,
        "seed": "int64",
        "task": TEXT,
        "split": TEXT,
        "protocol": TEXT,
        "image_id": TEXT,
        "category": TEXT,
        "hits": "int64",
        "true": "int64",
        "found": "int64",
    },
)
"""What an evaluation counted, one photo and category a row: `evaluation/photos/`, and `photos.csv` of each experiment.

The figures of any photos follow from the sums of their rows. Average precision is the exception: it is no sum over
photos. A category that occurs neither in the truth nor in the result of a photo has no row.

- Label maps: the IoU of a category is hits / (true + found - hits), and mIoU is the mean over the categories.
- Tags: accuracy is hits / true, of all rows together.
- Instances: recall is hits / true, and precision is hits / found.

Columns
-------
assignment, network, seed, task, split, protocol
    As in `metrics.csv`.
image_id
    The photo.
category
    Name of a category, `background` (label maps) or `noisy` (tags).
hits
    Label maps: pixels of the category in both the truth and the result. Tags: instances whose tag and true tag are this
    category. Instances: true ones that a found one matches by COCO's rule with an IoU of at least 0.5.
true
    Pixels or instances of the category in the truth.
found
    Pixels or instances of the category in the result.
"""
PHOTO_COUNT_COLUMNS = list(PHOTO_COUNTS.columns)


def write_photo_counts(path: str | Path, counts: pd.DataFrame) -> None:
    """Write counts: columns ``PHOTO_COUNT_COLUMNS``."""
    with writing(path):
        _check(counts)
    write_table(path, counts, PHOTO_COUNTS)


def read_photo_counts(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_photo_counts` wrote."""
    counts = read_table(path, PHOTO_COUNTS)
    with reading(path, PHOTO_COUNTS, "counts"):
        _check(counts)
    return counts


def _check(counts):
    numbers = counts[["hits", "true", "found"]]
    require(bool((numbers >= 0).all(axis=None)), "a negative count", "counts of at least 0")
    right = (counts["hits"] <= counts["true"]) & (counts["hits"] <= counts["found"])
    require(bool(right.all()), "more hits than items", "hits of at most true and found")
