"""What all formats share: how files are written, read and checked.

Each module beside this one describes one artefact: its dataclass, how it is written, read and checked. No other module
names an HDF5 key, an npz key or a PNG mode. A reader checks format and version. If they are wrong, it says which file
it is and which rule makes it again. Writers check what they are given, and write atomically.
"""

from dataclasses import dataclass


class FormatError(ValueError):
    """A file is not what the stage that reads it expects."""


@dataclass(frozen=True)
class Format:
    """One kind of artefact.

    Attributes
    ----------
    name : str
    rule : str
        The rule that makes the file again, for messages.
    version : int or None
        None: the file has no place for a version.
    made : str
        What the rule makes, so what has to be deleted: the file, or the folder that holds it.
    """

    name: str
    rule: str
    version: int | None = None
    made: str = "file"

    @property
    def label(self):
        """Name and version, as in the messages."""
        return f"aisi/{self.name} version {self.version}"


PROXY_MASKS = Format("proxy_masks", "write_proxy_masks (of predictions: predict_semantic)", 1)
"""Of the PNGs and of the JSON, which users bring too."""


def mismatch(path, fmt, found, expected):
    """The error of a file that is not of its format."""
    return FormatError(
        f"{path}: found {found}, expected {expected}. Delete the {fmt.made} and run the workflow again: "
        f"rule {fmt.rule} makes it again."
    )


def mismatch_of_masks(path, found, expected):
    """The error of a file of masks, which may be a user's own."""
    return FormatError(
        f"{path}: found {found}, expected {expected}. If it is your file, convert or replace it. If the workflow "
        f"wrote it, delete its folder and run again: {PROXY_MASKS.rule} makes it again."
    )
