"""Attention maps of the photos of a shard: HDF5."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from aisi.formats.files import TEXT, Format, require
from aisi.formats.hdf5 import extend, growing_column, new_hdf5, open_hdf5, texts
from aisi.labels import LARGEST

ATTENTION = Format(
    "attention",
    "compute_attention_maps or import_attention",
    2,
    columns={
        "image_id": (TEXT, ("M",)),
        "label": ("int64", ("M",)),
        "shape": ("int64", ("M", 2)),
        "value": ("float16", ("V",)),
    },
)
"""Attention maps of the photos of a shard, each of one of the photo's keywords: `attention/{split}/shard_{shard}.h5`.

There are M maps, those of a photo side by side, by ascending label.

Columns
-------
image_id
    Photo of each map.
label
    Label 1..C of the keyword.
shape
    Height and width of each map in cells: the photo's size divided by the stride of the network. The maps of a photo
    have one shape.
value
    Attention in [0, 1], the maps row by row, one after the other: V is the sum of height times width.
"""


class AttentionWriter:
    """Appends the attention maps of one photo after the other to a new file: ``with new_attention(path) as writer``."""

    def __init__(self, file: h5py.File) -> None:
        self._ids = growing_column(file, "image_id", TEXT)
        self._labels = growing_column(file, "label", np.int64)
        self._shapes = growing_column(file, "shape", np.int64, 2)
        self._values = growing_column(file, "value", np.float16)

    def append(self, image_id: str, labels: Sequence[int], maps: np.ndarray) -> None:
        """Append one photo.

        Parameters
        ----------
        image_id : str
        labels : (K,) int
            Labels 1..C of the photo's own keywords, ascending.
        maps : (K, h, w) float
            Attention in [0, 1] at the network's stride.
        """
        maps = np.asarray(maps, np.float16)
        if maps.ndim != 3 or len(maps) != len(labels):
            raise ValueError(f"{image_id}: {len(labels)} labels but maps of shape {maps.shape}.")
        own = np.asarray(labels, np.int64)
        try:
            _check_labels(own)
            _check_values(maps)
        except ValueError as error:
            raise ValueError(f"{image_id}: {error}") from error
        extend(self._ids, [image_id] * len(labels))
        extend(self._labels, own)
        extend(self._shapes, [maps.shape[1:]] * len(labels))
        extend(self._values, maps.ravel())


@contextmanager
def new_attention(path: str | Path, origin: str = "") -> Iterator[AttentionWriter]:
    """Give an :class:`AttentionWriter`; the file appears at ``path`` when the block ends without an error."""
    with new_hdf5(path, ATTENTION, origin) as file:
        yield AttentionWriter(file)


class AttentionMaps:
    """The maps of one shard, read one photo at a time: ``with open_attention(path) as maps``."""

    def __init__(self, file: Mapping[str, h5py.Dataset]) -> None:
        ids = texts(file["image_id"])
        self._labels, self._shapes, self._values = file["label"][:], file["shape"][:], file["value"]
        lengths = {len(ids), len(self._labels), len(self._shapes)}
        require(len(lengths) == 1, "columns that differ in length", "as many of each")
        require(bool((self._shapes >= 1).all()), "an empty map", "shapes of at least 1 x 1")
        self._ends = np.cumsum(self._shapes.prod(1))
        n = int(self._ends[-1]) if len(ids) else 0
        require(len(self._values) == n, f"{len(self._values)} values", f"{n}, as the shapes say")
        self._rows: dict[str, list[int]] = {}
        for row, image_id in enumerate(ids):
            self._rows.setdefault(image_id, []).append(row)
        for rows in self._rows.values():
            require(rows == list(range(rows[0], rows[-1] + 1)), "a photo in two places", "each photo once")
            require(len({*map(tuple, self._shapes[rows])}) == 1, "maps of two sizes in a photo", "one size")
            _check_labels(self._labels[rows])

    def __getitem__(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read labels (K,) int64 ascending and maps (K, h, w) float32 of one photo; both are empty if it has none."""
        rows = self._rows.get(image_id, [])
        maps = [
            self._values[self._ends[row] - self._shapes[row].prod() : self._ends[row]].reshape(self._shapes[row])
            for row in rows
        ]
        _check_values(np.array(maps))
        return self._labels[rows], np.asarray(maps, np.float32) if rows else np.zeros((0, 1, 1), np.float32)


def _check_labels(labels):
    ascend = bool(((labels >= 1) & (labels <= LARGEST)).all() and (np.diff(labels) > 0).all())
    require(ascend, f"labels {labels.tolist()}", f"ascending labels from 1 to {LARGEST}")


def _check_values(maps):
    inside = bool(((maps >= 0) & (maps <= 1)).all())
    require(inside, "attention outside [0, 1]", "attention in [0, 1]")


@contextmanager
def open_attention(path: str | Path) -> Iterator[AttentionMaps]:
    """Give the :class:`AttentionMaps` of one shard."""
    with open_hdf5(path, ATTENTION) as file:
        yield AttentionMaps(file)
