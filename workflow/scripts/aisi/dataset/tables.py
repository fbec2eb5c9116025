"""Tables and lists that people write: with spreadsheets, by hand, or with other tools."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aisi.planning.dataset_files import DatasetError

COLUMN_SEPARATORS = ",;\t|"
OTHER_NAMES = {"image_id": ("sourcefile", "file_name", "filename", "image"), "keywords": ("labels", "tags")}
"""Names that other tools give to a column: exiftool, COCO, photo managers."""
SPREADSHEETS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""Beginnings of files of spreadsheet programs: XLSX, ODS and Numbers are ZIP files, XLS is an OLE file."""
_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class TableRow:
    """A row of a table: the line where it ends, and its values by column."""

    line: int
    values: dict[str, str]


def read_table(
    table_path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> tuple[list[TableRow], list[str]]:
    """Read a table whose header names its columns.

    Columns are separated by commas, semicolons, tabs or ``|``: the header decides. A line ``sep=;`` may come first.
    UTF-8 or, with a byte order mark, UTF-16; any line ends; names of columns in any case and order, also those of
    ``OTHER_NAMES``; more columns; blank lines.

    Parameters
    ----------
    table_path : str or Path
    columns : sequence of str
        Columns that the table must have.
    optional : sequence of str
        Columns that it may have, all of them or none.

    Returns
    -------
    rows : list of TableRow
        Values of the columns asked for, with their blanks.
    problems : list of str
        Rows with another number of values than the header.

    Raises
    ------
    DatasetError
        If the table cannot be read, or a column is missing or there twice.
    """
    text = read_text(table_path)
    skipped, delimiter = 0, None
    declared = re.match(r'"?sep=(.)"?[;,]*(\r\n|\r|\n|$)', text, re.IGNORECASE)
    if declared:
        skipped, delimiter, text = 1, declared.group(1), text[declared.end() :]
    delimiter = delimiter or _delimiter(text, (*columns, *optional))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, problems = [], []
    try:
        header = next((values for values in reader if any(value.strip() for value in values)), [])
        positions = _positions(table_path, header, columns, optional)
        width = len(header)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            line = reader.line_num + skipped
            while len(values) > width and not values[-1].strip():
                values.pop()
            if len(values) != width:
                problems.append(
                    f"{table_path}, line {line}: found {len(values)} values, expected {width}: "
                    f"{delimiter.join(header)}. Put quotes around a value that holds {delimiter!r}."
                )
            else:
                rows.append(TableRow(line, {name: values[position] for name, position in positions.items()}))
    except csv.Error as error:
        line = reader.line_num + skipped
        raise DatasetError(f"{table_path}, line {line}: not a CSV ({error}). Correct the quotes.") from error
    return rows, problems


def read_list(list_path: str | Path) -> list[tuple[int, str]]:
    """Read a list with one entry in each line: pairs of line and entry, without blanks at its ends or empty lines."""
    lines = enumerate(_LINE_END.split(read_text(list_path)), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_text(path: str | Path) -> str:
    """Read a text file in UTF-8 or, with a byte order mark, in UTF-16.

    Raises
    ------
    DatasetError
        If it is a spreadsheet, or naming the first byte that is neither, its line, and what to do.
    """
    data = Path(path).read_bytes()
    if data.startswith(SPREADSHEETS):
        raise DatasetError(f"{path}: found a spreadsheet, expected a CSV. Save it as 'CSV UTF-8' in the same program.")
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.split(b"\r\n|\r|\n", data[: error.start]))
        if marked:
            found = "bytes that are not UTF-16"
        else:
            byte = data[error.start : error.start + 1]
            letter = byte.decode("cp1252", "replace")
            found = f"the byte 0x{byte.hex()}, which is {letter!r} in Windows-1252 but not UTF-8"
        raise DatasetError(
            f"{path}, line {line}: found {found}. Save the file with the encoding UTF-8; a spreadsheet program calls "
            "it 'CSV UTF-8'."
        ) from error
    if "\0" in text:
        line = len(_LINE_END.split(text[: text.index("\0")]))
        raise DatasetError(f"{path}, line {line}: found a zero byte. Save the file with the encoding UTF-8.")
    return text


def _delimiter(text, names):
    """The separator with which the header names most of these columns, then the one that gives most columns."""
    header = next((line for line in _LINE_END.split(text) if line.strip()), "")
    known = {other for name in names for other in (name, *OTHER_NAMES.get(name, ()))}

    def fit(delimiter):
        try:
            found = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            found = []
        return len(known & set(map(_column_name, found))), len(found)

    return max(COLUMN_SEPARATORS, key=fit)


def _column_name(text):
    return re.sub(r"[\s-]+", "_", text.strip().casefold())


def _positions(path, header, columns, optional):
    """Position of each column; its own name comes before those of other tools."""
    names, positions, problems = list(map(_column_name, header)), {}, []
    for column in (*columns, *optional):
        found = [column] * names.count(column) or [name for name in names if name in OTHER_NAMES.get(column, ())]
        if len(found) == 1:
            positions[column] = names.index(found[0])
        elif found:
            problems.append(f"{len(found)} columns are {column}: {', '.join(found)}. Keep one.")
    some = any(column in positions for column in optional)
    missing = [column for column in (*columns, *(optional if some else ())) if column not in positions]
    if problems or missing:
        expected = ", ".join(columns) + (f" (and, if you like, {', '.join(optional)})" if optional else "")
        what = " ".join(problems) or f"Missing: {', '.join(missing)}. Correct the header."
        shown = [name.strip() for name in header]
        raise DatasetError(
            f"{path}: found columns {shown}, expected {expected}, each once, separated by a comma, a semicolon, a tab "
            f"or '|'. {what}"
        )
    return positions
