"""Seals: a file that one stage writes for another carries the SHA-256 of its bytes, so that no damage goes unseen.

Each reader checks the seal before it parses a byte. A damaged file can crash a parser or keep it busy for ever, and can
be read as other content without an error.

Where the seal is:

- HDF5: in the user block. npz and checkpoints: in the comment of the zip archive. safetensors and JSON objects: in
  their first bytes. It is the text ``aisi-sha256:`` and 64 digits: the SHA-256 of the file with zeros as digits.
- CSV and JSON lists: in a file beside it, ``FILE.sha256``, which ``sha256sum -c`` can check.
- PNG: each chunk of a PNG has a checksum, which :mod:`aisi.formats.masks` checks.

The files of users carry no seal. To keep an edit of a file that the workflow wrote, seal it again::

    python -m aisi.formats.seal FILE...
"""

import argparse
import hashlib
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from aisi.files import atomic

_MARK = b"aisi-sha256:"
_LENGTH = len(_MARK) + 64
_SEAL = re.compile(re.escape(_MARK) + b"[0-9a-f]{64}")
_FIRST_BYTES = 4096
"""Where a seal begins, unless it is the end of the file."""
_BLOCK = 1 << 20

BLANK = (_MARK + b"0" * 64).decode("ascii")
"""A seal that is not yet filled in. JSON objects and safetensors are written with it in their first bytes."""
USER_BLOCK = 512
"""Bytes of an HDF5 file's user block, which holds the seal."""


class SealError(ValueError):
    """A file is not as it was written; the message says what was found.

    Attributes
    ----------
    advice : str
        How a person's edit can be kept; empty for files that nobody edits.
    """

    def __init__(self, found: str, path: Path) -> None:
        super().__init__(found)
        self.advice = _advice(path)


@contextmanager
def sealed(path: str | Path) -> Iterator[Path]:
    """Give a temporary path, as :func:`aisi.files.atomic` does; the file is sealed before it moves to ``path``."""
    with atomic(path) as temporary:
        yield temporary
        _seal(temporary, Path(path))


def check_seal(path: str | Path) -> None:
    """Raise :class:`SealError` if a file has no seal or is not as it was sealed; OSError if it cannot be read."""
    with open(path, "rb") as file:
        _check(file, Path(path))


def read_sealed(path: str | Path) -> bytes:
    """Read a whole file whose seal is right; raises what :func:`check_seal` raises."""
    content = Path(path).read_bytes()
    _check(io.BytesIO(content), Path(path))
    return content


def has_seal(path: str | Path) -> bool:
    """Tell whether a file carries a seal, right or wrong. A user's file has none."""
    with open(path, "rb") as file:
        return _place(file, Path(path)) is not None or _beside(path).is_file()


def reseal(path: str | Path) -> None:
    """Seal a file again as it is now, after an edit on purpose."""
    content = bytearray(Path(path).read_bytes())
    place = _place(io.BytesIO(content), Path(path))
    if place is not None:
        content[place : place + _LENGTH] = BLANK.encode("ascii")
    with sealed(path) as temporary:
        temporary.write_bytes(content)


def _check(file: BinaryIO, path: Path) -> None:
    place = _place(file, path)
    if place is not None:
        file.seek(place + len(_MARK))
        written = file.read(64).decode("ascii")
    elif _beside(path).is_file():
        written = _beside(path).read_text("ascii", errors="replace")[:64]
    else:
        raise SealError("no seal, as files of earlier versions have none", path)
    if _digest(file, place) != written:
        raise SealError("other bytes than were written", path)


def _seal(temporary: Path, path: Path) -> None:
    with open(temporary, "r+b") as file:
        _make_place(file)
        place = _place(file, path)
        digest = _digest(file, place)
        if place is not None:
            file.seek(place + len(_MARK))
            file.write(digest.encode("ascii"))
            return
    with atomic(_beside(path)) as note:
        note.write_text(f"{digest}  {path.name}\n", encoding="utf-8")


def _make_place(file: BinaryIO) -> None:
    """Write a blank seal into an HDF5 file with a user block, or into a zip archive without a comment."""
    file.seek(0)
    head = file.read(USER_BLOCK + 4)
    if head[:USER_BLOCK] == bytes(USER_BLOCK) and head[USER_BLOCK:] == b"\x89HDF":
        file.seek(0)
        file.write(BLANK.encode("ascii") + b"\n")
    elif head.startswith(b"PK"):
        file.seek(-22, io.SEEK_END)  # the end record of an archive without a comment
        if file.read(4) == b"PK\x05\x06":
            file.seek(-2, io.SEEK_END)  # the length of the comment
            file.write(_LENGTH.to_bytes(2, "little") + BLANK.encode("ascii"))


def _place(file: BinaryIO, path: Path) -> int | None:
    """Where the seal in the file begins; None if there is none."""
    if path.suffix == ".csv":
        return None
    size = file.seek(0, io.SEEK_END)
    for start, length in ((0, _FIRST_BYTES), (max(0, size - _LENGTH), _LENGTH)):
        file.seek(start)
        if found := _SEAL.search(file.read(length)):
            return start + found.start()
    return None


def _digest(file: BinaryIO, place: int | None) -> str:
    """SHA-256 of a file, with a blank seal at ``place``."""
    digest = hashlib.sha256()
    file.seek(0)
    if place is not None:
        while block := file.read(min(_BLOCK, place - file.tell())):
            digest.update(block)
        digest.update(BLANK.encode("ascii"))
        file.seek(place + _LENGTH)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _beside(path: str | Path) -> Path:
    return Path(f"{path}.sha256")


def _advice(path: Path) -> str:
    if path.suffix != ".csv":
        return ""
    library, file = shlex.quote(str(Path(__file__).parents[2])), shlex.quote(str(path.absolute()))
    return (
        "If you edited the file: give corrections of tags in a table of your own, config key partition.overrides. To "
        f"keep the edit as it is, run PYTHONPATH={library} python -m aisi.formats.seal {file} . Otherwise: "
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m aisi.formats.seal", description="Seal files again after an edit on purpose."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file that the workflow wrote, with your edit")
    for path in parser.parse_args(arguments).files:
        try:
            reseal(path)
        except OSError as error:
            parser.exit(1, f"{path}: {error.strerror}. Correct the path.\n")


if __name__ == "__main__":
    main()
