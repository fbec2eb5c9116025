"""Find the photo that a table, a list or a JSON means, however it writes the name."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aisi.dataset.names import normal
from aisi.planning.dataset_files import SUFFIXES, list_files

_FILE_SUFFIXES = (*SUFFIXES, ".tif", ".tiff", ".bmp", ".gif")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_NUMBER = re.compile(r"0*(\d+?)(?:\.0)?")


class PhotoNames:
    """The names of some photos: their paths without suffix, which are their image_ids.

    Parameters
    ----------
    files : dict
        image_id to the photo's files, as paths below the folder.
    folder : str or Path
        Where the photos are, so that absolute paths are understood.
    """

    def __init__(self, files: Mapping[str, Sequence[str]], folder: str | Path = "") -> None:
        self.folder = Path(folder)
        self._files = files
        self._by_last_part: dict[str, list[tuple[str, list[str]]]] = {}
        self._by_number: dict[int, list[tuple[str, list[str]]]] = {}
        for image_id in files:
            parts = image_id.casefold().split("/")
            self._by_last_part.setdefault(parts[-1], []).append((image_id, parts))
            if parts[-1].isdecimal():
                self._by_number.setdefault(int(parts[-1]), []).append((image_id, parts))

    @classmethod
    def of_folder(cls, folder: str | Path) -> "PhotoNames":
        """The photos in a folder."""
        files: dict[str, list[str]] = {}
        for file_name, _ in list_files(folder):
            files.setdefault(normal(os.path.splitext(file_name)[0]), []).append(file_name)
        return cls(files, folder)

    @classmethod
    def of_ids(cls, image_ids: Iterable[str], folder: str | Path = "") -> "PhotoNames":
        """Photos of which only the image_ids are known."""
        return cls({image_id: [] for image_id in image_ids}, folder)

    def __contains__(self, text: str) -> bool:
        """Whether a name is an image_id, perhaps with a suffix."""
        return without_suffix(normal(text)) in self._files or normal(text) in self._files

    @property
    def image_ids(self) -> list[str]:
        """All photos, in the order of their files."""
        return list(self._files)

    def files(self, image_id: str) -> tuple[str, ...]:
        """File names of a photo: several if they differ only in suffix, none if there is no such photo."""
        return tuple(self._files.get(image_id, ()))

    def find(self, text: str) -> list[str]:
        """Find the photos that a name may mean.

        In this order, until something fits: the image_id itself; a path with suffix, ``./``, backslashes or the folder
        itself; the same in another case; a path or URL of which one is the end of the other; the number without
        zeros that a spreadsheet makes of an image_id of digits.

        Returns
        -------
        list of str
            One image_id; none if no photo fits; several if more than one fits.
        """
        name = normal(text)
        if name in self._files:
            return [name]
        path = self._relative(name)
        if path is None:
            return []
        whole = [known for known in dict.fromkeys((path, without_suffix(path))) if known in self._files]
        if whole:
            return whole[:1]
        parts = without_suffix(path).casefold().split("/")
        similar = [(known, own) for known, own in self._by_last_part.get(parts[-1], ()) if _is_end(own, parts)]
        same = [known for known, own in similar if own == parts]
        if same or similar:
            return same or [known for known, _ in similar]
        number = _NUMBER.fullmatch(path.split("/")[-1])
        if not number:
            return []
        numbered = self._by_number.get(int(number.group(1)), ())
        return [known for known, own in numbered if _is_end(own[:-1], parts[:-1])]

    def nearest(self, text: str) -> list[str]:
        """The image_ids that are most similar to a name, at most three."""
        return get_close_matches(without_suffix(normal(text)), list(self._files), 3)

    def _relative(self, name):
        """The path below the folder, with "/" between its parts; None if it may lead out of it."""
        if _URL.match(name):
            path = unquote(urlsplit(name).path)
        else:
            path = os.path.expanduser(name.strip().replace("\\", "/"))
            for folder in {os.path.abspath(self.folder), os.path.realpath(self.folder)}:
                path = path.removeprefix(f"{folder}/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        return None if ".." in parts or not parts else "/".join(parts)


def without_suffix(file_name: str) -> str:
    """A file name without the suffix of a photo, if it has one."""
    stem, suffix = os.path.splitext(file_name)
    return stem if suffix.lower() in _FILE_SUFFIXES else file_name


def _is_end(parts, others):
    """Whether one path is the end of the other."""
    shared = min(len(parts), len(others))
    return shared == 0 or parts[-shared:] == others[-shared:]
