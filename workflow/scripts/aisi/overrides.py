"""Tags that a person gives: read, checked, and handed to the solver as pins."""

import csv

import numpy as np

COLUMNS = ["image_id", "instance_id", "tag"]
NOISY_TAG = "noisy"


class OverrideError(ValueError):
    """A row of the overrides that fits no instance, or no keyword of its photo."""


def read_overrides(path):
    """Read a CSV image_id, instance_id, tag; a byte order mark and any line ends are fine.

    Returns
    -------
    list of (int, str, str, str)
        Line in the file, image_id, instance_id, tag.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header != COLUMNS:
            raise OverrideError(f"{path}: found columns {header}, expected {COLUMNS}.")
        read = [(rows.line_num, row) for row in rows if row]
    for line, row in read:
        if len(row) != len(COLUMNS):
            raise OverrideError(f"{path}, line {line}: found {len(row)} values, expected {','.join(COLUMNS)}.")
    return [(line, *row) for line, row in read]


def pins(path, rows, instances, scores, categories):
    """Labels that the rows pin.

    Parameters
    ----------
    path : str
        Named in errors.
    rows : list
        From :func:`read_overrides`.
    instances : SalientInstances
        Of the whole split.
    scores : Scores
        Of the same instances: their keywords.
    categories : DataFrame
        Names and labels.

    Returns
    -------
    (N,) int64
        -1 free, 0 pinned noisy, c pinned to category c.

    Raises
    ------
    OverrideError
        Naming the row, for an unknown instance, a tag that is not its photo's keyword, an instance given twice.
    """
    labels = dict(zip(categories["name"], categories["label"], strict=True)) | {NOISY_TAG: 0}
    names = {label: name for name, label in labels.items()}
    fixed = np.full(len(instances), -1)
    if not rows:
        return fixed
    keys = zip(instances.image_ids, map(str, instances.instance_ids), strict=True)
    positions = {key: position for position, key in enumerate(keys)}
    for line, image_id, instance_id, tag in rows:
        where = f"{path}, line {line}"
        position = positions.get((image_id, instance_id.strip()))
        if position is None:
            raise OverrideError(f"{where}: {image_id!r} has no instance {instance_id!r}; tags/*.csv has them.")
        own = scores.labels[scores.offsets[position] : scores.offsets[position + 1]].tolist()
        if labels.get(tag, -1) not in [0, *own]:
            keywords = ", ".join(names[label] for label in own)
            raise OverrideError(f"{where}: {tag!r} is no keyword of photo {image_id!r}; it has {keywords}, or noisy.")
        if fixed[position] >= 0:
            raise OverrideError(f"{where}: instance {instance_id} of photo {image_id!r} is given twice.")
        fixed[position] = labels[tag]
    return fixed
