"""The formats by their names in the config."""

from collections.abc import Callable, Sequence
from pathlib import Path

from aisi.export import coco, cvat, datumaro, label_studio, labelme, png, yolo
from aisi.export.photos import ExportedPhoto, Options
from aisi.formats.dataset import Categories

Writer = Callable[[str | Path, Sequence[ExportedPhoto], Categories, Options], None]
"""Writes a format into a folder."""

WRITERS: dict[str, Writer] = {
    "coco": coco.write_polygons,
    "coco_rle": coco.write_rle,
    "yolo": yolo.write,
    "cvat": cvat.write,
    "label_studio": label_studio.write,
    "datumaro": datumaro.write,
    "labelme": labelme.write,
    "png": png.write,
    "imagej": png.write_imagej,
}
"""Add a format here, and in the schema's ``export.formats``."""
