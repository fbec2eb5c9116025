"""Archives of arrays (npz) as artefacts."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aisi.formats.files import Format, reading, require
from aisi.formats.seal import read_sealed, sealed


def write_npz(path: str | Path, fmt: Format, **arrays: Any) -> None:
    """Write arrays by name, with format and version."""
    with sealed(path) as temporary:
        head: dict[str, Any] = {"format": f"aisi/{fmt.name}", "version": fmt.version}
        np.savez(temporary, **head, **arrays)


def read_npz(
    path: str | Path, fmt: Format, columns: Mapping[str, tuple[str, tuple[int | None, ...]]]
) -> dict[str, Any]:
    """Read arrays by name.

    Parameters
    ----------
    path : str or Path
    fmt : Format
    columns : dict
        Name of each array to its dtype (``U`` for any text) and its shape; None stands for any length.

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
        require(set(arrays) == set(columns), f"arrays {sorted(arrays)}", f"arrays {sorted(columns)}")
        for name, (dtype, shape) in columns.items():
            array = arrays[name]
            fits = array.dtype.kind == "U" if dtype == "U" else array.dtype == dtype
            fits &= len(array.shape) == len(shape)
            fits = fits and all(length in (None, own) for own, length in zip(array.shape, shape, strict=True))
            require(fits, f"{name} of {array.dtype} and shape {array.shape}", f"{dtype} and shape {shape}")
    return arrays
