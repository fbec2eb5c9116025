"""The tables of a dataset: its photos, the rejected files, its categories (CSV)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

import pandas as pd

from aisi.files import inside
from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.tables import read_table, write_table
from aisi.labels import LARGEST, NOISY_TAG

DATASET_ROOT, SIMPLE_ROOT, PREDICT_ROOT = "dataset.root", "dataset.simple_images", "predict.root"
"""Config keys that name folders of photos. A path in a table begins with one of them instead of the folder, so that
tables hold no folder of the machine and have equal bytes on all machines."""

Roots = Mapping[str, str | Path]
"""Config key to the folder that it names on this machine."""

PHOTOS = Format(
    "images",
    "index_images (of dataset.val: index_val_images)",
    columns={"image_id": TEXT, "path": TEXT, "width": "int64", "height": "int64", "keywords": TEXT, "sha256": TEXT},
)
"""The photos of a shard of a split, one a row, by ascending image_id: `images/{split}/shard_{shard}.csv`.

Columns
-------
image_id
    Name of the photo, each once.
path
    Config key of the folder of photos, and the path below the folder: `dataset.root/beach/1.jpg`.
width, height
    Size of the upright photo in pixels.
keywords
    Names of categories, with `;` between them. They may be empty.
sha256
    SHA-256 of the file's bytes.
"""
IMAGE_COLUMNS = list(PHOTOS.columns)

COCO_IDS = Format("coco_ids", "index_val_images or index_test_images", columns={"image_id": TEXT, "coco_id": TEXT})
"""The ids that photos have in the dataset's COCO JSON, one photo a row: `images/{split}/coco_ids.csv`.

Columns
-------
image_id
    Name of the photo.
coco_id
    `id` of the photo in the JSON.
"""
COCO_ID_COLUMNS = list(COCO_IDS.columns)

REJECTED = Format("rejected_images", "index_images or list_rejected_images", columns={"path": TEXT, "reason": TEXT})
"""The files that are not used, one a row, by ascending path: `rejected_images.csv`, and for each split
`images/{split}/rejected_images.csv`.

Columns
-------
path
    The file, as in the table of photos.
reason
    Why it is not used.
"""
REJECTED_COLUMNS = list(REJECTED.columns)

CATEGORIES = Format(
    "categories", "index_images", columns={"label": "int64", "category_id": "int64", "name": TEXT, "colour": TEXT}
)
"""The categories of the dataset, one a row, by ascending label: `categories.csv`.

Columns
-------
label
    1..C, the value in PNGs and in all other artefacts.
category_id
    The dataset's own number, as in its COCO JSON.
name
    The keyword.
colour
    #rrggbb, its colour in the palette and in figures.
"""
CATEGORY_COLUMNS = list(CATEGORIES.columns)

KEYWORD_SEPARATOR = ";"
"""Separates the keywords of a photo in tables."""

MAX_CATEGORIES = LARGEST
"""Labels that a palette PNG holds besides background (0) and ignore (255)."""


@dataclass(frozen=True)
class Categories:
    """The categories of a dataset, in the order of their labels 1..C.

    Attributes
    ----------
    names : tuple of str
        Each once.
    ids : tuple of int
        The dataset's own numbers (COCO's ``category_id``), each once.
    colours : tuple of str
        ``#rrggbb``.

    Raises
    ------
    ValueError
        If the tuples differ in length, a name or an id occurs twice, or there are more than ``MAX_CATEGORIES``.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    colours: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.ids) == len(self.colours):
            found = f"{len(self.names)} names, {len(self.ids)} ids and {len(self.colours)} colours"
            raise ValueError(f"found {found} of categories, expected as many of each.")
        if len(self) > MAX_CATEGORIES:
            raise ValueError(f"found {len(self)} categories; a palette PNG holds at most {MAX_CATEGORIES}.")
        if len(set(self.names)) < len(self) or len(set(self.ids)) < len(self):
            raise ValueError(f"a name or an id occurs twice among the categories {', '.join(self.names)}.")
        wrong = [colour for colour in self.colours if not re.fullmatch("#[0-9a-fA-F]{6}", colour)]
        if wrong:
            raise ValueError(f"found colour {wrong[0]!r} of a category, expected #rrggbb.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> range:
        """Labels 1..C, the values in PNGs."""
        return range(1, len(self) + 1)

    @cached_property
    def label_of(self) -> dict[str, int]:
        """Label of each name."""
        return dict(zip(self.names, self.labels, strict=True))

    @cached_property
    def label_of_id(self) -> dict[int, int]:
        """Label of each of the dataset's own numbers."""
        return dict(zip(self.ids, self.labels, strict=True))

    @cached_property
    def name_of(self) -> tuple[str, ...]:
        """Name of each label 0..C: that of label 0 is ``noisy``."""
        return (NOISY_TAG, *self.names)


def file_name_of(image_id: str, path: str | Path) -> str:
    """A photo's path below its folder, with suffix: the last parts of its path, as many as the image_id has.

    The image_id of a simple photo begins with ``simple_images`` instead of the name of the folder.
    """
    own = PurePath(image_id).parts
    parts = PurePath(path).parts[-len(own) :]
    if len(own) > 1 and own[0] == "simple_images":
        parts = own[:1] + parts[1:]
    return PurePath(*parts).as_posix()


def below_root(path: str | Path, roots: Roots) -> str:
    """Path of a photo as tables hold it: the config key of its folder, and the path below the folder.

    Raises
    ------
    ValueError
        If the photo is in none of the folders.
    """
    for key, folder in sorted(roots.items(), key=lambda root: -len(str(root[1]))):  # of nested folders the inner one
        if PurePath(path).is_relative_to(folder):
            return f"{key}/{PurePath(path).relative_to(folder).as_posix()}"
    raise ValueError(f"{path} is in none of the folders of {', '.join(roots)}.")


def without_roots(text: str, roots: Roots) -> str:
    """A text for a table: where it names a folder of the machine, the config key of the folder stands instead."""
    for key, folder in sorted(roots.items(), key=lambda root: -len(str(root[1]))):
        if "/" in (name := str(PurePath(folder))):
            text = text.replace(name, key)
    return text


def write_images(path: str | Path, images: pd.DataFrame) -> None:
    """Write one shard of a split's photos.

    Parameters
    ----------
    path : str or Path
    images : DataFrame
        Columns ``IMAGE_COLUMNS``; keywords is a tuple of names for each photo.
    """
    table = images.assign(keywords=[KEYWORD_SEPARATOR.join(names) for names in images["keywords"]])
    with writing(path):
        _check_images(images)
    write_table(path, table, PHOTOS)


def _check_images(images):
    _check_ids(images)
    require(bool((images[["width", "height"]] >= 1).all(axis=None)), "a photo without pixels", "sizes of at least 1")
    for names in images["keywords"]:
        require(len(set(names)) == len(names) and "" not in names, f"keywords {names}", "each keyword once")


def _check_ids(table):
    ids = table["image_id"]
    require("" not in set(ids), "a photo without image_id", "an image_id in each row")
    twice = ids[ids.duplicated()].tolist()
    require(not twice, f"image_id {twice[:1]} twice", "each photo once")


def read_images(*paths: str | Path, roots: Roots | None = None) -> pd.DataFrame:
    """Read the photos of one or several shards, one after the other.

    Parameters
    ----------
    *paths : str or Path
    roots : dict, optional
        Config key to the folder of photos that it names. Whoever opens photos needs it.

    Returns
    -------
    DataFrame
        As in :func:`write_images`; ``keywords`` holds tuples. With ``roots``, ``path`` is where the photo is on this
        machine; without, it is as in the file.
    """
    images = pd.concat([_read_images(path, roots) for path in paths], ignore_index=True)
    for path in paths[-1:]:
        with reading(path, PHOTOS, "the last of the shards"):
            _check_ids(images)
    return images


def _read_images(path, roots):
    images = read_table(path, PHOTOS)
    images["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in images["keywords"]]
    with reading(path, PHOTOS, "photos"):
        _check_images(images)
        if roots is not None:
            images["path"] = [_on_this_machine(photo, roots) for photo in images["path"]]
    return images


def _on_this_machine(photo, roots):
    key, _, below = photo.partition("/")
    require(key in roots, f"path {photo!r}", f"a path that begins with {' or '.join(roots)}")
    return str(inside(roots[key], below))


def write_coco_ids(path: str | Path, coco_ids: dict[str, int | str]) -> None:
    """Write the ids that photos have in a dataset's COCO JSON: columns ``COCO_ID_COLUMNS``."""
    write_table(path, pd.DataFrame(list(coco_ids.items()), columns=COCO_ID_COLUMNS), COCO_IDS)


def read_coco_ids(path: str | Path) -> dict[str, int | str]:
    """Read what :func:`write_coco_ids` wrote: image_id to id, an int if it is a number."""
    table = read_table(path, COCO_IDS)
    with reading(path, COCO_IDS, "ids"):
        _check_ids(table)
    return {
        image_id: int(own) if own.isascii() and own.isdigit() else own
        for image_id, own in zip(table["image_id"], table["coco_id"], strict=True)
    }


def write_rejected_images(path: str | Path, rejected: pd.DataFrame) -> None:
    """Write the photos that are not used: columns ``REJECTED_COLUMNS``."""
    write_table(path, rejected, REJECTED)


def read_rejected_images(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_rejected_images` wrote."""
    return read_table(path, REJECTED)


def write_categories(path: str | Path, categories: Categories) -> None:
    """Write the categories, a row each: columns ``CATEGORY_COLUMNS``."""
    columns = categories.labels, categories.ids, categories.names, categories.colours
    write_table(path, pd.DataFrame(dict(zip(CATEGORY_COLUMNS, columns, strict=True))), CATEGORIES)


def read_categories(path: str | Path) -> Categories:
    """Read what :func:`write_categories` wrote."""
    table = read_table(path, CATEGORIES)
    with reading(path, CATEGORIES, "the categories of one dataset"):
        labels = table["label"].tolist()
        require(labels == list(range(1, len(table) + 1)), f"labels {labels}", f"1 to {len(table)}, ascending")
        return Categories(*(tuple(table[name].tolist()) for name in ("name", "category_id", "colour")))
