"""Writing files so that a reader never meets half of one."""

import hashlib
import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_HOST = os.uname().nodename


@contextmanager
def atomic(path):
    """Give a temporary path beside ``path`` and move it there when the block ends well.

    Parameters
    ----------
    path : str or Path
        The final file. Its folder is made if it is missing.

    Yields
    ------
    Path
        Where to write. It keeps the suffix of ``path``, since libraries choose a format by it.
        If the block raises, it is removed and ``path`` stays as it was. What a killed process left is removed by the
        next one that writes into the folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    # Not the name itself, which may be as long as a name can be; and the process's own, since a job whose Snakemake was
    # killed goes on, and may write at the same time as the job that replaces it.
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


@cache  # once for each folder, since there may be many files in it
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
    except PermissionError:  # someone else's
        return True
    return True


def inside(folder, relative):
    """Join an id from a table to a folder, refusing ids that would leave it.

    Parameters
    ----------
    folder : str or Path
    relative : str
        For example an image_id with a suffix; may name sub-folders.

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
        raise ValueError(f"{relative!r} leads out of {folder}. Ids are paths below the folder, without '..'.")
    return path
