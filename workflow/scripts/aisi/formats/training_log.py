"""Loss of a training by epoch: CSV."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aisi.formats.files import Format, reading, require
from aisi.formats.seal import sealed
from aisi.formats.tables import read_table

TRAINING_LOG = Format(
    "training_log",
    "one of the train_ rules",
    columns={"epoch": "int64", "loss": "float64", "learning_rate": "float64", "held_out": "float64"},
)
"""A training, one epoch a row: `training.csv` beside the network's weights.

Columns
-------
epoch
    0, 1, ..
loss
    Mean over the steps of the epoch.
learning_rate
    Of the last step, for the new layers.
held_out
    Loss of the held-out samples, which are never true masks; empty if there are none.
"""
LOG_COLUMNS = list(TRAINING_LOG.columns)


def write_training_log(path: str | Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write the epochs so far, each with the values of ``LOG_COLUMNS``, with all their digits."""
    with sealed(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([LOG_COLUMNS, *rows])


def read_training_log(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_training_log` wrote."""
    log = read_table(path, TRAINING_LOG)
    with reading(path, TRAINING_LOG, "epochs"):
        require(log["epoch"].tolist() == list(range(len(log))), "other epochs", "epochs 0, 1, ..")
    return log
