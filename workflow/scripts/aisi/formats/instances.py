"""Salient instances of the photos of a shard: HDF5."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aisi.formats.files import BYTES, TEXT, Format, reading, require
from aisi.formats.hdf5 import extend, growing_column, new_hdf5, open_hdf5, texts, values_of
from aisi.formats.rows import row_digests
from aisi.masks import check_rle

PROMPT_COLUMNS = {"source": TEXT, "stability": "float32", "predicted_iou": "float32"}
"""Columns that only files of rule prompt_salient_instances have."""

SALIENT_INSTANCES = Format(
    "salient_instances",
    "detect_salient_instances or import_salient_instances",
    2,
    columns={
        "image_id": (TEXT, ("N",)),
        "instance_id": ("int64", ("N",)),
        "box": ("int64", ("N", 4)),
        "score": ("float32", ("N",)),
        "mask_size": ("int64", ("N", 2)),
        "mask_counts": (BYTES, ("N",)),
    },
    optional={name: (dtype, ("N",)) for name, dtype in PROMPT_COLUMNS.items()},
)
"""Class-agnostic instances of the photos of a shard: `salient_instances/{split}/shard_{shard}.h5`.

The N instances are ordered by photo, and in a photo by descending score.

Columns
-------
image_id
    Photo of each instance.
instance_id
    0, 1, .. in each photo.
box
    x0, y0, x1, y1 in pixels of the upright photo: half-open, tight around the mask.
score
    How surely the instance is an object, as the detector says, in [0, 1].
mask_size
    Height and width of the photo in pixels.
mask_counts
    The counts of COCO's compressed run-length encoding, in the frame of the whole photo.
source
    (prompts) Where the mask comes from: docs/salient_instances.md.
stability
    (prompts) IoU of the masks at a low and at a high threshold, in [0, 1].
predicted_iou
    (prompts) The IoU that the network expects of its mask.
"""


@dataclass(frozen=True)
class SalientInstances:
    """Class-agnostic instances of photos, ordered by photo and then by ``instance_id``.

    Attributes
    ----------
    image_ids : (N,) object
        Photo of each instance.
    instance_ids : (N,) int64
        0, 1, .. in each photo, by descending score.
    boxes : (N, 4) int64
        XYXY, half-open, pixels of the upright photo, tight around the mask.
    scores : (N,) float32
        Objectness in [0, 1].
    masks : list of dict
        COCO compressed RLE in the frame of the whole photo: ``{"size": [height, width], "counts": bytes}``.
    prompts : dict of str to (N,) array
        Empty, or the columns ``PROMPT_COLUMNS`` of :class:`aisi.salient_instances.prompts.Found`.
    """

    image_ids: np.ndarray
    instance_ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    masks: list[dict[str, Any]]
    prompts: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def rows(self) -> np.ndarray:
        """Digests of the instances, (N,) uint64, by which other files are joined with them."""
        return row_digests(self.image_ids, self.instance_ids, self.boxes)


class SalientInstancesWriter:
    """Appends the instances of one photo after the other: ``with new_salient_instances(path) as writer``."""

    def __init__(self, file: h5py.File, prompts: bool = False) -> None:
        self._prompts = {name: growing_column(file, name, dtype) for name, dtype in PROMPT_COLUMNS.items() if prompts}
        self._ids = growing_column(file, "image_id", TEXT)
        self._numbers = growing_column(file, "instance_id", np.int64)
        self._boxes = growing_column(file, "box", np.int64, 4)
        self._scores = growing_column(file, "score", np.float32)
        self._sizes = growing_column(file, "mask_size", np.int64, 2)
        self._counts = growing_column(file, "mask_counts", BYTES)

    def append(
        self,
        image_id: str,
        boxes: np.ndarray,
        scores: np.ndarray,
        masks: Sequence[dict[str, Any]],
        **prompts: Sequence[Any] | np.ndarray,
    ) -> None:
        """Append one photo.

        Parameters
        ----------
        image_id : str
        boxes : (n, 4) int
            XYXY, half-open, inside the photo, not empty.
        scores : (n,) float
            Descending.
        masks : list of dict
            COCO compressed RLE.
        **prompts : (n,) array
            One for each of ``PROMPT_COLUMNS``, if the file has them.
        """
        boxes, scores = np.asarray(boxes, np.int64).reshape(-1, 4), np.asarray(scores, np.float32)
        if not len(boxes) == len(scores) == len(masks):
            raise ValueError(f"{image_id}: {len(boxes)} boxes, {len(scores)} scores and {len(masks)} masks.")
        if {name: len(column) for name, column in prompts.items()} != dict.fromkeys(self._prompts, len(boxes)):
            raise ValueError(f"{image_id}: expected {len(boxes)} values in each of the columns {list(self._prompts)}.")
        sizes = np.array([mask["size"] for mask in masks], np.int64).reshape(-1, 2)
        ids = np.full(len(boxes), image_id, object)
        try:
            _check(ids, np.arange(len(boxes)), boxes, scores, sizes)
            for mask in masks:
                check_rle(mask)
        except ValueError as error:
            raise ValueError(f"{image_id}: {error}") from error
        extend(self._ids, [image_id] * len(boxes))
        extend(self._numbers, np.arange(len(boxes)))
        extend(self._boxes, boxes)
        extend(self._scores, scores)
        extend(self._sizes, sizes)
        for name, column in self._prompts.items():
            extend(column, prompts[name])
        for mask in masks:
            self._counts.resize(len(self._counts) + 1, axis=0)
            self._counts[-1] = np.frombuffer(mask["counts"], np.uint8)


@contextmanager
def new_salient_instances(
    path: str | Path, prompts: bool = False, origin: str = ""
) -> Iterator[SalientInstancesWriter]:
    """Give a :class:`SalientInstancesWriter`; the file appears at ``path`` when the block ends without an error.

    With ``prompts`` the file has the columns ``PROMPT_COLUMNS``, too.
    """
    with new_hdf5(path, SALIENT_INSTANCES, origin) as file:
        yield SalientInstancesWriter(file, prompts)


def read_salient_instances(*paths: str | Path, masks: bool = True) -> SalientInstances:
    """Read one or several shards, one after the other, as :class:`SalientInstances`.

    With ``masks=False`` the masks, which are most of the file, are not read: an empty list.
    """
    parts = [_read_salient_instances(path, masks) for path in paths]
    ids, numbers, boxes, scores = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("image_ids", "instance_ids", "boxes", "scores")
    )
    shared = set.intersection(*(set(part.prompts) for part in parts))
    prompts = {
        name: np.concatenate([part.prompts[name] for part in parts]) for name in PROMPT_COLUMNS if name in shared
    }
    return SalientInstances(ids, numbers, boxes, scores, [mask for part in parts for mask in part.masks], prompts)


def _read_salient_instances(path, with_masks):
    with (
        open_hdf5(path, SALIENT_INSTANCES) as file,
        reading(path, SALIENT_INSTANCES, "salient instances"),
    ):
        ids, names = texts(file["image_id"]), ("instance_id", "box", "score", "mask_size")
        numbers, boxes, scores, sizes = (file[name][:] for name in names)
        require(len(file["mask_counts"]) == len(sizes), f"{len(file['mask_counts'])} masks", f"{len(sizes)}")
        _check(ids, numbers, boxes, scores, sizes)
        rows = zip(sizes, file["mask_counts"][:], strict=True) if with_masks else ()
        masks = [{"size": size.tolist(), "counts": counts.tobytes()} for size, counts in rows]
        for mask in masks:
            check_rle(mask)
        prompts = {name: values_of(file[name]) for name in PROMPT_COLUMNS if name in file}
        lengths = {len(column) for column in prompts.values()} | {len(ids)}
        require(len(lengths) == 1, "columns about prompts that differ in length", "as many of each")
        return SalientInstances(ids, numbers, boxes, scores, masks, prompts)


def _check(ids, numbers, boxes, scores, sizes):
    """Check columns of whole photos, the masks' counts apart."""
    lengths = {len(ids), len(numbers), len(boxes), len(scores), len(sizes)}
    require(len(lengths) == 1, "columns that differ in length", "as many of each")
    first = np.array([row == 0 or ids[row] != ids[row - 1] for row in range(len(ids))], bool)
    photos = [ids[row] for row in np.flatnonzero(first)]
    require(len(set(photos)) == len(photos) and "" not in photos, "a photo in two places", "each photo once")
    starts = np.flatnonzero(first)
    expected = np.arange(len(ids)) - np.repeat(starts, np.diff(np.append(starts, len(ids))))
    counted = np.array_equal(numbers, expected)
    require(counted, "other instance_ids", "0, 1, .. in each photo")
    inside = bool(((scores >= 0) & (scores <= 1)).all() and (first[1:] | (np.diff(scores) <= 0)).all())
    require(inside, f"scores {scores[:9].tolist()}", "scores that descend in each photo and lie in [0, 1]")
    low, high = boxes[:, :2], boxes[:, 2:]
    fits = np.all((low >= 0) & (low < high) & (high <= sizes[:, ::-1]), axis=1)
    wrong = boxes[~fits][:1].tolist()
    require(not wrong, f"box {wrong}, which is empty or leaves the photo", "boxes inside the photo")


def rows_by_photo(image_ids: Iterable[str]) -> dict[str, slice]:
    """Find the rows of each photo, image_id to slice; the instances of a photo must be consecutive."""
    rows, start = {}, 0
    for image_id, members in groupby(image_ids):
        stop = start + sum(1 for _ in members)
        rows[image_id] = slice(start, stop)
        start = stop
    return rows
