"""Tables (CSV) as artefacts."""

import csv
import os

import pandas as pd

from aisi.files import atomic
from aisi.formats.files import mismatch


def write_table(path, table, columns):
    if list(table.columns) != columns:
        raise ValueError(f"{path}: the table has columns {list(table.columns)}, the format asks for {columns}.")
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n", float_format="%.7g")


def read_table(path, fmt, columns, dtypes):
    text = {name: str for name in columns if name not in dtypes}
    try:
        table = pd.read_csv(
            path,
            dtype=text | dtypes,
            index_col=False,
            keep_default_na=False,
            na_values={name: [""] for name in dtypes},
        )
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            whole = file.read() == b"\n"
    except (OSError, ValueError) as error:
        raise mismatch(path, fmt, f"a table that cannot be read ({error})", f"columns {columns}") from error
    if not whole:
        raise mismatch(path, fmt, "a file that ends within a line", f"columns {columns}")
    if list(table.columns) != columns:
        raise mismatch(path, fmt, f"columns {list(table.columns)}", f"columns {columns}")
    return table
