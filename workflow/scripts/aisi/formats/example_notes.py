"""Why a photo is among the examples of the report: CSV."""

from pathlib import Path

import pandas as pd

from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table

EXAMPLE_NOTES = Format("example_notes", "evaluate_examples")

EXAMPLE_NOTE_COLUMNS = ["image_id", "note"]


def write_example_notes(path: str | Path, notes: pd.DataFrame) -> None:
    """Write a note for each example: columns ``EXAMPLE_NOTE_COLUMNS``."""
    write_table(path, notes, EXAMPLE_NOTE_COLUMNS)


def read_example_notes(path: str | Path) -> dict[str, str]:
    """Read what :func:`write_example_notes` wrote, image_id to note."""
    notes = read_table(path, EXAMPLE_NOTES, EXAMPLE_NOTE_COLUMNS, {})
    return dict(zip(notes["image_id"], notes["note"], strict=True))
