"""What every format writes: photos with instances, files of JSON, and the photos beside them."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aisi.files import atomic
from aisi.formats.dataset import file_name_of
from aisi.masks import Rle, area, check_sizes


@dataclass(frozen=True)
class Options:
    """Choices of the user: config block ``export``.

    Attributes
    ----------
    tolerance : float
        As in :func:`aisi.export.outlines.outline`.
    copy_photos : bool
        Whether photos are copied to where a format needs them. Otherwise they are linked.
    val_share : float
        Share of the photos that YOLO's split ``val`` gets, in [0, 1].
    """

    tolerance: float = 1.0
    copy_photos: bool = False
    val_share: float = 0.1


@dataclass(frozen=True)
class ExportedPhoto:
    """A photo and its instances, the largest first.

    Attributes
    ----------
    image_id : str
    path : str
        File of the photo.
    file_name : str
        Path below the folder of photos, with suffix.
    height, width : int
        Of the upright photo, pixels.
    labels : list of int
        1..C.
    scores : list of float
    masks : list of dict
        COCO RLE with text counts, none empty.
    """

    image_id: str
    path: str
    file_name: str
    height: int
    width: int
    labels: list[int]
    scores: list[float]
    masks: list[Rle]


def exported_photos(
    images: pd.DataFrame, instances: Mapping[str, tuple[list, list, list]], keep_empty: bool
) -> list[ExportedPhoto]:
    """Collect photos and their instances, and print how many there are.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    instances : dict
        As from :func:`aisi.formats.coco.read_instances`.
    keep_empty : bool
        Whether photos without instances are exported. In a photo whose instances have no tag, the objects of the
        keywords are there, so an empty mask would be wrong. In a photo that a network has seen, nothing was found.

    Returns
    -------
    list of ExportedPhoto
        By ascending image_id.
    """
    photos = []
    row: Any
    for row in images.sort_values("image_id").itertuples():
        found = list(zip(*instances.get(row.image_id, ([], [], [])), strict=True))
        check_sizes([mask for *_, mask in found], row)
        found = sorted((one for one in found if area(one[2])), key=lambda one: -area(one[2]))
        if found or keep_empty:
            labels, scores, masks = map(list, zip(*found, strict=True)) if found else ([], [], [])
            name = file_name_of(row.image_id, row.path)
            photos.append(
                ExportedPhoto(row.image_id, row.path, name, int(row.height), int(row.width), labels, scores, masks)
            )
    left_out = len(images) - len(photos)
    print(f"{sum(len(photo.masks) for photo in photos)} instances in {len(photos)} photos", end="")
    print(f"; {left_out} photos without an instance are left out." if left_out else ".")
    return photos


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON as UTF-8."""
    write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False))


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def place_photo(photo: ExportedPhoto, path: str | Path, copy: bool) -> None:
    """Link a photo to where a format needs it, or copy it."""
    with atomic(path) as temporary:
        if copy:
            shutil.copyfile(photo.path, temporary)
        else:
            os.symlink(os.path.realpath(photo.path), temporary)


def draw(image_id: str) -> float:
    """A number in [0, 1) that depends on the photo's id alone, so that a photo stays in its split."""
    return int(hashlib.sha256(image_id.encode()).hexdigest()[:13], 16) / 16**13
