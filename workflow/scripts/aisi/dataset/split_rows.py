"""What each split of a folder of photos consists of, so that a change of one split does not count for another.

The Snakefile reads it before any job, so pandas and torch are not imported here.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from aisi.dataset.entries import read_keywords
from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.voc import read_split_list


@dataclass(frozen=True)
class SplitRows:
    """The photos of each split.

    Attributes
    ----------
    photos : dict
        Split to (image_id, keywords, files below the folder of photos) of its photos, by ascending image_id. Without
        keywords in VOC's layout.
    names : tuple of str
        Keywords of all splits, sorted; empty in VOC's layout.
    problems : tuple of str
        What is wrong with rows of any split. In VOC's layout only the photos that are in two lists.
    """

    photos: Mapping[str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]]
    names: tuple[str, ...]
    problems: tuple[str, ...]


def splits_of_table(root: str | Path, table_path: str | Path, splits: Sequence[str]) -> SplitRows:
    """Read the splits that a table of keywords gives to the photos of a folder.

    Parameters
    ----------
    root : str or Path
        Folder of photos.
    table_path : str or Path
        Table image_id,split,keywords; no column ``split`` is needed if there is one split.
    splits : sequence of str
        Those that are used.

    Raises
    ------
    OSError, ValueError
        If the table cannot be read.
    """
    photos = PhotoNames.of_folder(root)
    with redirect_stdout(io.StringIO()):  # rule index_images prints it
        entries, problems = read_keywords(table_path, photos, splits[0] if len(splits) == 1 else None)
    of_split: dict[str, list] = {split: [] for split in splits}
    names = set()
    for image_id, (split, keywords, _) in sorted(entries.items()):
        if split in of_split:
            of_split[split].append((image_id, keywords, photos.files(image_id)))
            names |= set(keywords)
    return SplitRows(of_split, tuple(sorted(names)), tuple(problems))


def splits_of_lists(photo_folder: str | Path, lists: Mapping[str, str | Path]) -> SplitRows:
    """Read the splits that VOC's lists give to the photos of a folder; ``lists``: split to its list.

    Raises
    ------
    OSError, ValueError
        If a list cannot be read.
    """
    photos = PhotoNames.of_folder(photo_folder)
    of_split: dict[str, list] = {}
    for split, path in lists.items():
        with redirect_stdout(io.StringIO()):
            names = [(name, photos.find(name)) for name, _ in read_split_list(path, photos)]
        of_split[split] = sorted(
            (found[0] if found else name, (), photos.files(found[0]) if found else ()) for name, found in names
        )
    listed = [image_id for rows in of_split.values() for image_id, _, _ in rows]
    twice = (image_id for image_id, count in Counter(listed).items() if count > 1)
    return SplitRows(of_split, (), tuple(sorted(twice)))
