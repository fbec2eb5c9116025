"""HDF5 files as artefacts, one for each shard of photos."""

from contextlib import contextmanager

import h5py
import numpy as np

from aisi.files import atomic
from aisi.formats.files import mismatch

TEXT = h5py.string_dtype("utf-8")
BYTES = h5py.vlen_dtype(np.uint8)


@contextmanager
def new_hdf5(path, fmt):
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"], file.attrs["version"] = f"aisi/{fmt.name}", fmt.version
        yield file


@contextmanager
def open_hdf5(path, fmt):
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", "HDF5") from error
    with file:
        found = file.attrs.get("format", "no format"), int(file.attrs.get("version", -1))
        if found != (f"aisi/{fmt.name}", fmt.version):
            raise mismatch(path, fmt, f"{found[0]} version {found[1]}", fmt.label)
        yield file


def growing_column(file, name, dtype, width=None):
    """An empty column that grows, chunked by about 64 KiB."""
    tail = () if width is None else (width,)
    itemsize = 8 if dtype in (TEXT, BYTES) else np.dtype(dtype).itemsize
    rows = max(1, 65536 // (itemsize * (width or 1)))
    return file.create_dataset(name, (0, *tail), dtype=dtype, maxshape=(None, *tail), chunks=(rows, *tail))


def extend(column, values):
    if len(values):
        start = len(column)
        column.resize(start + len(values), axis=0)
        column[start:] = values
