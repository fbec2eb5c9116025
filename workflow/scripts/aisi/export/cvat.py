"""CVAT for images 1.1: one XML file with masks."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from aisi.export.photos import ExportedPhoto, Options, write_json, write_text
from aisi.formats.dataset import Categories
from aisi.masks import coco_box, decode


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``annotations.xml``, and ``labels.json`` for the constructor of a task's labels."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
    for name, colour in zip(categories.names, categories.colours, strict=True):
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "color").text = colour
        ElementTree.SubElement(label, "type").text = "mask"
        ElementTree.SubElement(label, "attributes")
    for number, photo in enumerate(photos):
        size = {"width": str(photo.width), "height": str(photo.height)}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": photo.file_name} | size)
        for order, (tag, mask) in enumerate(zip(photo.labels, photo.masks, strict=True)):
            ElementTree.SubElement(image, "mask", _mask(categories.names[tag - 1], mask, order))
    ElementTree.indent(root)
    xml = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True).decode()
    write_text(Path(folder, "annotations.xml"), xml)
    listed = zip(categories.names, categories.colours, strict=True)
    write_json(
        Path(folder, "labels.json"),
        [{"name": name, "color": colour, "type": "mask", "attributes": []} for name, colour in listed],
    )


def _mask(name, mask, order):
    """Attributes of an instance: its box, and the runs inside the box, row by row, background first."""
    left, top, width, height = map(int, coco_box(mask))
    inside = decode(mask)[top : top + height, left : left + width].ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[False], inside])))
    runs = np.diff(np.concatenate([[0], changes, [inside.size]]))
    box = {"left": left, "top": top, "width": width, "height": height, "z_order": order}
    return {
        "label": name,
        "source": "auto",
        "occluded": "0",
        "rle": ", ".join(map(str, runs.tolist())),
        **{key: str(value) for key, value in box.items()},
    }
