"""Tables (CSV) as artefacts."""

import csv
import io
from pathlib import Path

import pandas as pd

from aisi.formats.files import TEXT, Format, reading, require
from aisi.formats.seal import read_sealed, sealed


def write_table(path: str | Path, table: pd.DataFrame, fmt: Format) -> None:
    """Write a table with exactly the columns of its format, and its seal beside it."""
    if list(table.columns) != list(fmt.columns):
        raise ValueError(f"{path}: found columns {list(table.columns)}, expected {list(fmt.columns)}.")
    with sealed(path) as temporary:
        table.to_csv(temporary, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n", float_format="%.7g")


def read_table(path: str | Path, fmt: Format) -> pd.DataFrame:
    """Read a table with exactly the columns of its format; texts are never NaN.

    Raises
    ------
    FormatError
        If the file is not such a table, or not as it was written.
    """
    columns = list(fmt.columns)
    with reading(path, fmt, f"a table with the columns {columns}"):
        content = read_sealed(path)
        table = pd.read_csv(
            io.BytesIO(content),
            dtype={name: str if dtype == TEXT else dtype for name, dtype in fmt.columns.items()},
            index_col=False,
            keep_default_na=False,
            na_values={name: [""] for name, dtype in fmt.columns.items() if dtype != TEXT},
        )
        require(content.endswith(b"\n"), "a file that ends in the middle of a line", f"columns {columns}")
        require(list(table.columns) == columns, f"columns {list(table.columns)}", f"columns {columns}")
    return table
