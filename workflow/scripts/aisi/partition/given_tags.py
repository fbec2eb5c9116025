"""Tags of all instances that another method gives."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aisi.dataset.photo_names import PhotoNames
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.labels import NOISY_TAG
from aisi.partition.overrides import Override, OverrideError


def given_labels(
    path: str | Path, rows: Sequence[Override], instances: SalientInstances, categories: Categories
) -> np.ndarray:
    """Find the label of every instance.

    Parameters
    ----------
    path : str or Path
        File of the rows, for messages.
    rows : list of Override
        As from :func:`aisi.partition.overrides.read_overrides`.
    instances : SalientInstances
        Of the whole split.
    categories : Categories
        A tag is one of these, not only a keyword of the photo, or ``noisy``.

    Returns
    -------
    (N,) int64
        0 = noisy.

    Raises
    ------
    OverrideError
        If an instance has no row or two, a row matches no instance (or one with another box), or a tag is unknown.
        Each problem takes one line with an example and a count.
    """
    labels = categories.label_of | {NOISY_TAG: 0}
    positions = {
        key: at for at, key in enumerate(zip(instances.image_ids, instances.instance_ids.tolist(), strict=True))
    }
    photos, found = PhotoNames.of_ids(dict.fromkeys(instances.image_ids)), np.full(len(instances), -1)
    problems: dict[str, list[str]] = {}
    for row in rows:
        meant = photos.find(row.image_id)
        at = positions.get((meant[0], row.instance_id)) if len(meant) == 1 else None
        name = f"line {row.line}, instance {row.instance_id} of photo {row.image_id!r}"
        if at is None or row.box not in (None, tuple(instances.boxes[at].tolist())):
            problems.setdefault("there is no such instance, or it has another box", []).append(name)
        elif row.tag not in labels:
            problems.setdefault("the tag is no category and not noisy", []).append(f"{name}, tag {row.tag!r}")
        elif found[at] >= 0:
            problems.setdefault("the instance is given twice", []).append(name)
        else:
            found[at] = labels[row.tag]
    if not problems:
        for lost in np.flatnonzero(found < 0):
            name = f"instance {instances.instance_ids[lost]} of photo {instances.image_ids[lost]!r}"
            problems.setdefault("there is no row. Give every instance a tag, noisy included", []).append(name)
    if problems:
        raise OverrideError(
            "\n".join(
                f"{path}, {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {problem}."
                for problem, names in problems.items()
            )
        )
    return found
