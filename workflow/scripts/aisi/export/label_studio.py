"""Label Studio: brush masks as predictions of tasks, JSON."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from aisi.export.photos import ExportedPhoto, Options, write_json, write_text
from aisi.formats.dataset import Categories
from aisi.masks import decode

WORD_BITS = 8
RUN_BITS = (3, 4, 8, 16)
"""Numbers of bits that a run's length may have."""
CHANNELS = 4
"""A brush is an RGBA picture."""


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``tasks.json``, and ``labeling_config.xml`` for the project's settings.

    The photos are addressed as files of a local storage: ``/data/local-files/?d=PATH``.
    """
    tasks = [
        {
            "data": {"image": f"/data/local-files/?d={quote(photo.file_name)}"},
            "predictions": [{"model_version": "aisi", "result": _results(photo, categories.names)}],
        }
        for photo in photos
    ]
    write_json(Path(folder, "tasks.json"), tasks)
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    labels = ElementTree.SubElement(view, "BrushLabels", name="tag", toName="image")
    for name, colour in zip(categories.names, categories.colours, strict=True):
        ElementTree.SubElement(labels, "Label", value=name, background=colour)
    ElementTree.indent(view)
    write_text(Path(folder, "labeling_config.xml"), ElementTree.tostring(view, encoding="unicode"))


def _results(photo, names):
    return [
        {
            "id": f"instance-{number}",
            "type": "brushlabels",
            "from_name": "tag",
            "to_name": "image",
            "original_width": photo.width,
            "original_height": photo.height,
            "image_rotation": 0,
            "score": score,
            "value": {"format": "rle", "rle": brush(decode(mask)), "brushlabels": [names[label - 1]]},
        }
        for number, (label, score, mask) in enumerate(zip(photo.labels, photo.scores, photo.masks, strict=True), 1)
    ]


def brush(mask: np.ndarray) -> list[int]:
    """A mask (H, W) bool as bytes of thi.ng's rle-pack, the format of Label Studio's brushes.

    A head (number of values in 32 bits, bits of a value less 1 in 5, the four sizes of run lengths less 1 in 4 each),
    then for each run: bit 1, its size's number in 2 bits, its length less 1, its value.
    """
    values = mask.ravel()
    ends = np.append(np.flatnonzero(np.diff(values)) + 1, values.size)
    starts = np.append(0, ends[:-1])
    bits = [f"{CHANNELS * values.size:032b}{WORD_BITS - 1:05b}", *(f"{size - 1:04b}" for size in RUN_BITS)]
    longest = 1 << RUN_BITS[-1]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        value = f"{255 if values[start] else 0:0{WORD_BITS}b}"
        for done in range(0, CHANNELS * (end - start), longest):
            length = min(longest, CHANNELS * (end - start) - done) - 1
            number = next(n for n, size in enumerate(RUN_BITS) if length < 1 << size)
            bits.append(f"1{number:02b}{length:0{RUN_BITS[number]}b}{value}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))
