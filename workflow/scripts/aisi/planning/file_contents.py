"""Digests of the contents of a user's files and folders, so that a change of their times alone runs nothing again.

The Snakefile needs them before any job. So a file is read once, and read again only if its size or times have changed.
One of these times is ctime, its last change in the file system, which no copy, move or edit keeps. No kept library does
this: Snakemake compares contents up to a size only, and of folders only the time.
"""

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from aisi.files import atomic
from aisi.planning.dataset_files import SUFFIXES, list_files

COUNTED = (*SUFFIXES, ".txt", ".xml", ".npy", ".npz")
"""Suffixes of the files in a folder that count: photos, lists, annotations and arrays."""
SETTLED = 10**9
"""Nanoseconds after which another change of a file surely gets another time."""


def content_digest(path: str | Path, notes_folder: str | Path) -> str:
    """Digest of a file, or of the names and contents of the files in a folder.

    Parameters
    ----------
    path : str or Path
    notes_folder : str or Path
        Folder that remembers the digests of single files. If it is lost, the files are read again.

    Returns
    -------
    str
        12 hexadecimal digits. Empty if ``path`` does not exist.
    """
    if not os.path.exists(path):
        return ""
    return digest_of(file_digests(path, notes_folder))


def digest_of(contents: object) -> str:
    """12 hexadecimal digits that differ if the contents do: names, texts and digests in lists, tuples and dicts."""
    return hashlib.sha256(os.fsencode(repr(contents))).hexdigest()[:12]


def file_digests(path: str | Path, notes_folder: str | Path) -> dict[str, str]:
    """Digests of a file (its name is empty), or of the files in a folder that count, by their paths below it.

    Parameters are those of :func:`content_digest`.
    """
    files = list_files(path, COUNTED) if os.path.isdir(path) else [("", os.stat(path))]
    note = Path(notes_folder, f"{hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:16]}.json")
    known = _read(note)
    stamps = {name: [status.st_size, status.st_mtime_ns, status.st_ctime_ns] for name, status in files}
    digests = {name: known[name][3] for name, stamp in stamps.items() if known.get(name, [])[:3] == stamp}
    unread = [name for name in stamps if name not in digests]
    if sum(stamps[name][0] for name in unread) > 10**9:
        print(f"Reading {len(unread)} files of {path}, to find out later which of them have changed.", file=sys.stderr)
    with ThreadPoolExecutor() as executor:
        paths = [os.path.join(path, name) if name else path for name in unread]
        digests |= dict(zip(unread, executor.map(_digest, paths), strict=True))
    if unread or len(known) > len(stamps):
        settled = time.time_ns() - SETTLED
        _write(note, {name: [*stamp, digests[name]] for name, stamp in stamps.items() if stamp[2] < settled})
    return {name: digests[name] for name in stamps}


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(note):
    try:
        return json.loads(note.read_text())
    except (OSError, ValueError):
        return {}


def _write(note, entries):
    with suppress(OSError), atomic(note) as temporary:  # without this note the files are only read again
        temporary.write_text(json.dumps(entries))
