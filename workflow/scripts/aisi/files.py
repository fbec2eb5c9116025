"""Write files so that a reader never finds an incomplete one."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_HOST = os.uname().nodename


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path next to ``path``; move that file to ``path`` when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        The final file. Its folder is made if it is missing.

    Yields
    ------
    Path
        Where to write. It has the suffix of ``path``, because libraries choose a format by the suffix. If the block
        raises an error, the temporary file is removed and ``path`` stays as it was. Files left by a killed process are
        removed by the next process that writes into the folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    # The name is hashed, because it may already have the maximal length. It includes the process, because a job whose
    # Snakemake was killed continues, and may write at the same time as the job that replaces it.
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.with_name(f".{name}.{_HOST}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except Exception as error:
        error.add_note(f"{path} was not written.")
        raise
    finally:
        temporary.unlink(missing_ok=True)


@cache  # once for each folder, because it may hold many files
def _remove_leftovers(folder):
    for file in folder.glob(f".*.{_HOST}.*.partial*"):
        writer = file.name.partition(".partial")[0].rpartition(".")[2]
        if writer.isdigit() and not _runs(int(writer)):
            file.unlink(missing_ok=True)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process
        return True
    return True


def inside(folder: str | Path, relative: str) -> Path:
    """Join a folder and an id from a table; refuse an id that leads out of the folder.

    Parameters
    ----------
    folder : str or Path
    relative : str
        For example an image_id with a suffix. It may contain sub-folders.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the result is not below ``folder``.
    """
    folder = Path(folder)
    path = folder / relative
    if "\0" in relative or Path(os.path.abspath(folder)) not in Path(os.path.abspath(path)).parents:
        raise ValueError(f"{relative!r} leads out of {folder}. An id is a path below the folder, without '..'.")
    return path
