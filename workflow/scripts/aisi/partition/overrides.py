"""Tags given by a person: read, checked, and passed to the solver as pinned labels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.tables import read_table
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.labels import NOISY_TAG
from aisi.planning.dataset_files import DatasetError

COLUMNS = ["image_id", "instance_id", "tag"]
BOX_COLUMNS = ["x0", "y0", "x1", "y1"]
"""Optional: the box of the instance when its tag was given. A different box shows that the instance has changed."""

_WHOLE_NUMBER = re.compile(r"(-?\d+)(?:\.0*)?")
"""A spreadsheet may write 3.0 for 3."""


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


def read_overrides(overrides_path: str | Path) -> list[Override]:
    """Read a table with the columns image_id, instance_id, tag and, optionally, x0, y0, x1, y1.

    Returns
    -------
    list of Override

    Raises
    ------
    OverrideError
        If the file is no table with these columns; or with every row that lacks a value or has one that is no number.
    """
    try:
        rows, problems = read_table(overrides_path, COLUMNS, BOX_COLUMNS)
    except DatasetError as error:
        raise OverrideError(str(error)) from error
    overrides = []
    for row in rows:
        try:
            overrides.append(_read_row(f"{overrides_path}, line {row.line}", row.line, row.values))
        except OverrideError as error:
            problems.append(str(error))
    if problems:
        raise OverrideError("\n".join(problems))
    return overrides


def _read_row(where, line, values):
    empty = [name for name, value in values.items() if not value.strip()]
    if "tag" in empty:
        raise OverrideError(
            f"{where}: no tag for instance {values['instance_id']} of photo {values['image_id']!r}. "
            f"Give one of its keywords or {NOISY_TAG}, or delete the row to leave the instance to the solver."
        )
    if empty:
        raise OverrideError(f"{where}: no value for {', '.join(empty)}.")
    numbers = {name: values[name].strip() for name in ["instance_id", *BOX_COLUMNS] if name in values}
    read = {name: _WHOLE_NUMBER.fullmatch(text) for name, text in numbers.items()}
    wrong = [f"{name} {numbers[name]!r}" for name, match in read.items() if match is None]
    if wrong:
        raise OverrideError(f"{where}: found {', '.join(wrong)}, expected whole numbers. Correct them.")
    number, *box = (int(match[1]) for match in read.values() if match)
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
    photos, current = PhotoNames.of_ids(dict.fromkeys(instances.image_ids)), []
    for row in rows:
        meant = photos.find(row.image_id)
        position = positions.get((meant[0], row.instance_id)) if len(meant) == 1 else None
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
