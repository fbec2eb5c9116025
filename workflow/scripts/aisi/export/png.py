"""Masks as PNGs: class masks and instance masks, with a palette and as plain grey values."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from aisi.export.photos import ExportedPhoto, Options, write_text
from aisi.files import atomic, inside
from aisi.formats.dataset import Categories
from aisi.formats.masks import write_labels
from aisi.labels import VOID
from aisi.masks import decode


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``class_palette``, ``class_grey``, ``instance_palette``, ``instance_grey``, and the tables of their values.

    Class masks have 0 for background and the labels of ``labels.csv``. Instance masks have 0 for background and the
    numbers of ``instances.csv``. Grey instance masks have 16 bits. A palette has no number for the 255th instance of
    a photo, so photos with more than 254 have no palette mask of instances.
    """
    for photo in photos:
        numbers = instance_map(photo)
        labels = np.array([0, *photo.labels], np.uint8)[numbers]
        name = f"{photo.image_id}.png"
        write_labels(inside(Path(folder, "class_palette"), name), labels)
        _write_grey(inside(Path(folder, "class_grey"), name), labels)
        _write_grey(inside(Path(folder, "instance_grey"), name), numbers)
        if len(photo.masks) < VOID:
            write_labels(inside(Path(folder, "instance_palette"), name), numbers)
        else:
            print(f"{photo.image_id}: {len(photo.masks)} instances do not fit into a palette; see instance_grey.")
    _write_table(
        Path(folder, "labels.csv"),
        [["label", "name", "colour"], *zip(categories.labels, categories.names, categories.colours, strict=True)],
    )
    _write_instances(folder, photos, categories)


def write_imagej(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write a label image of 16 bits for each photo, as ImageJ opens it, and ``instances.csv``."""
    for photo in photos:
        _write_grey(inside(folder, f"{photo.image_id}.png"), instance_map(photo))
    _write_instances(folder, photos, categories)


def instance_map(photo: ExportedPhoto) -> np.ndarray:
    """Number of the instance at each pixel, (H, W) uint16; 0 background. Of overlapping ones, the smaller is on top."""
    numbers = np.zeros((photo.height, photo.width), np.uint16)
    for number, mask in enumerate(photo.masks, start=1):  # the largest is first
        numbers[decode(mask)] = number
    return numbers


def _write_grey(path, values):
    with atomic(path) as temporary:
        Image.fromarray(values).save(temporary)


def _write_instances(folder, photos, categories):
    rows = [
        [photo.image_id, number, categories.names[label - 1], f"{score:.6g}"]
        for photo in photos
        for number, (label, score) in enumerate(zip(photo.labels, photo.scores, strict=True), start=1)
    ]
    _write_table(Path(folder, "instances.csv"), [["image_id", "value", "category", "score"], *rows])


def _write_table(path, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())
