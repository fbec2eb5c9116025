"""Loss of a training by epoch: CSV."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aisi.formats.files import Format, reading, require
from aisi.formats.seal import sealed
from aisi.formats.tables import read_table

TRAINING_LOG = Format("training_log", "a training, one of the train_ rules,")

LOG_COLUMNS = ["epoch", "loss", "learning_rate", "held_out"]
"""One epoch a row: its number from 0, mean loss, last learning rate, figure of the held-out samples (or empty)."""


def write_training_log(path: str | Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write the epochs so far, each with the values of ``LOG_COLUMNS``, with all their digits."""
    with sealed(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([LOG_COLUMNS, *rows])


def read_training_log(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_training_log` wrote."""
    numbers = dict.fromkeys(("loss", "learning_rate", "held_out"), "float64")
    log = read_table(path, TRAINING_LOG, LOG_COLUMNS, {"epoch": "int64"} | numbers)
    with reading(path, TRAINING_LOG, "epochs"):
        require(log["epoch"].tolist() == list(range(len(log))), "other epochs", "epochs 0, 1, ..")
    return log
