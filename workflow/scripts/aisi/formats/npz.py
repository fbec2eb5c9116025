"""Archives of arrays (npz) as artefacts."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from aisi.formats.files import TEXT, Format, has_shape, reading, require, shape_text
from aisi.formats.seal import read_sealed, sealed


def write_npz(path: str | Path, fmt: Format, **arrays: Any) -> None:
    """Write arrays by name, with format and version."""
    with sealed(path) as temporary:
        head: dict[str, Any] = {"format": f"aisi/{fmt.name}", "version": fmt.version}
        np.savez(temporary, **head, **arrays)


def read_npz(path: str | Path, fmt: Format) -> dict[str, Any]:
    """Read the arrays of a format by name.

    Raises
    ------
    FormatError
        If the file is damaged, or has another format, version or content.
    """
    with reading(path, fmt, "npz"):
        with np.load(io.BytesIO(read_sealed(path)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = str(arrays.pop("format", "no format")), int(arrays.pop("version", -1))
        require(found == (f"aisi/{fmt.name}", fmt.version), f"{found[0]} version {found[1]}", fmt.label)
        require(set(arrays) == set(fmt.columns), f"arrays {sorted(arrays)}", f"arrays {sorted(fmt.columns)}")
        for name, (dtype, shape) in fmt.columns.items():
            array = arrays[name]
            fits = array.dtype.kind == "U" if dtype == TEXT else array.dtype == dtype
            expected = f"{dtype} and shape {shape_text(shape)}"
            require(
                fits and has_shape(array.shape, shape), f"{name} of {array.dtype} and shape {array.shape}", expected
            )
    return arrays
