"""Why a photo is among the examples of the report: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import TEXT, Format
from aisi.formats.tables import read_table, write_table

EXAMPLE_NOTES = Format("example_notes", "evaluate_examples", columns={"image_id": TEXT, "note": TEXT})
"""Why a photo is among the best and worst examples of the report, one photo a row: `evaluation/extremes_notes.csv`.

Columns
-------
image_id
    Name of the photo.
note
    A few words below its figure.
"""
EXAMPLE_NOTE_COLUMNS = list(EXAMPLE_NOTES.columns)


def write_example_notes(path: str | Path, notes: pd.DataFrame) -> None:
    """Write a note for each example: columns ``EXAMPLE_NOTE_COLUMNS``."""
    write_table(path, notes, EXAMPLE_NOTES)


def read_example_notes(path: str | Path) -> dict[str, str]:
    """Read what :func:`write_example_notes` wrote, image_id to note."""
    notes = read_table(path, EXAMPLE_NOTES)
    return dict(zip(notes["image_id"], notes["note"], strict=True))
