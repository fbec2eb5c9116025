"""The index of a dataset: its photos, their keywords and its categories, checked before anything is computed.

Masks are not read here: keywords are the only supervision of a dataset.
"""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from aisi.dataset.names import alike_names, folded, normal, said_where, wrong_name
from aisi.dataset.rows import Row, read_rows, simple_rows
from aisi.formats.dataset import (
    DATASET_ROOT,
    IMAGE_COLUMNS,
    MAX_CATEGORIES,
    REJECTED_COLUMNS,
    SIMPLE_ROOT,
    Categories,
    Roots,
    below_root,
    without_roots,
)
from aisi.formats.masks import voc_palette
from aisi.photos import BadImageError, read_photo
from aisi.planning.dataset_files import SUFFIXES, DatasetError, list_files
from aisi.progress import progress

MAX_HINTS = 20
"""Missing photos for which similar names are looked up, since that takes time in a large folder."""
FEW_PHOTOS = 5
"""A keyword with fewer photos is named in a warning, since little can be learned about it."""
FEW_PHOTOS_PER_KEYWORD = 10
"""A dataset with fewer training photos for each keyword is small: see docs/photos.md."""


@dataclass(frozen=True)
class DatasetIndex:
    """The photos, rejected files and categories that rule index_images finds.

    Attributes
    ----------
    images : dict
        Split to DataFrame with the columns ``IMAGE_COLUMNS`` of :mod:`aisi.formats.dataset`, by ascending image_id;
        keywords by ascending label.
    rejected : DataFrame
        Columns ``REJECTED_COLUMNS``.
    categories : Categories
    """

    images: dict[str, pd.DataFrame]
    rejected: pd.DataFrame
    categories: Categories


def index_dataset(
    layout: str,
    root: str | Path,
    keywords: str | Path | None,
    train: str | Sequence[str],
    val: str | None = None,
    categories: Sequence[str] | None = None,
    on_bad_image: str = "stop",
    threads: int = 1,
    simple_images: str | Path | None = None,
    train_on: str = "main",
    max_megapixels: float | None = None,
    keyword_source: str = "table",
    lists: Mapping[str, str | Path] | None = None,
    opened: Sequence[str] | None = None,
) -> DatasetIndex:
    """Read the rows of a dataset and open each photo of its splits once.

    Parameters
    ----------
    layout : {"demo", "photos", "voc", "coco"}
        ``photos``: a folder and a CSV. ``voc``, ``demo``: a folder with ``JPEGImages`` and ``ImageSets``. ``coco``: a
        folder with ``annotations/instances_{split}.json`` and a folder of photos for each split.
    root : str or Path
    keywords : str, Path or None
        A CSV image_id,split,keywords (``voc`` and ``coco`` need no split). None: the annotations in their root.
    train : str or sequence of str
        Splits of the training photos. A photo without keywords is rejected there, since it cannot train anything.
    val : str, optional
    categories : list of str, optional
        Names in the order of their labels. None: for ``voc`` VOC's 20, for ``coco`` those of the JSON, else the
        keywords that occur, sorted.
    on_bad_image : {"stop", "skip"}
        What happens to a missing or unreadable photo: ``stop`` makes it part of the error, ``skip`` rejects it.
    threads : int
        Number of photos that are decoded at the same time.
    simple_images : str or Path, optional
        Folder with a sub-folder of photos for each keyword. They join the first split of ``train``.
    train_on : {"main", "simple", "both"}
        Photos of the split ``train``: those of the dataset, the simple photos, or both (PAPER table 1b).
    max_megapixels : float, optional
        Largest size of a photo, million pixels. A larger one counts as unreadable. None: any size.
    keyword_source : str
        Where the keywords of the layout ``photos`` are: see :func:`aisi.dataset.rows.read_rows`.
    lists : dict, optional
        Split to its list, where it is not in the root (``voc``).
    opened : sequence of str, optional
        Splits whose photos are opened and returned. Of the others only the rows are checked. None: all.

    Returns
    -------
    DatasetIndex

    Raises
    ------
    DatasetError
        With one line for every wrong row and, with ``stop``, every bad photo; or with the split that is empty.
    """
    train_splits = [train] if isinstance(train, str) else list(train)
    splits = dict.fromkeys(train_splits, "dataset.train") | ({val: "dataset.val"} if val else {})
    rows, problems, category_ids = read_rows(layout, root, keywords, splits, keyword_source, lists)
    if categories is not None:
        category_ids = {normal(name): label for label, name in enumerate(categories, 1)}
    names = list(category_ids) or sorted({name for row in rows for name in row.keywords})
    if train_on != "main" and simple_images is not None:
        simple, more = simple_rows(simple_images, train_splits[0])
        problems += more + _clashes(rows, simple)
        rows = [row for row in rows if row.split not in train_splits or train_on == "both"] + simple
    problems += _category_problems(rows, names) + _keyword_problems(rows, names)
    splits = {split: key for split, key in splits.items() if opened is None or split in opened}
    located, missing, ambiguous = _locate([row for row in rows if row.split in splits])
    untrainable = [(str(path), "no keyword") for row, path in located if _cannot_train(row, train_splits)]
    wanted = [(row, path) for row, path in located if not _cannot_train(row, train_splits)]
    images, unreadable = _inspect(wanted, threads, max_megapixels)
    problems += ambiguous
    if on_bad_image == "stop":
        problems += [reason for _, reason in missing + unreadable]
    if problems:
        raise DatasetError("\n".join(problems))

    labels = {name: label for label, name in enumerate(names, 1)}
    roots = {DATASET_ROOT: root} | ({SIMPLE_ROOT: simple_images} if simple_images is not None else {})
    tables = {split: _table(images, split, labels, roots) for split in splits}
    left_out = missing + unreadable + untrainable
    _check_left(tables, splits, [reason for _, reason in left_out])
    rejected = _rejected(left_out, roots, keywords)
    _print_counts(tables, train_splits, rejected, names)
    return DatasetIndex(tables, rejected, coloured_categories(names, category_ids.values()))


def index_test(
    layout: str,
    root: str | Path,
    keywords: str | Path | None,
    split: str,
    threads: int = 1,
    max_megapixels: float | None = None,
) -> pd.DataFrame:
    """Index a split that is only predicted. Its keywords are not used.

    Parameters
    ----------
    layout, root, keywords, threads, max_megapixels
        As in :func:`index_dataset`.
    split : str

    Returns
    -------
    DataFrame
        Columns ``IMAGE_COLUMNS``, by ascending image_id; keywords are empty.

    Raises
    ------
    DatasetError
        With every wrong row and every bad photo. None may be left out, since a server expects all of them.
    """
    rows, problems, _ = read_rows(layout, root, keywords, {split: "dataset.test"})
    located, missing, ambiguous = _locate([replace(row, keywords=()) for row in rows])
    images, unreadable = _inspect(located, threads, max_megapixels)
    problems += ambiguous + [reason for _, reason in missing + unreadable]
    if problems:
        raise DatasetError("\n".join(problems))
    print(f"{split}: {len(images)} photos")
    return _table(images, split, {}, {DATASET_ROOT: root})


def shard_of(image_id: str, shards: int) -> int:
    """Give the shard 0..shards - 1 of a photo. It is the same in every run and does not depend on other photos."""
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big") % shards


def divide(images: pd.DataFrame, shards: int) -> list[pd.DataFrame]:
    """Divide a split's photos into the tables of its shards. Some may be empty."""
    numbers = pd.Series([shard_of(image_id, shards) for image_id in images["image_id"]], images.index, dtype="int64")
    return [images[numbers == shard] for shard in range(shards)]


def coloured_categories(names: Sequence[str], ids: Iterable[int] = ()) -> Categories:
    """Give these categories VOC's colours. Without ``ids``, the labels are also the dataset's own numbers."""
    labels = range(1, len(names) + 1)
    colours = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in voc_palette()[1 : len(names) + 1])
    return Categories(tuple(names), tuple(ids) or tuple(labels), colours)


# ------------------------------------------------------------------ categories


def _category_problems(rows, names):
    """Problems of the categories' names; the places of keywords help to find them."""
    places: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        for name in row.keywords:
            places.setdefault(name, []).append(row.where)
    problems = [
        f"category {name!r}{said_where(found)}: {wrong}"
        for name, found in places.items()
        if (wrong := wrong_name(name))
    ]
    problems += alike_names({name: places[name] for name in names})
    if len(names) > MAX_CATEGORIES:
        problems.append(
            f"{len(names)} categories, expected at most {MAX_CATEGORIES}: a palette PNG holds no more. "
            "Check that equal keywords are spelled the same way, or leave some out."
        )
    return problems


def _keyword_problems(rows, names):
    """Keywords that are none of the categories, each once in every row."""
    known, problems = set(names), dict[tuple[str, str], str]()
    meant = {folded(name): name for name in names}
    for row in rows:
        for name in set(row.keywords) - known:
            if wrong_name(name):
                continue
            hint = f" Did you mean {meant[folded(name)]!r}?" if folded(name) in meant else ""
            problems.setdefault(
                (row.where, name),
                f"{row.where}: keyword {name!r} of {row.image_id!r} is not among the categories. Correct or add it."
                + hint,
            )
    return [*problems.values(), *([f"The categories are: {', '.join(names)}"] if problems else [])]


def _clashes(rows, simple):
    """Problems: simple photos that have the image_id of a photo of the dataset."""
    taken = {row.image_id: row for row in rows}
    return [
        f"{row.where}: {row.image_id!r} is also in {taken[row.image_id].where}. Rename one."
        for row in simple
        if row.image_id in taken
    ]


# ------------------------------------------------------------------ photos


def _cannot_train(row, train_splits):
    return row.split in train_splits and not row.keywords


def _locate(rows):
    """Pairs (row, path) of photos, pairs (path, reason) of missing ones, and problems of ambiguous ones."""
    located: list[tuple[Row, Path]] = []
    missing: list[tuple[str, str]] = []
    problems: list[str] = []
    for row in rows:
        folder, names = row.photos.folder, row.photos.files(row.stem)
        if len(names) == 1:
            located.append((row, folder / names[0]))
        elif names:
            problems.append(
                f"{row.where}: {row.image_id!r} is {' and '.join(names)} below {folder}. Rename one: files whose names "
                "differ only in suffix would have the same image_id."
            )
        else:
            near = row.photos.nearest(row.stem) if len(missing) < MAX_HINTS else []
            hint = f" The nearest names are {', '.join(map(repr, near))}." if near else ""
            reason = (
                f"{row.where}: no photo {row.image_id!r} ({', '.join(SUFFIXES)}) below {folder}. Add it, or correct "
                f"the name.{hint}"
            )
            missing.append((str(folder / row.stem), reason))
    return located, missing, problems


def _inspect(located, threads, max_megapixels):
    """Rows with path, width, height and sha256; and pairs (path, reason) of photos that cannot be read."""
    images, unreadable = [], []
    notes: dict[str, list[Path]] = {}

    def inspect(path):
        return _inspect_photo(path, max_megapixels, notes)

    with ThreadPoolExecutor(threads) as executor:
        inspected = executor.map(inspect, [path for _, path in located])
        for (row, path), found in zip(progress(located, desc="photos"), inspected, strict=True):
            if isinstance(found, BadImageError):
                unreadable.append((str(path), str(found)))
            else:
                images.append((row, str(path), *found))
    for note, paths in sorted(notes.items()):
        print(f"{len(paths)} photos: {note}, such as {min(paths)}.")
    return images, unreadable


def _inspect_photo(path, max_megapixels, notes):
    own: list[str] = []
    try:
        height, width, _ = read_photo(path, max_megapixels, own).shape
    except BadImageError as error:
        return error
    for note in own:
        notes.setdefault(note, []).append(path)
    with open(path, "rb") as file:
        return width, height, hashlib.file_digest(file, "sha256").hexdigest()


def _table(images, split, labels, roots):
    rows = [
        (
            row.image_id,
            below_root(path, roots),
            width,
            height,
            tuple(sorted(row.keywords, key=labels.__getitem__)),
            digest,
        )
        for row, path, width, height, digest in sorted(images, key=lambda image: image[0].image_id)
        if row.split == split
    ]
    return pd.DataFrame(rows, columns=IMAGE_COLUMNS)


def _rejected(left_out, roots: Roots, keywords):
    """Table of the pairs (path, reason), without folders of this machine."""
    named = {**roots, "dataset.keywords": keywords} if keywords is not None else roots
    rows = [(below_root(path, roots), without_roots(reason, named)) for path, reason in left_out]
    return pd.DataFrame(sorted(rows), columns=REJECTED_COLUMNS)


def _check_left(images, splits, reasons):
    found = "; ".join(f"{count} rejected: {reason}" for reason, count in Counter(reasons).most_common(3)) or "no rows"
    problems = [
        f"{key}: no photo of split {split!r} is left ({found}). Correct the dataset or the key."
        for split, key in splits.items()
        if images[split].empty
    ]
    if problems:
        raise DatasetError("\n".join(problems))


def unlisted_photos(
    root: str | Path, keywords: str | Path | None, splits: dict[str, str], keyword_source: str = "table"
) -> pd.DataFrame:
    """Find the photos in a folder of the layout ``photos`` that no row of a used split names.

    Parameters
    ----------
    root, keywords, keyword_source
        As in :func:`index_dataset`.
    splits : dict
        Split to config key.

    Returns
    -------
    DataFrame
        Columns ``REJECTED_COLUMNS``.
    """
    with redirect_stdout(io.StringIO()):  # rule index_images has printed it
        rows, _, _ = read_rows("photos", root, keywords, splits, keyword_source)
    listed = {row.stem for row in rows}
    left_out = [
        (str(Path(root, name)), f"no row of a used split in {keywords}")
        for name, _ in list_files(root)
        if normal(os.path.splitext(name)[0]) not in listed
    ]
    return _rejected(left_out, {DATASET_ROOT: root}, keywords)


def _print_counts(images, train_splits, rejected, names):
    for split, table in images.items():
        print(f"{split}: {len(table)} photos")
    print(f"{len(rejected)} rejected (results/rejected_images.csv), {len(names)} categories")
    train_splits = [split for split in train_splits if split in images]
    if not train_splits:
        return
    train = [keywords for split in train_splits for keywords in images[split]["keywords"]]
    counts = Counter(name for keywords in train for name in keywords)
    print(keyword_table({name: counts[name] for name in names}))
    unused = [name for name in names if not counts[name]]
    if unused:
        print(f"Warning: no training photo has the keyword {', '.join(unused)}. It cannot be learned.")
    few = [name for name in names if 0 < counts[name] < FEW_PHOTOS]
    if few:
        print(f"Warning: fewer than {FEW_PHOTOS} training photos have the keyword {', '.join(few)}. Add photos.")
    if len(train) < FEW_PHOTOS_PER_KEYWORD * len(names):
        print(
            f"Warning: {len(train)} training photos for {len(names)} keywords are few, and many masks will be wrong. "
            f"Better have {FEW_PHOTOS_PER_KEYWORD} photos or more for each keyword."
        )


def keyword_table(counts: dict[str, int]) -> str:
    """Table of keywords and their photos, with a question beside a keyword that may be a misspelled other one.

    Parameters
    ----------
    counts : dict
        Keyword to number of training photos.

    Returns
    -------
    str
        A header, and a line for each keyword in the order of ``counts``.
    """
    width = max(map(len, ["keyword", *counts]))
    lines = [f"{'keyword':{width}}  photos"]
    for name, count in counts.items():
        more = [other for other in counts if (counts[other], other) > (count, name)]  # the rarer one is marked
        near = get_close_matches(name, more, n=1, cutoff=0.8)
        lines.append(f"{name:{width}}  {count:6}" + (f"  did you mean {near[0]!r}?" if near else ""))
    return "\n".join(lines)
