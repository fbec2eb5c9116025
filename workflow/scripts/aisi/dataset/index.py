"""What a dataset holds: its photos, their keywords and its categories, checked before anything is computed.

Masks are not looked at here: keywords are the only supervision of a dataset.
"""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pandas as pd

from aisi.dataset.rows import normal, read_rows, simple_rows
from aisi.formats.dataset import IMAGE_COLUMNS, KEYWORD_SEPARATOR, MAX_CATEGORIES, REJECTED_COLUMNS, Categories
from aisi.formats.masks import voc_palette
from aisi.labels import RESERVED_NAMES
from aisi.photos import BadImageError, read_photo
from aisi.planning.dataset_files import SUFFIXES, DatasetError, list_files
from aisi.progress import progress


@dataclass(frozen=True)
class DatasetIndex:
    """What rule index_images finds.

    Attributes
    ----------
    images : dict
        Split to DataFrame with columns ``formats.IMAGE_COLUMNS``, by ascending image_id; keywords by ascending label.
    rejected : DataFrame
        Columns ``formats.REJECTED_COLUMNS``.
    categories : Categories
    """

    images: dict
    rejected: pd.DataFrame
    categories: Categories


def index_dataset(
    layout,
    root,
    keywords,
    train,
    val=None,
    categories=None,
    on_bad_image="stop",
    threads=1,
    simple_images=None,
    train_on="main",
):
    """Read a dataset's rows and open each of its photos once.

    Parameters
    ----------
    layout : {"demo", "photos", "voc", "coco"}
        ``photos``: a folder and a CSV. ``voc``, ``demo``: a folder with ``JPEGImages`` and ``ImageSets``. ``coco``: a
        folder with ``annotations/instances_{split}.json`` and a folder of photos for each split.
    root : str or Path
    keywords : str, Path or None
        CSV image_id,split,keywords (``voc`` and ``coco`` need no split); None: the annotations of their root.
    train : str
        Split in which a photo without keywords is rejected, since it cannot train anything.
    val : str, optional
    categories : list of str, optional
        Names in the order of their labels. Without it VOC's 20 for ``voc``, the JSON's for ``coco``, else
        the keywords that occur, sorted.
    on_bad_image : {"stop", "skip"}
        What a missing or unreadable picture does: it is one of the problems of the error, or it is rejected.
    threads : int
        Pictures that are decoded at a time.
    simple_images : str or Path, optional
        Folder with a sub-folder of pictures for each keyword.
    train_on : {"main", "simple", "both"}
        What the split ``train`` holds: the dataset's photos, the simple images, or both (PAPER table 1b).

    Returns
    -------
    DatasetIndex

    Raises
    ------
    DatasetError
        With every wrong row and, with ``stop``, every bad picture, one a line; or with the split that is empty.
    """
    splits = {"dataset.train": train} | ({"dataset.val": val} if val else {})
    rows, problems, category_ids = read_rows(layout, root, keywords, splits)
    if categories is not None:
        category_ids = {normal(name): label for label, name in enumerate(categories, 1)}
    names = list(category_ids) or sorted({name for row in rows for name in row.keywords})
    if train_on != "main":
        simple, more = simple_rows(simple_images, train)
        problems += more + _clashes(rows, simple)
        rows = [row for row in rows if row.split != train or train_on == "both"] + simple
    problems += _category_problems(names) + _keyword_problems(rows, names)
    located, missing, ambiguous = _locate(rows)
    useless = [(str(path), "no keyword") for row, path in located if _useless(row, train)]
    images, unreadable = _inspect([(row, path) for row, path in located if not _useless(row, train)], threads)
    problems += ambiguous
    if on_bad_image == "stop":
        problems += [reason for _, reason in missing + unreadable]
    if problems:
        raise DatasetError("\n".join(problems))

    labels = {name: label for label, name in enumerate(names, 1)}
    images = {split: _table(images, split, labels) for split in splits.values()}
    rejected = pd.DataFrame(sorted(missing + unreadable + useless), columns=REJECTED_COLUMNS)
    _check_left(images, splits, rejected)
    _tell(images, rejected, names)
    return DatasetIndex(images, rejected, coloured_categories(names, category_ids.values()))


def index_test(layout, root, keywords, split, threads=1):
    """Photos of a split that is only predicted, whatever their keywords.

    Parameters
    ----------
    layout, root, keywords, threads
        As in :func:`index_dataset`.
    split : str

    Returns
    -------
    DataFrame
        Columns ``formats.IMAGE_COLUMNS``, by ascending image_id; keywords are empty.

    Raises
    ------
    DatasetError
        With every wrong row and every bad picture: a server wants them all, so that none is left out.
    """
    rows, problems, _ = read_rows(layout, root, keywords, {"dataset.test": split})
    located, missing, ambiguous = _locate([replace(row, keywords=()) for row in rows])
    images, unreadable = _inspect(located, threads)
    problems += ambiguous + [reason for _, reason in missing + unreadable]
    if problems:
        raise DatasetError("\n".join(problems))
    print(f"{split}: {len(images)} photos")
    return _table(images, split, {})


def shard_of(image_id, shards):
    """Shard 0..shards - 1 of a photo: the same in every run and whatever other photos there are."""
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big") % shards


def divide(images, shards):
    """Divide a split's photos into the tables of its shards, some perhaps empty."""
    numbers = pd.Series([shard_of(image_id, shards) for image_id in images["image_id"]], images.index, dtype="int64")
    return [images[numbers == shard] for shard in range(shards)]


def coloured_categories(names, ids=()):
    """Categories of these names, with VOC's colours; without ``ids``, the labels are the dataset's own numbers too."""
    labels = range(1, len(names) + 1)
    colours = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in voc_palette()[1 : len(names) + 1])
    return Categories(tuple(names), tuple(ids) or tuple(labels), colours)


# ------------------------------------------------------------------ categories


def _category_problems(names):
    reserved = [name for name in names if name in RESERVED_NAMES]
    problems = [f"category {name!r}: the word has another meaning here. Rename it." for name in reserved]
    broken = [name for name in names if not name or KEYWORD_SEPARATOR in name]
    problems += [
        f"category {name!r}: a name has no {KEYWORD_SEPARATOR!r} and is not empty. Rename it." for name in broken
    ]
    if len(names) > MAX_CATEGORIES:
        problems.append(
            f"{len(names)} categories, expected at most {MAX_CATEGORIES}, which is what a palette PNG holds. "
            "Check that keywords are spelled alike, or leave some out."
        )
    return problems


def _keyword_problems(rows, names):
    known, problems = set(names), {}
    for row in rows:
        for name in set(row.keywords) - known:
            problems.setdefault(
                (row.where, name),
                f"{row.where}: keyword {name!r} of {row.image_id!r} is not among the categories. Correct or add it.",
            )
    return [*problems.values(), *([f"The categories are: {', '.join(names)}"] if problems else [])]


def _clashes(rows, simple):
    """Simple images with the image_id of a photo of the dataset."""
    taken = {row.image_id: row for row in rows}
    return [
        f"{row.where}: {row.image_id!r} is also in {taken[row.image_id].where}. Rename one."
        for row in simple
        if row.image_id in taken
    ]


# ------------------------------------------------------------------ photos


def _useless(row, train):
    return row.split == train and not row.keywords


def _locate(rows):
    """Pairs (row, path), and pairs (path, reason) of photos that are missing, and problems of ambiguous ones."""
    files_of = {folder: _files_by_stem(folder) for folder in {row.folder for row in rows}}
    located, missing, problems = [], [], []
    for row in rows:
        files, folder = files_of[row.folder], row.folder
        names = files.get(row.stem, [])
        if len(names) == 1:
            located.append((row, folder / names[0]))
        elif names:
            problems.append(
                f"{row.where}: {row.image_id!r} is {' and '.join(names)} below {folder}. Rename one: files that "
                "differ only in suffix cannot be told apart."
            )
        else:
            stem = os.path.splitext(row.stem)[0]
            hint = f" Did you mean {stem!r}? An image_id has no suffix." if stem in files else ""
            reason = f"{row.where}: no photo {row.image_id!r} ({', '.join(SUFFIXES)}) below {folder}. Add it.{hint}"
            missing.append((str(folder / row.stem), reason))
    return located, missing, problems


def _files_by_stem(folder):
    files = {}
    for name, _ in list_files(folder):
        files.setdefault(normal(os.path.splitext(name)[0]), []).append(name)
    return files


def _inspect(located, threads):
    """Rows with path, width, height and sha256; and pairs (path, reason) of pictures that cannot be read."""
    images, unreadable = [], []
    with ThreadPoolExecutor(threads) as executor:
        looks = executor.map(_look, [path for _, path in located])
        for (row, path), look in zip(progress(located, desc="photos"), looks, strict=True):
            if isinstance(look, BadImageError):
                unreadable.append((str(path), str(look)))
            else:
                images.append((row, str(path), *look))
    return images, unreadable


def _look(path):
    try:
        height, width, _ = read_photo(path).shape
    except BadImageError as error:
        return error
    with open(path, "rb") as file:
        return width, height, hashlib.file_digest(file, "sha256").hexdigest()


def _table(images, split, labels):
    rows = [
        (row.image_id, path, width, height, tuple(sorted(row.keywords, key=labels.__getitem__)), digest)
        for row, path, width, height, digest in sorted(images, key=lambda image: image[0].image_id)
        if row.split == split
    ]
    return pd.DataFrame(rows, columns=IMAGE_COLUMNS)


def _check_left(images, splits, rejected):
    reasons = Counter(rejected["reason"]).most_common(3)
    found = "; ".join(f"{count} rejected: {reason}" for reason, count in reasons) or "no rows"
    problems = [
        f"{key}: no photo of split {split!r} is left ({found}). Correct the dataset or the key."
        for key, split in splits.items()
        if images[split].empty
    ]
    if problems:
        raise DatasetError("\n".join(problems))


def _tell(images, rejected, names):
    for split, table in images.items():
        print(f"{split}: {len(table)} photos")
    print(f"{len(rejected)} rejected, {len(names)} categories")
    used = {name for table in list(images.values())[:1] for keywords in table["keywords"] for name in keywords}
    unused = [name for name in names if name not in used]
    if unused:
        print(f"Warning: no training photo has the keyword of {', '.join(unused)}: nothing can be learnt of it.")
