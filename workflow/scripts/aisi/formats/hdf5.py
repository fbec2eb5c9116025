"""HDF5 files as artefacts, one for each shard of photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aisi.formats.files import (
    BYTES,
    TEXT,
    ContentError,
    Format,
    has_shape,
    mismatch,
    reading,
    require,
    shape_text,
    writing,
)
from aisi.formats.seal import USER_BLOCK, check_seal, sealed

_STORED = {TEXT: h5py.string_dtype("utf-8"), BYTES: h5py.vlen_dtype(np.uint8)}
"""How HDF5 stores dtypes that are not NumPy's."""


@contextmanager
def new_hdf5(path: str | Path, fmt: Format, origin: str = "") -> Iterator[h5py.File]:
    """Give a new file with format and version; it appears at ``path`` when the block ends without an error.

    ``origin`` is noted in imported files: where the content comes from.
    """
    with writing(path), sealed(path) as temporary, h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
        file.attrs["format"], file.attrs["version"] = f"aisi/{fmt.name}", fmt.version
        if origin:
            file.attrs["origin"] = origin
        yield file


@contextmanager
def open_hdf5(path: str | Path, fmt: Format) -> Iterator[dict[str, h5py.Dataset]]:
    """Give the columns of a file for reading: all of ``fmt.columns``, and those of ``fmt.optional`` that it has.

    Raises
    ------
    FormatError
        If the file is damaged, or has another format, version or columns; also if the block raises a
        :class:`aisi.formats.files.ContentError`.
    """
    with reading(path, fmt, "HDF5"):
        check_seal(path)  # first: HDF5 may hang on a damaged file
        file = h5py.File(path, "r")
    with file:
        with reading(path, fmt, "HDF5"):
            found = file.attrs.get("format", "no format"), int(file.attrs.get("version", -1))
            require(found == (f"aisi/{fmt.name}", fmt.version), f"{found[0]} version {found[1]}", fmt.label)
            right = set(fmt.columns) <= set(file) <= {*fmt.columns, *fmt.optional}
            require(right, f"columns {sorted(file)}", f"columns {sorted(fmt.columns)}")
            present = {name: kind for name, kind in {**fmt.columns, **fmt.optional}.items() if name in file}
            for name, (dtype, shape) in present.items():
                require(_holds_itself(file, name), f"a link or another file in {name}", "a dataset in the file itself")
                _check_type(file[name], name, dtype, shape)
        try:
            yield {name: file[name] for name in present}
        except ContentError as error:
            raise mismatch(path, fmt, error.found, error.expected) from error


def read_hdf5(path: str | Path, fmt: Format) -> dict[str, np.ndarray]:
    """Read whole columns by name; texts are objects. Raises what :func:`open_hdf5` raises."""
    with open_hdf5(path, fmt) as file, reading(path, fmt, "HDF5"):
        return {name: values_of(column) for name, column in file.items()}


def values_of(column: h5py.Dataset) -> np.ndarray:
    """Read a whole column; texts are objects."""
    return column[:] if h5py.check_string_dtype(column.dtype) is None else texts(column)


def texts(column: h5py.Dataset) -> np.ndarray:
    """Read a column of texts, (N,) object."""
    return np.asarray(column.asstr()[:], object)


def _holds_itself(file, name):
    """Whether a dataset is in this file: a link, external storage or a virtual dataset would read any other file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return False
    dataset = file[name]
    return isinstance(dataset, h5py.Dataset) and not dataset.external and not dataset.is_virtual


def _check_type(column, name, dtype, shape):
    if dtype == TEXT:
        fits = h5py.check_string_dtype(column.dtype) is not None
    else:
        fits = h5py.check_vlen_dtype(column.dtype) == np.uint8 if dtype == BYTES else column.dtype == dtype
    expected = f"{dtype} and shape {shape_text(shape)}"
    fits = fits and has_shape(column.shape, shape)
    require(fits, f"{name} of {column.dtype} and shape {column.shape}", expected)


def origin_of(path: str | Path) -> str:
    """Where the content of an imported file comes from; empty if the workflow computed it.

    Raises
    ------
    SealError
        If the file is not as it was written.
    """
    check_seal(path)
    with h5py.File(path, "r") as file:
        return file.attrs.get("origin", "")


def growing_column(file: h5py.File, name: str, dtype: Any, width: int | None = None) -> h5py.Dataset:
    """Add an empty column that can grow, in chunks of about 64 KiB; with ``width`` its rows are vectors."""
    tail = () if width is None else (width,)
    itemsize = 8 if dtype in _STORED else np.dtype(dtype).itemsize
    rows = max(1, 65536 // (itemsize * (width or 1)))
    return file.create_dataset(
        name, (0, *tail), dtype=_STORED.get(dtype, dtype), maxshape=(None, *tail), chunks=(rows, *tail)
    )


def extend(column: h5py.Dataset, values: Any) -> None:
    """Append values to a column."""
    if len(values):
        start = len(column)
        column.resize(start + len(values), axis=0)
        column[start:] = values
