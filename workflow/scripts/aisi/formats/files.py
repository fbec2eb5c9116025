"""What all formats share: names, versions and errors.

Each module next to this one describes one artefact: its dataclass, and how it is written, read and checked. No other
module contains an HDF5 key, an npz key or a PNG mode. A reader checks format and version. If they are wrong, the error
names the file and the rule that makes it again. A writer checks its arguments, and writes atomically.
"""

from dataclasses import dataclass
from pathlib import Path


class FormatError(ValueError):
    """A file is not what its reader expects."""


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
    """

    name: str
    rule: str
    version: int | None = None
    made: str = "file"

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"aisi/{self.name} version {self.version}"


PROXY_MASKS = Format("proxy_masks", "write_proxy_masks (of predictions: predict_semantic)", 1)
"""Format of PNGs and JSON with masks. Users may bring such files, too."""


def mismatch(path: str | Path, fmt: Format, found: str, expected: str) -> FormatError:
    """Make the error for a file that does not have its format."""
    return FormatError(
        f"{path}: found {found}, expected {expected}. Delete the {fmt.made} and run the workflow again: "
        f"rule {fmt.rule} makes it again."
    )


def mismatch_of_masks(path: str | Path, found: str, expected: str) -> FormatError:
    """Make the error for a file of masks, which may be a user's own."""
    return FormatError(
        f"{path}: found {found}, expected {expected}. If it is your file, convert or replace it. If the workflow "
        f"wrote it, delete its folder and run again: {PROXY_MASKS.rule} makes it again."
    )
