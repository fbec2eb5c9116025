"""The tables of a dataset: its photos, the rejected files, its categories."""

import pandas as pd

from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table
from aisi.labels import IGNORE

PHOTOS = Format("images", "index_images")
REJECTED = Format("rejected_images", "index_images")
CATEGORIES = Format("categories", "index_images")

IMAGE_COLUMNS = ["image_id", "path", "width", "height", "keywords", "sha256"]

REJECTED_COLUMNS = ["path", "reason"]

CATEGORY_COLUMNS = ["label", "category_id", "name", "colour"]

KEYWORD_SEPARATOR = ";"


def write_images(path, images):
    """Write one shard of a split's photos.

    Parameters
    ----------
    path : str or Path
    images : DataFrame
        Columns ``IMAGE_COLUMNS``: image_id (unique), path, width and height in pixels of the EXIF-upright photo,
        keywords (a tuple of names per photo), sha256 of the file's bytes.
    """
    table = images.assign(keywords=[KEYWORD_SEPARATOR.join(names) for names in images["keywords"]])
    twice = table["image_id"][table["image_id"].duplicated()]
    if len(twice):
        raise ValueError(f"{path}: image_id {twice.iloc[0]!r} is there twice.")
    write_table(path, table, IMAGE_COLUMNS)


def read_images(*paths):
    """Read the photos of one or several shards, one after the other.

    Returns
    -------
    DataFrame
        As in :func:`write_images`; ``keywords`` holds tuples.
    """
    tables = [read_table(path, PHOTOS, IMAGE_COLUMNS, {"width": "int64", "height": "int64"}) for path in paths]
    images = pd.concat(tables, ignore_index=True)
    images["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in images["keywords"]]
    return images


def write_rejected_images(path, rejected):
    """Write the pictures that were left out: columns ``REJECTED_COLUMNS``."""
    write_table(path, rejected, REJECTED_COLUMNS)


def read_rejected_images(path):
    """Read what :func:`write_rejected_images` wrote."""
    return read_table(path, REJECTED, REJECTED_COLUMNS, {})


def write_categories(path, categories):
    """Write the categories: label 1..C (the value in PNGs), category_id (the dataset's own), name, colour (#rrggbb)."""
    if list(categories["label"]) != list(range(1, len(categories) + 1)):
        raise ValueError(f"{path}: labels must be 1..{len(categories)}, found {list(categories['label'])}.")
    if len(categories) > IGNORE - 1:
        raise ValueError(f"{path}: {len(categories)} categories; a palette PNG holds at most {IGNORE - 1}.")
    write_table(path, categories, CATEGORY_COLUMNS)


def read_categories(path):
    """Read what :func:`write_categories` wrote."""
    return read_table(path, CATEGORIES, CATEGORY_COLUMNS, {"label": "int64", "category_id": "int64"})
