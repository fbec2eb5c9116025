"""What all formats share: names, versions and errors.

Each module next to this one describes one artefact: its dataclass, and how it is written, read and checked. No other
module contains an HDF5 key, an npz key or a PNG mode. A reader checks seal, format and version. Writer and reader of a
format check its content with the same function, by :func:`require`. The error of a reader names the file and the rule
that makes it again. Writers write atomically.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aisi.formats.seal import SealError


class FormatError(ValueError):
    """A file is not what its reader expects."""


class ContentError(ValueError):
    """Content that its format does not allow."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}.")
        self.found, self.expected = found, expected


def require(holds: bool, found: str, expected: str) -> None:
    """Raise :class:`ContentError` unless a condition holds."""
    if not holds:
        raise ContentError(found, expected)


def has_shape(found: tuple[int, ...], shape: tuple[str | int, ...]) -> bool:
    """Whether an array has the shape that its format names, where a letter stands for any length."""
    return len(found) == len(shape) and all(isinstance(b, str) or a == b for a, b in zip(found, shape, strict=True))


def shape_text(shape: tuple[str | int, ...]) -> str:
    """The shape that a format names, as docstrings have it: ``(N, 4)``."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


@dataclass(frozen=True)
class Format:
    """The format of one artefact.

    Attributes
    ----------
    name : str
    rule : str
        The rule that makes the file, for messages: its name, several joined by "or", or "one of the ... rules".
    version : int or None
        None if the file has no place for a version.
    made : str
        What the rule makes and the user has to delete: the file, or the folder that holds it.
    users : bool
        Whether users may bring such files, too.
    columns : dict
        Name of each column, array or key to its type, in the order of the file. In a table (CSV) and in JSON it is a
        dtype: ``"int64"``. In HDF5 and npz it is dtype and shape: ``("float32", ("N", 4))``, where a letter stands for
        any length. Readers check them.
    optional : dict
        Columns that a file may lack.

    The docstring below a Format says what the columns mean. tools/write_artefacts_page.py makes docs/artefacts.md of
    both.
    """

    name: str
    rule: str
    version: int | None = None
    made: str = "file"
    users: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"aisi/{self.name} version {self.version}"

    @property
    def maker(self) -> str:
        """Who makes the file, for messages."""
        return self.rule if self.rule.startswith("one of ") else f"rule {self.rule}"


TEXT, BYTES = "text", "bytes"
"""Dtypes of columns besides those of NumPy: Unicode text, and bytes of any number."""

PROXY_MASKS = Format(
    "proxy_masks",
    "write_proxy_masks (of predictions: predict_semantic)",
    1,
    "folder",
    True,
    columns={
        "image_id": "int or text",
        "category_id": "int",
        "score": "float",
        "bbox": "list of 4 floats",
        "segmentation": "COCO compressed RLE, counts as text",
    },
)
"""Masks with labels, `proxy_masks/{assignment}/`, predictions of the segmenters, and `masks/`.

`SegmentationClass/{image_id}.png` is a palette PNG of one byte a pixel, (H, W) uint8 in the frame of the upright photo:
0 background, 1..C the label of `categories.csv`, 255 ignore. The palette is that of PASCAL VOC.

`instances.json` and `predictions.json` hold instances in COCO's formats: an object with images, categories and
annotations, or a bare list of results. The keys below are those of each annotation or result. The instances of a photo
are in the order of instance_id, or by descending score. A rejected instance has `iscrowd: 1` and `rejected: true`, too.

Columns
-------
image_id
    Of annotations: the `id` in the list of images, which has the photo's own image_id beside it. Of results: our
    image_id, or with format `coco` the id in the dataset's JSON.
category_id
    The dataset's own number of the category, as in `categories.csv`.
score
    How sure the detector or the segmenter is, in [0, 1].
bbox
    x, y, width and height in pixels of the upright photo.
segmentation
    Mask in the frame of the whole upright photo.
"""


@contextmanager
def reading(path: str | Path, fmt: Format, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into a :class:`FormatError`, which names the file and the rule.

    Parameters
    ----------
    path : str or Path
    fmt : Format
    expected : str
        What the file should be, for the message.
    """
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except ContentError as error:
        raise mismatch(path, fmt, error.found, error.expected) from error
    except SealError as error:
        raise mismatch(path, fmt, str(error), f"{expected}, as it was written", error.advice) from error
    except Exception as error:  # parsers raise errors of many kinds
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", expected) from error


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Name the file in a :class:`ContentError` of what is to be written."""
    try:
        yield
    except ContentError as error:
        raise ValueError(f"{path}: {error}") from error


def mismatch(path: str | Path, fmt: Format, found: str, expected: str, advice: str = "") -> FormatError:
    """Make the error for a file that does not have its format. ``advice`` is what else the user can do."""
    if fmt.users:
        return FormatError(
            f"{path}: found {found}, expected {expected}. If it is your file, convert or replace it. If the workflow "
            f"wrote it, delete its folder and run again: {fmt.maker} makes it again."
        )
    return FormatError(
        f"{path}: found {found}, expected {expected}. {advice}Delete the {fmt.made} and run the workflow again: "
        f"{fmt.maker} makes it again."
    )


def mismatch_of_masks(path: str | Path, found: str, expected: str) -> FormatError:
    """Make the error for a file of masks, which may be a user's own."""
    return mismatch(path, PROXY_MASKS, found, expected)
