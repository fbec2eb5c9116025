"""Attention maps of the photos of a shard: HDF5."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from aisi.formats.files import Format
from aisi.formats.hdf5 import TEXT, extend, growing_column, new_hdf5, open_hdf5

ATTENTION = Format("attention", "compute_attention_maps", 1)


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
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
            raise ValueError(f"{image_id}: attention must be in [0, 1], found {maps.min()} to {maps.max()}.")
        extend(self._ids, [image_id] * len(labels))
        extend(self._labels, np.asarray(labels, np.int64))
        extend(self._shapes, [maps.shape[1:]] * len(labels))
        extend(self._values, maps.ravel())


@contextmanager
def new_attention(path: str | Path) -> Iterator[AttentionWriter]:
    """Give an :class:`AttentionWriter`; the file appears at ``path`` when the block ends without an error."""
    with new_hdf5(path, ATTENTION) as file:
        yield AttentionWriter(file)


class AttentionMaps:
    """The maps of one shard, read one photo at a time: ``with open_attention(path) as maps``."""

    def __init__(self, file: h5py.File) -> None:
        ids = file["image_id"].asstr()[:]
        self._labels, self._shapes, self._values = file["label"][:], file["shape"][:], file["value"]
        self._ends = np.cumsum(self._shapes.prod(1))
        self._rows: dict[str, list[int]] = {}
        for row, image_id in enumerate(ids):
            self._rows.setdefault(image_id, []).append(row)

    def __getitem__(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read labels (K,) int64 ascending and maps (K, h, w) float32 of one photo; both are empty if it has none."""
        rows = self._rows.get(image_id, [])
        maps = [
            self._values[self._ends[row] - self._shapes[row].prod() : self._ends[row]].reshape(self._shapes[row])
            for row in rows
        ]
        return self._labels[rows], np.asarray(maps, np.float32) if rows else np.zeros((0, 1, 1), np.float32)


@contextmanager
def open_attention(path: str | Path) -> Iterator[AttentionMaps]:
    """Give the :class:`AttentionMaps` of one shard."""
    with open_hdf5(path, ATTENTION) as file:
        yield AttentionMaps(file)
