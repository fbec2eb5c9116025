"""Archives of arrays (npz) as artefacts."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from aisi.formats.files import Format, mismatch
from aisi.formats.seal import read_sealed, sealed


def write_npz(path: str | Path, fmt: Format, **arrays: Any) -> None:
    """Write arrays by name, with format and version."""
    with sealed(path) as temporary:
        head: dict[str, Any] = {"format": f"aisi/{fmt.name}", "version": fmt.version}
        np.savez(temporary, **head, **arrays)


def read_npz(path: str | Path, fmt: Format) -> dict[str, Any]:
    """Read arrays by name; raises :class:`FormatError` if the file has another format or version, or is damaged."""
    try:
        with np.load(io.BytesIO(read_sealed(path)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:  # TypeError: one array, no archive
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", "npz") from error
    found = str(arrays.pop("format", "no format")), int(arrays.pop("version", -1))
    if found != (f"aisi/{fmt.name}", fmt.version):
        raise mismatch(path, fmt, f"{found[0]} version {found[1]}", fmt.label)
    return arrays
