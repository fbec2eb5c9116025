"""HDF5 files as artefacts, one for each shard of photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aisi.formats.files import Format, mismatch
from aisi.formats.seal import USER_BLOCK, SealError, check_seal, sealed

TEXT = h5py.string_dtype("utf-8")
BYTES = h5py.vlen_dtype(np.uint8)


@contextmanager
def new_hdf5(path: str | Path, fmt: Format) -> Iterator[h5py.File]:
    """Give a new file with format and version; it appears at ``path`` when the block ends without an error."""
    with sealed(path) as temporary, h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
        file.attrs["format"], file.attrs["version"] = f"aisi/{fmt.name}", fmt.version
        yield file


@contextmanager
def open_hdf5(path: str | Path, fmt: Format) -> Iterator[h5py.File]:
    """Give a file for reading; raises :class:`FormatError` if it has another format or version, or is damaged."""
    try:
        check_seal(path)  # first: HDF5 may hang on a damaged file
        file = h5py.File(path, "r")
    except (OSError, SealError) as error:
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", "HDF5") from error
    with file:
        found = file.attrs.get("format", "no format"), int(file.attrs.get("version", -1))
        if found != (f"aisi/{fmt.name}", fmt.version):
            raise mismatch(path, fmt, f"{found[0]} version {found[1]}", fmt.label)
        for name in file:
            if not _holds_itself(file, name):
                raise mismatch(path, fmt, f"a link or another file in {name}", "a dataset in the file itself")
        yield file


def _holds_itself(file, name):
    """Whether a dataset is in this file: a link, external storage or a virtual dataset would read any other file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return False
    dataset = file[name]
    return isinstance(dataset, h5py.Dataset) and not dataset.external and not dataset.is_virtual


def growing_column(file: h5py.File, name: str, dtype: Any, width: int | None = None) -> h5py.Dataset:
    """Add an empty column that can grow, in chunks of about 64 KiB; with ``width`` its rows are vectors."""
    tail = () if width is None else (width,)
    itemsize = 8 if dtype in (TEXT, BYTES) else np.dtype(dtype).itemsize
    rows = max(1, 65536 // (itemsize * (width or 1)))
    return file.create_dataset(name, (0, *tail), dtype=dtype, maxshape=(None, *tail), chunks=(rows, *tail))


def extend(column: h5py.Dataset, values: Any) -> None:
    """Append values to a column."""
    if len(values):
        start = len(column)
        column.resize(start + len(values), axis=0)
        column[start:] = values
