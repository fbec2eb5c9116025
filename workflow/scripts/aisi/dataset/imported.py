"""What other programs computed for the photos and salient instances of a shard: attention maps, scores, features.

Each reader matches by name, never by position alone, and gives the result in the order of the workflow. It is an error
if anything is missing, stands twice or has another shape. Equal errors take one line.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from aisi.dataset.keywords import keyword_labels
from aisi.dataset.names import normal
from aisi.dataset.photo_names import without_suffix
from aisi.dataset.tables import read_table
from aisi.files import inside
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.planning.dataset_files import DatasetError

INSTANCE_COLUMNS = ["image_id", "instance_id"]
SCORE_COLUMNS = [*INSTANCE_COLUMNS, "keyword", "p"]


def summed_up(problems: Mapping[str, list[str]]) -> list[str]:
    """A line for each problem: the first place that has it, and how many others there are."""
    return [
        f"{places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''}: {problem}"
        for problem, places in problems.items()
    ]


# ------------------------------------------------------------------ attention maps


def imported_attention(
    source: str | Path, images: pd.DataFrame, categories: Categories
) -> Iterator[tuple[str, list[int], np.ndarray]]:
    """Read the attention maps of photos.

    Parameters
    ----------
    source : str or Path
        A folder with ``{image_id}.npy`` or ``{image_id}.npz`` of each photo, or an HDF5 file with a dataset
        ``{image_id}``. A map (h, w) covers the photo in equal cells, with values from 0 to 1. The array is (K, h, w),
        one map for each keyword of the photo in the order of the labels, or (C, h, w), one for each category. An npz
        holds ``maps`` (n, h, w) and ``keywords``, their n names in any order; so may the attribute ``keywords`` of a
        dataset.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories

    Yields
    ------
    image_id : str
    labels : list of int
        Labels of the photo's keywords, ascending.
    maps : (K, h, w) float32

    Raises
    ------
    ValueError
        After the last photo, if photos have no maps, or maps are not as above.
    """
    problems: dict[str, list[str]] = {}
    with _maps_reader(source) as read:
        for image_id, labels in zip(images["image_id"], keyword_labels(images, categories), strict=True):
            if not labels:
                yield image_id, [], np.zeros((0, 1, 1), np.float32)
                continue
            try:
                maps, names = read(image_id)
                yield image_id, labels, _own_maps(maps, names, labels, categories)
            except DatasetError as error:
                problems.setdefault(str(error), []).append(f"{source}, photo {image_id!r}")
    if problems:
        raise ValueError("\n".join(summed_up(problems)))


@contextmanager
def _maps_reader(source: str | Path) -> Iterator[Callable[[str], tuple[np.ndarray, list[str] | None]]]:
    """Give a function that reads the maps of a photo and, if the file has them, the names of their keywords."""
    if Path(source).is_dir():
        yield lambda image_id: _maps_of_folder(source, image_id)
        return
    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise ValueError(f"{source}: found neither a folder nor HDF5 ({error}). Name one of the two.") from error
    with file:
        yield lambda image_id: _maps_of_hdf5(file, image_id)


def _maps_of_folder(folder, image_id):
    paths = [path for end in ("npy", "npz") if (path := inside(folder, f"{image_id}.{end}")).is_file()]
    if len(paths) != 1:
        found = "both an npy and an npz" if paths else "no maps"
        raise DatasetError(f"found {found}, expected IMAGE_ID.npy or IMAGE_ID.npz. Every photo with keywords has one.")
    content = read_array(paths[0])
    if isinstance(content, np.ndarray):
        return content, None
    if set(content) != {"maps", "keywords"}:
        raise DatasetError(f"found the arrays {', '.join(sorted(content))}, expected maps and keywords. Rename them.")
    return content["maps"], [str(name) for name in content["keywords"]]


def _maps_of_hdf5(file, image_id):
    item = file.get(image_id)
    if not isinstance(item, h5py.Dataset):
        raise DatasetError("found no dataset IMAGE_ID. Every photo with keywords has one.")
    names = item.attrs.get("keywords")
    return item[:], None if names is None else [str(name) for name in names]


def read_array(path: str | Path) -> Any:
    """Read an npy as an array, or an npz as a dict of arrays; a pickle is refused, since code in it would run."""
    try:
        content = np.load(path, allow_pickle=False)
        return content if isinstance(content, np.ndarray) else {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(
            f"not an array that can be read ({error}). docs/own_parts.md converts files with pickled dicts."
        ) from error


def _own_maps(maps, names, labels, categories):
    """The maps of the photo's keywords, in the order of their labels."""
    if maps.ndim != 3 or maps.dtype.kind not in "fiu" or not all(maps.shape[1:]):
        raise DatasetError(f"found an array of shape {maps.shape}, {maps.dtype}, expected numbers (maps, h, w).")
    if names is not None:
        if len(names) != len(maps) or len(set(names)) < len(names):
            raise DatasetError(
                f"found {len(maps)} maps of {len(set(names))} keywords, expected one map for each keyword."
            )
        position_of = {normal(name): position for position, name in enumerate(names)}
        missing = [categories.name_of[label] for label in labels if categories.name_of[label] not in position_of]
        if missing:
            raise DatasetError(f"found no map of the keyword {missing[0]!r}. Each keyword of the photo needs one.")
        maps = maps[[position_of[categories.name_of[label]] for label in labels]]
    elif len(maps) == len(categories):
        maps = maps[np.array(labels) - 1]
    elif len(maps) != len(labels):
        raise DatasetError(
            f"found {len(maps)} maps, expected {len(labels)}, one for each keyword of the photo, or {len(categories)}, "
            "one for each category. An npz with maps and keywords may hold any number."
        )
    if not (maps.min() >= 0 and maps.max() <= 1):  # also NaN
        raise DatasetError(f"found values from {maps.min():.4g} to {maps.max():.4g}, expected 0 to 1. Scale the maps.")
    return np.asarray(maps, np.float32)


# ------------------------------------------------------------------ scores and features


def imported_scores(
    table_path: str | Path, images: pd.DataFrame, instances: SalientInstances, categories: Categories
) -> Scores:
    """Read the score of every instance and keyword.

    Parameters
    ----------
    table_path : str or Path
        Table with the columns image_id, instance_id, keyword and p (0 to 1), in any order. Rows of other photos are
        not used.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    instances : SalientInstances
        Of these photos.
    categories : Categories

    Returns
    -------
    Scores
        In the order of ``instances``.

    Raises
    ------
    ValueError
        If a row is missing, stands twice, names no keyword of its photo or no instance, or p is not from 0 to 1.
    """
    labels_of = dict(zip(images["image_id"], keyword_labels(images, categories), strict=True))
    wanted = [
        (image_id, number, label)
        for image_id, number in zip(instances.image_ids, instances.instance_ids.tolist(), strict=True)
        for label in labels_of[image_id]
    ]
    found: dict[Any, float | None] = {}
    problems: dict[str, list[str]] = {}
    rows, wrong = read_table(table_path, SCORE_COLUMNS)
    for row in rows:
        image_id = image_of(row.values["image_id"], labels_of)
        if image_id is None:
            continue
        place = f"{table_path}, line {row.line}"
        number, p = _number(row.values["instance_id"]), _number(row.values["p"])
        key = image_id, number, categories.label_of.get(normal(row.values["keyword"].strip()))
        if p is None or not 0 <= p <= 1:
            problems.setdefault("p is not a number from 0 to 1. Correct it.", []).append(place)
        if key in found:
            problems.setdefault("this instance and keyword stand twice. Keep one row.", []).append(place)
        found[key] = p
    known = set(wanted)
    for key in found:
        if key not in known:
            problems.setdefault("no such instance, or not a keyword of its photo.", []).append(_named(key, categories))
    for key in wanted:
        if key not in found:
            problems.setdefault(f"{table_path} has no row. Add it.", []).append(_named(key, categories))
    if wrong or problems:
        raise ValueError("\n".join([*wrong, *summed_up(problems)]))
    counts = [len(labels_of[image_id]) for image_id in instances.image_ids]
    return Scores(
        np.cumsum([0, *counts], dtype=np.int64),
        np.array([label for *_, label in wanted], np.int64),
        np.array([found[key] for key in wanted], np.float32),
    )


def _named(key, categories):
    image_id, number, label = key
    name = "of an unknown keyword" if label is None else categories.name_of[label]
    return f"instance {number} of photo {image_id!r}, {name}"


def imported_features(features_path: str | Path, rows_path: str | Path, instances: SalientInstances) -> np.ndarray:
    """Read the features of instances.

    Parameters
    ----------
    features_path : str or Path
        An npy of numbers (rows, D), of any D.
    rows_path : str or Path
        Table with the columns image_id and instance_id: its i-th row says whose features the i-th row of the npy has.
        Other photos may be in it.
    instances : SalientInstances

    Returns
    -------
    (N, D) float32
        Row i belongs to instance i.

    Raises
    ------
    ValueError
        If npy and table differ in length, an instance is missing or stands twice, or a number is not finite.
    """
    try:
        features = np.load(features_path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{features_path}: not an npy that can be read ({error}). Write it with numpy.save."
        ) from error
    if (
        not isinstance(features, np.ndarray)
        or features.ndim != 2
        or features.dtype.kind not in "fiu"
        or not features.shape[1]
    ):
        raise ValueError(
            f"{features_path}: found {getattr(features, 'shape', 'an archive')}, expected numbers (rows, D)."
        )
    rows, wrong = read_table(rows_path, INSTANCE_COLUMNS)
    if len(rows) != len(features) and not wrong:
        wrong.append(f"{rows_path}: found {len(rows)} rows, expected {len(features)}, one for each of {features_path}.")
    photos, row_of = set(instances.image_ids), {}
    problems: dict[str, list[str]] = {}
    for position, row in enumerate(rows):
        key = image_of(row.values["image_id"], photos), _number(row.values["instance_id"])
        if key in row_of and key[0] is not None:
            problems.setdefault("this instance stands twice. Keep one row.", []).append(f"{rows_path}, line {row.line}")
        row_of[key] = position
    keys = list(zip(instances.image_ids, instances.instance_ids.tolist(), strict=True))
    known = set(keys)
    for image_id, number in row_of:
        if image_id is not None and (image_id, number) not in known:
            place = f"instance {number} of photo {image_id!r}"
            problems.setdefault(f"{rows_path} names it, but there is no such instance.", []).append(place)
    for image_id, number in keys:
        if (image_id, number) not in row_of:
            place = f"instance {number} of photo {image_id!r}"
            problems.setdefault(f"{rows_path} has no row. Add it.", []).append(place)
    if wrong or problems:
        raise ValueError("\n".join([*wrong, *summed_up(problems)]))
    own = np.asarray(features[[row_of[key] for key in keys]], np.float32).reshape(len(keys), features.shape[1])
    if not np.isfinite(own).all():
        image_id, number = keys[int(np.flatnonzero(~np.isfinite(own).all(1))[0])]
        raise ValueError(
            f"{features_path}: found a number that is not finite, of instance {number} of photo {image_id!r}."
        )
    return own


def image_of(text: str, image_ids: Any) -> str | None:
    """The image_id that a cell means, with or without the file's suffix; None if there is no such photo."""
    name = normal(text.strip())
    return next((known for known in (name, without_suffix(name)) if known in image_ids), None)


def _number(text: str) -> float | None:
    """A number, so that 3.0, as spreadsheets write it, equals 3; None if the text is none."""
    try:
        return float(text)
    except ValueError:
        return None
