"""Label maps and instance maps: PNG."""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from aisi.files import atomic
from aisi.formats.files import PROXY_MASKS, TEXT, Format, mismatch_of_masks, reading
from aisi.formats.tables import read_table, write_table
from aisi.labels import IGNORE

_NAME = "aisi-name"
"""Key of the text in a PNG that says for which file name it was written."""

PHOTO_TABLE = Format(
    "photos",
    "write_masks",
    columns={"image_id": TEXT, "mask": TEXT, "n_instances": "int64", "tags": TEXT, "keywords_without_instance": TEXT},
)
"""What each photo got, one photo a row, by ascending image_id: `photos.csv`, beside the folder `masks/`.

Columns
-------
image_id
    Name of the photo.
mask
    `yes` if the photo has a mask, else `no`.
n_instances
    Number of salient instances, rejected ones included.
tags
    Tags of its instances, with `;` between them.
keywords_without_instance
    Keywords of the photo that no instance has as its tag, with `;` between them.
"""
PHOTO_COLUMNS = list(PHOTO_TABLE.columns)


def voc_palette(n_labels: int = 256) -> np.ndarray:
    """Compute PASCAL VOC's colours of labels, (n_labels, 3) uint8: bit-reversed labels, so that all colours differ."""
    labels = np.arange(n_labels)
    colours = np.zeros((n_labels, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((labels >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def write_labels(path: str | Path, labels: np.ndarray) -> None:
    """Write a label map as a palette PNG. It holds a digest of its name, so that two files cannot change places.

    Parameters
    ----------
    path : str or Path
    labels : (H, W) int
        0 background, 1..C label, 255 ignore.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not labels.size or labels.dtype.kind not in "iu":
        raise ValueError(f"{path}: found labels of shape {labels.shape}, {labels.dtype}; expected (H, W) int.")
    if labels.min() < 0 or labels.max() > IGNORE:
        raise ValueError(f"{path}: found labels {labels.min()} to {labels.max()}, expected 0 to {IGNORE}.")
    image = Image.fromarray(labels.astype(np.uint8), mode="P")
    image.putpalette(voc_palette().tobytes())
    note = PngImagePlugin.PngInfo()
    note.add_text("aisi", f"{PROXY_MASKS.name} {PROXY_MASKS.version}")
    note.add_text(_NAME, _name_digest(path))
    with atomic(path) as temporary:
        image.save(temporary, pnginfo=note)


def write_photo_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write what each photo got: columns ``PHOTO_COLUMNS``."""
    write_table(path, table, PHOTO_TABLE)


def read_photo_table(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_photo_table` wrote."""
    return read_table(path, PHOTO_TABLE)


def write_image_set(path: str | Path, image_ids: Sequence[str]) -> None:
    """Write the list of the photos that have a label map, one image_id a line, as VOC's ``{split}.txt``."""
    with atomic(path) as temporary:
        temporary.write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")


def read_labels(path: str | Path) -> np.ndarray:
    """Read a label map, ours or a dataset's: a palette or grey PNG with one byte per pixel.

    Returns
    -------
    (H, W) uint8
    """
    return _read_mask(path, ("P", "L"), "a palette or grey PNG of one byte per pixel").astype(np.uint8)


def read_instance_map(path: str | Path) -> np.ndarray:
    """Read an instance map of a dataset: a palette or grey PNG, also with 16 bits per pixel.

    Returns
    -------
    (H, W) int32
        0 background, 255 void, each other value one instance.
    """
    return _read_mask(path, ("P", "L", "I", "I;16", "I;16B"), "a palette or grey PNG").astype(np.int32)


def _read_mask(path, modes, expected):
    with reading(path, PROXY_MASKS, expected):
        content = Path(path).read_bytes()
        _check_chunks(content)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            image.load()
            mode, notes, values = image.mode, image.info, np.array(image)
    note = notes.get("aisi")
    if note not in (None, f"{PROXY_MASKS.name} {PROXY_MASKS.version}"):
        raise mismatch_of_masks(path, f"aisi/{note}", f"aisi/{PROXY_MASKS.name} {PROXY_MASKS.version}")
    if notes.get(_NAME, _name_digest(path)) != _name_digest(path):
        raise mismatch_of_masks(path, "the mask of a photo with another name", "the mask of the photo with this name")
    if mode not in modes:
        raise mismatch_of_masks(path, f"a PNG of mode {mode}", expected)
    return values


def _name_digest(path):
    """Digest of the last part of an image_id."""
    return hashlib.sha256(os.fsencode(Path(path).stem)).hexdigest()[:16]


def _check_chunks(content):
    """Compare each chunk of a PNG with its checksum; Pillow does not, where pixels are."""
    kind, start = b"", 8
    while kind != b"IEND":
        head = content[start : start + 8]
        if len(head) < 8:
            raise ValueError("truncated")
        length, kind = struct.unpack(">I4s", head)
        end = start + 8 + length
        if content[end : end + 4] != struct.pack(">I", zlib.crc32(content[start + 4 : end])):
            raise ValueError(f"a damaged part at byte {start}")
        start = end + 4
