"""Entries of tables and lists: which photo each means, and what it says. Without pandas, for the Snakefile."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aisi.dataset.names import FORMULA, FORMULA_SIGNS, normal, split_keywords
from aisi.dataset.photo_names import PhotoNames, without_suffix
from aisi.dataset.tables import read_table
from aisi.files import inside
from aisi.planning.dataset_files import is_ignored

Entry = tuple[str, str, Any]
"""A photo's name as a file writes it, the place for messages, and what the file says about the photo."""


def read_keywords(
    path: str | Path, photos: PhotoNames, only_split: str | None
) -> tuple[dict[str, tuple[str, tuple[str, ...], str]], list[str]]:
    """Rows of a table as image_id to (split, keywords, where), and its problems.

    The table needs no column ``split`` if there is only one, given as ``only_split``.
    """
    if only_split is None:
        table, problems = read_table(path, ("image_id", "split", "keywords"))
    else:
        table, problems = read_table(path, ("image_id", "keywords"), ("split",))
    entries = []
    for row in table:
        where, values = f"{path}, line {row.line}", row.values
        split = values.get("split", only_split or "").strip()
        entries.append((values["image_id"], where, (split, split_keywords(values["keywords"]), where)))
    found, more = identified(entries, photos)
    return {image_id: value for image_id, (_, value) in found.items()}, problems + more


def identified(
    entries: Iterable[Entry], photos: PhotoNames, taken: dict[str, tuple[str, Any]] | None = None
) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Entries as image_id of the photo that each names to (where, value), and problems of their names.

    ``taken`` has the image_ids of other files of the dataset.
    """
    found: dict[str, tuple[str, Any]] = {}
    problems, rewritten = [], []
    for name, where, value in entries:
        wrong = _wrong_id(name)
        meant = [] if wrong else photos.find(name)
        image_id = meant[0] if meant else without_suffix(normal(name))
        other = found.get(image_id) or (taken or {}).get(image_id)
        wrong = wrong or (not meant and _leads_out(name)) or _wrong_start(image_id)
        if wrong:
            problems.append(f"{where}: {wrong}")
        elif len(meant) > 1:
            problems.append(
                f"{where}: {name!r} may be {' or '.join(map(repr, meant[:3]))}. Write the path below {photos.folder}."
            )
        elif other:
            problems.append(f"{where}: {image_id!r} is also in {other[0]}. List each photo once.")
        else:
            found[image_id] = where, value
        if meant and without_suffix(normal(name)) != image_id:
            rewritten.append((where, name, image_id))
    if rewritten:
        where, name, image_id = rewritten[0]
        more = f"; {len(rewritten) - 1} more names are matched like this" if len(rewritten) > 1 else ""
        print(f"{where}: {name!r} is photo {image_id!r}{more}.")
    return found, problems


def _wrong_id(name):
    if not name.strip():
        return "no image_id. Add it or delete the row."
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return f"image_id {name!r} holds a control character. Rename the photo."
    return None


def _wrong_start(image_id):
    if image_id.startswith(FORMULA_SIGNS):
        return f"image_id {image_id!r}: {FORMULA} Rename the photo."
    if is_ignored(image_id.rpartition("/")[2]):
        return f"image_id {image_id!r}: files whose names begin with a dot are hidden and not read. Rename the photo."
    return None


def _leads_out(name):
    try:
        inside("photos", name)
    except ValueError as error:
        return f"image_id {error}"
    return None
