"""Archives of arrays (npz) as artefacts."""

import zipfile

import numpy as np

from aisi.files import atomic
from aisi.formats.files import mismatch


def write_npz(path, fmt, **arrays):
    with atomic(path) as temporary:
        np.savez(temporary, format=f"aisi/{fmt.name}", version=fmt.version, **arrays)


def read_npz(path, fmt):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:  # TypeError: one array, no archive
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", "npz") from error
    found = str(arrays.pop("format", "no format")), int(arrays.pop("version", -1))
    if found != (f"aisi/{fmt.name}", fmt.version):
        raise mismatch(path, fmt, f"{found[0]} version {found[1]}", fmt.label)
    return arrays
