"""Digests of a user's files and folders by what they hold, so that their times alone run nothing again.

The Snakefile asks for them before any job, so a file is read once and then known by its size and its times. The time of
its last change in the file system (ctime) is among these: no copy, move or edit keeps it.
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

COUNTED = (*SUFFIXES, ".txt", ".xml")
"""Suffixes of the files of a folder that count: pictures, lists and annotations."""
SETTLED = 10**9
"""Nanoseconds after which a change must have got another time than the one before."""


def content_digest(path, notes):
    """Digest of a file, or of the names and contents of a folder's files.

    Parameters
    ----------
    path : str or Path
    notes : str or Path
        Folder that remembers digests of single files. It may be lost: files are then read again.

    Returns
    -------
    str
        Empty if there is nothing at ``path``.
    """
    if not os.path.exists(path):
        return ""
    files = list_files(path, COUNTED) if os.path.isdir(path) else [("", os.stat(path))]
    note = Path(notes, f"{hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:16]}.json")
    known = _read(note)
    stamps = {name: [status.st_size, status.st_mtime_ns, status.st_ctime_ns] for name, status in files}
    digests = {name: known[name][3] for name, stamp in stamps.items() if known.get(name, [])[:3] == stamp}
    unread = [name for name in stamps if name not in digests]
    if sum(stamps[name][0] for name in unread) > 10**9:
        print(f"Reading {len(unread)} files of {path}, to know later which of them changed.", file=sys.stderr)
    with ThreadPoolExecutor() as executor:
        paths = [os.path.join(path, name) if name else path for name in unread]
        digests |= dict(zip(unread, executor.map(_digest, paths), strict=True))
    if unread or len(known) > len(stamps):
        settled = time.time_ns() - SETTLED
        _write(note, {name: [*stamp, digests[name]] for name, stamp in stamps.items() if stamp[2] < settled})
    listing = "".join(f"{name}\0{digests[name]}\0" for name in stamps)
    return hashlib.sha256(os.fsencode(listing)).hexdigest()[:12]


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(note):
    try:
        return json.loads(note.read_text())
    except (OSError, ValueError):
        return {}


def _write(note, entries):
    with suppress(OSError), atomic(note) as temporary:  # a folder that cannot be written costs time, no more
        temporary.write_text(json.dumps(entries))
