"""What all formats share: names, versions and errors.

Each module next to this one describes one artefact: its dataclass, and how it is written, read and checked. No other
module contains an HDF5 key, an npz key or a PNG mode. A reader checks seal, format and version. Writer and reader of a
format check its content with the same function, by :func:`require`. The error of a reader names the file and the rule
that makes it again. Writers write atomically.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aisi.formats.seal import SealError


class FormatError(ValueError):
    """A file is not what its reader expects."""


class ContentError(ValueError):
    """Content that its format does not allow."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}.")
        self.found, self.expected = found, expected


def require(holds: bool, found: str, expected: str) -> None:
    """Raise :class:`ContentError` unless a condition holds."""
    if not holds:
        raise ContentError(found, expected)


@dataclass(frozen=True)
class Format:
    """The format of one artefact.

    Attributes
    ----------
    name : str
    rule : str
        The rule that makes the file, for messages.
    version : int or None
        None if the file has no place for a version.
    made : str
        What the rule makes and the user has to delete: the file, or the folder that holds it.
    users : bool
        Whether users may bring such files, too.
    """

    name: str
    rule: str
    version: int | None = None
    made: str = "file"
    users: bool = False

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"aisi/{self.name} version {self.version}"


PROXY_MASKS = Format("proxy_masks", "write_proxy_masks (of predictions: predict_semantic)", 1, "folder", True)
"""Format of PNGs and JSON with masks."""


@contextmanager
def reading(path: str | Path, fmt: Format, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into a :class:`FormatError`, which names the file and the rule.

    Parameters
    ----------
    path : str or Path
    fmt : Format
    expected : str
        What the file should be, for the message.
    """
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except ContentError as error:
        raise mismatch(path, fmt, error.found, error.expected) from error
    except SealError as error:
        raise mismatch(path, fmt, str(error), f"{expected}, as it was written", error.advice) from error
    except Exception as error:  # parsers raise errors of many kinds
        raise mismatch(path, fmt, f"a file that cannot be read ({error})", expected) from error


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Name the file in a :class:`ContentError` of what is to be written."""
    try:
        yield
    except ContentError as error:
        raise ValueError(f"{path}: {error}") from error


def mismatch(path: str | Path, fmt: Format, found: str, expected: str, advice: str = "") -> FormatError:
    """Make the error for a file that does not have its format. ``advice`` is what else the user can do."""
    if fmt.users:
        return FormatError(
            f"{path}: found {found}, expected {expected}. If it is your file, convert or replace it. If the workflow "
            f"wrote it, delete its folder and run again: {fmt.rule} makes it again."
        )
    return FormatError(
        f"{path}: found {found}, expected {expected}. {advice}Delete the {fmt.made} and run the workflow again: "
        f"rule {fmt.rule} makes it again."
    )


def mismatch_of_masks(path: str | Path, found: str, expected: str) -> FormatError:
    """Make the error for a file of masks, which may be a user's own."""
    return mismatch(path, PROXY_MASKS, found, expected)
