"""Keywords as labels."""

import pandas as pd

from aisi.formats.dataset import Categories

VOC_CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""PASCAL VOC's categories, in the order of their labels 1..20."""


def keyword_labels(images: pd.DataFrame, categories: Categories) -> list[list[int]]:
    """Look up the labels of each photo's keywords.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories

    Returns
    -------
    list of list of int
        1..C, ascending, for each photo.

    Raises
    ------
    ValueError
        If a keyword is not a category.
    """
    for image_id, names in zip(images["image_id"], images["keywords"], strict=True):
        for name in names:
            if name not in categories.label_of:
                raise ValueError(
                    f"{image_id}: keyword {name!r} is not in categories.csv, which holds "
                    f"{', '.join(categories.names)}. Delete both tables and run the workflow again: rule index_images "
                    "makes them again."
                )
    return [sorted({categories.label_of[name] for name in names}) for names in images["keywords"]]
