"""The archive for the evaluation server of PASCAL VOC."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.files import atomic, inside
from aisi.formats.masks import read_labels

FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"
"""Folder of the predictions in the archive. comp6 is the competition that allows training on other data than VOC's."""


def check_categories(names: Sequence[str]) -> None:
    """Check that the categories are VOC's 20 in VOC's order, else raise ValueError: the server counts no others."""
    if tuple(names) != VOC_CATEGORIES:
        raise ValueError(
            f"found the categories {', '.join(names)}, expected VOC's 20 in their order, because the server knows only "
            "these. Set dataset.format: voc and dataset.categories: null."
        )


def read_members(photos: pd.DataFrame, predictions_folder: str | Path) -> Iterator[tuple[str, bytes]]:
    """Read and check the members of the archive, one photo at a time.

    Parameters
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    predictions_folder : str or Path
        Folder with ``{image_id}.png``.

    Yields
    ------
    name : str
    content : bytes
        The PNG without changes: VOC's palette, labels 0..20.

    Raises
    ------
    ValueError
        If a prediction does not have its photo's size, or has another label.
    """
    photo: Any  # a row
    for photo in photos.itertuples():
        path = inside(predictions_folder, f"{photo.image_id}.png")
        labels = read_labels(path)
        found = f"{labels.shape[0]} x {labels.shape[1]} pixels, labels up to {labels.max()}"
        if labels.shape != (photo.height, photo.width) or labels.max() > len(VOC_CATEGORIES):
            raise ValueError(
                f"{path}: found {found}, expected {photo.height} x {photo.width} pixels, labels up to "
                f"{len(VOC_CATEGORIES)}. Delete the folder and run the workflow again."
            )
        yield f"{FOLDER}/{photo.image_id}.png", path.read_bytes()


def write_archive(path: str | Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a .tgz without times and owners, so that equal members give equal bytes.

    Parameters
    ----------
    path : str or Path
    members : iterable of (str, bytes)
        Names and contents, in the order of the archive.
    """
    with (
        atomic(path) as temporary,
        open(temporary, "wb") as file,
        # PNGs are already compressed, so the lowest level is enough
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
