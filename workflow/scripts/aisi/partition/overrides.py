"""Tags given by a person: read, checked, and passed to the solver as pinned labels."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.labels import NOISY_TAG

COLUMNS = ["image_id", "instance_id", "tag"]
BOX_COLUMNS = ["x0", "y0", "x1", "y1"]
"""Optional: the box of the instance when its tag was given. A different box shows that the instance has changed."""


class OverrideError(ValueError):
    """A row of the overrides cannot be read, or matches no instance or no keyword of its photo."""


@dataclass(frozen=True)
class Override:
    """One row of the file: its line, the instance, its tag, and its box (x0, y0, x1, y1) or None."""

    line: int
    image_id: str
    instance_id: int
    tag: str
    box: tuple[int, ...] | None


def read_overrides(path: str | Path) -> list[Override]:
    """Read a CSV with the columns image_id, instance_id, tag and, optionally, x0, y0, x1, y1.

    Files from spreadsheets are accepted: with a byte order mark, any line ends, semicolons or tabs instead of commas,
    columns in any order, blank lines.

    Returns
    -------
    list of Override

    Raises
    ------
    OverrideError
        If a value is missing or not a number (the message names the row), or if the columns are wrong.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise OverrideError(f"{path}: not UTF-8 ({error}). Save the table with the encoding UTF-8.") from error
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    header = [name.strip() for name in next(rows, [])]
    if sorted(header) not in (sorted(COLUMNS), sorted(COLUMNS + BOX_COLUMNS)):
        raise OverrideError(f"{path}: found columns {header}, expected {COLUMNS}, optionally with {BOX_COLUMNS}.")
    filled = ((rows.line_num, row) for row in rows if any(value.strip() for value in row))
    return [_read_row(f"{path}, line {line}", line, header, row) for line, row in filled]


def _read_row(where, line, header, row):
    if len(row) != len(header):
        raise OverrideError(f"{where}: found {len(row)} values, expected {','.join(header)}.")
    values = dict(zip(header, row, strict=True))
    empty = [name for name, value in values.items() if not value.strip()]
    if "tag" in empty:
        raise OverrideError(
            f"{where}: no tag for instance {values['instance_id']} of photo {values['image_id']!r}. "
            f"Give one of its keywords or {NOISY_TAG}, or delete the row to leave the instance to the solver."
        )
    if empty:
        raise OverrideError(f"{where}: no value for {', '.join(empty)}.")
    try:
        number, *box = (int(values[name]) for name in ["instance_id", *BOX_COLUMNS] if name in values)
    except ValueError as error:
        raise OverrideError(f"{where}: instance_id, x0, y0, x1 and y1 are whole numbers ({error}).") from error
    return Override(line, values["image_id"], number, values["tag"].strip(), tuple(box) or None)


def pins(
    path: str | Path | None,
    rows: Sequence[Override],
    instances: SalientInstances,
    scores: Scores,
    categories: Categories,
    stale: str = "stop",
) -> np.ndarray:
    """Find the labels that the rows pin.

    Parameters
    ----------
    path : str, Path or None
        File of the rows, for messages.
    rows : list of Override
    instances : SalientInstances
        Of the whole split.
    scores : Scores
        Of the same instances: their keywords.
    categories : Categories
    stale : {"stop", "drop"}
        What to do with rows whose instance is missing or has another box. They were given for other instances.

    Returns
    -------
    (N,) int64
        -1 free, 0 pinned noisy, c pinned to category c.

    Raises
    ------
    OverrideError
        If there are stale rows (the message gives their number), a tag is not a keyword of its photo, or an instance
        is given twice (the message names the row).
    """
    labels = categories.label_of | {NOISY_TAG: 0}
    fixed = np.full(len(instances), -1)
    if not rows:
        return fixed
    keys = zip(instances.image_ids, instances.instance_ids.tolist(), strict=True)
    positions = {key: position for position, key in enumerate(keys)}
    current = []
    for row in rows:
        position = positions.get((row.image_id, row.instance_id))
        there = position is not None and row.box in (None, tuple(instances.boxes[position].tolist()))
        current.append(position if there else None)
    _report_stale(path, [row for row, at in zip(rows, current, strict=True) if at is None], len(rows), stale)
    for row, position in zip(rows, current, strict=True):
        if position is None:
            continue
        where = f"{path}, line {row.line}"
        own = scores.labels[scores.offsets[position] : scores.offsets[position + 1]].tolist()
        if labels.get(row.tag, -1) not in [0, *own]:
            words = ", ".join([*(categories.name_of[label] for label in own), NOISY_TAG])
            raise OverrideError(f"{where}: {row.tag!r} is not a keyword of photo {row.image_id!r}; expected {words}.")
        if fixed[position] >= 0:
            raise OverrideError(f"{where}: instance {row.instance_id} of photo {row.image_id!r} is given twice.")
        fixed[position] = labels[row.tag]
    return fixed


def _report_stale(path, lost, total, stale):
    """Print the stale rows, or raise an error that names them."""
    if not lost:
        return
    examples = "; ".join(f"line {row.line}: instance {row.instance_id} of photo {row.image_id!r}" for row in lost[:3])
    found = f"{path}: {len(lost)} of {total} rows match no instance ({examples}{'; ...' if len(lost) > 3 else ''})"
    if stale == "drop":
        print(f"{found}: dropped, because partition.stale_overrides is drop.")
        return
    raise OverrideError(
        f"{found}. They are misspelled, or were given for other instances, with other boxes. "
        "Correct the rows, or set partition.stale_overrides: drop to continue without them."
    )
