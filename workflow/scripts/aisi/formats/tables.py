"""Tables (CSV) as artefacts."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from aisi.formats.files import Format, reading, require
from aisi.formats.seal import read_sealed, sealed


def write_table(path: str | Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Write a table with exactly these columns, and its seal beside it."""
    if list(table.columns) != list(columns):
        raise ValueError(f"{path}: found columns {list(table.columns)}, expected {list(columns)}.")
    with sealed(path) as temporary:
        table.to_csv(temporary, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n", float_format="%.7g")


def read_table(path: str | Path, fmt: Format, columns: Sequence[str], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Read a table with exactly these columns; a column without a dtype holds text, never NaN.

    Raises
    ------
    FormatError
        If the file is not such a table, or not as it was written.
    """
    text = {name: str for name in columns if name not in dtypes}
    with reading(path, fmt, f"a table with the columns {columns}"):
        content = read_sealed(path)
        table = pd.read_csv(
            io.BytesIO(content),
            dtype={**text, **dtypes},
            index_col=False,
            keep_default_na=False,
            na_values={name: [""] for name in dtypes},
        )
        require(content.endswith(b"\n"), "a file that ends in the middle of a line", f"columns {columns}")
        require(list(table.columns) == list(columns), f"columns {list(table.columns)}", f"columns {columns}")
    return table
