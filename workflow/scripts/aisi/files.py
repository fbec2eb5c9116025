"""Writing files so that a reader never meets half of one."""

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path


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
        If the block raises, it is removed and ``path`` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the name itself, which may be as long as a name can be; nor a random one, which torch.save puts into the file.
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.with_name(f".{name}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
