"""What a dataset holds: its photos, their keywords and its categories, checked before anything is computed.

Masks are not looked at here: keywords are the only supervision of a dataset.
"""

import csv
import hashlib
import io
import os
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from aisi.dataset_files import SUFFIXES, DatasetError, list_files, photo_folder, split_list
from aisi.files import inside
from aisi.formats import CATEGORY_COLUMNS, IMAGE_COLUMNS, KEYWORD_SEPARATOR, REJECTED_COLUMNS, voc_palette
from aisi.images import BadImageError, read_photo
from aisi.progress import progress

VOC_CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
MAX_CATEGORIES = 254
"""What a palette PNG holds beside background (0) and ignore (255)."""
RESERVED = ("all", "background", "noisy")
"""Words that mean something else where the name of a category stands."""


@dataclass(frozen=True)
class Row:
    """One photo as the dataset names it.

    Attributes
    ----------
    image_id : str
        Path below the folder of photos, without suffix.
    split : str
    keywords : tuple of str
    where : str
        File and line, for messages.
    """

    image_id: str
    split: str
    keywords: tuple
    where: str


@dataclass(frozen=True)
class DatasetIndex:
    """What rule index_images finds.

    Attributes
    ----------
    images : dict
        Split to DataFrame with columns ``formats.IMAGE_COLUMNS``, by ascending image_id; keywords by ascending label.
    rejected : DataFrame
        Columns ``formats.REJECTED_COLUMNS``.
    categories : DataFrame
        Columns ``formats.CATEGORY_COLUMNS``.
    """

    images: dict
    rejected: pd.DataFrame
    categories: pd.DataFrame


def index_dataset(layout, root, keywords, train, val=None, categories=None, on_bad_image="stop", threads=1):
    """Read a dataset's rows and open each of its photos once.

    Parameters
    ----------
    layout : {"demo", "photos", "voc"}
        ``photos``: a folder and a CSV. ``voc``, ``demo``: a folder with ``JPEGImages`` and ``ImageSets``.
    root : str or Path
    keywords : str, Path or None
        CSV image_id,split,keywords (``voc`` needs no split); None: ``Annotations/*.xml`` of a ``voc`` root.
    train : str
        Split in which a photo without keywords is rejected, since it cannot train anything.
    val : str, optional
    categories : list of str, optional
        Names in the order of their labels. Without it VOC's 20 for ``voc``, else the keywords that occur, sorted.
    on_bad_image : {"stop", "skip"}
        What a missing or unreadable picture does: it is one of the problems of the error, or it is rejected.
    threads : int
        Pictures that are decoded at a time.

    Returns
    -------
    DatasetIndex

    Raises
    ------
    DatasetError
        With every wrong row and, with ``stop``, every bad picture, one a line; or with the split that is empty.
    """
    splits = {"dataset.train": train} | ({"dataset.val": val} if val else {})
    rows, problems = _photos_rows(keywords, splits) if layout == "photos" else _voc_rows(root, keywords, splits)
    names = _category_names(layout, categories, rows)
    problems += _category_problems(names) + _keyword_problems(rows, names)
    located, missing, ambiguous = _locate(rows, photo_folder(layout, root))
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
    return DatasetIndex(images, rejected, category_table(names))


def shard_of(image_id, shards):
    """Shard 0..shards - 1 of a photo: the same in every run and whatever other photos there are."""
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big") % shards


def divide(images, shards):
    """Divide a split's photos into the tables of its shards, some perhaps empty."""
    numbers = pd.Series([shard_of(image_id, shards) for image_id in images["image_id"]], images.index, dtype="int64")
    return [images[numbers == shard] for shard in range(shards)]


def category_table(names):
    """Labels 1..C in the order of the names, with VOC's colours; columns ``formats.CATEGORY_COLUMNS``."""
    labels = range(1, len(names) + 1)
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in voc_palette()[1 : len(names) + 1]]
    return pd.DataFrame(dict(zip(CATEGORY_COLUMNS, (labels, labels, names, colours), strict=True)))


# ------------------------------------------------------------------ the rows of a dataset


def _photos_rows(path, splits):
    entries, problems = _read_keywords(path, ("image_id", "split", "keywords"))
    rows = [Row(image_id, split, names, where) for image_id, (split, names, where) in entries.items()]
    found = Counter(row.split for row in rows)
    for key, split in splits.items():
        if not found[split]:
            others = ", ".join(f"{name!r} ({count} rows)" for name, count in sorted(found.items())) or "no rows"
            problems.append(
                f"{path}: no photo of split {split!r} ({key}), found {others}. Correct the CSV or the key"
                + (", or set it to null." if key == "dataset.val" else ".")
            )
    others = {split: count for split, count in sorted(found.items()) if split not in splits.values()}
    if others:
        print(f"{path}: rows of other splits are not used: {others}")
    return [row for row in rows if row.split in splits.values()], problems


def _voc_rows(root, keywords, splits):
    entries, problems = [], []
    for key, split in splits.items():
        path = split_list(root, split)
        lines = [(number, line.strip()) for number, line in enumerate(io.StringIO(_read_text(path), newline=None), 1)]
        entries += [(line, f"{path}, line {number}", split) for number, line in lines if line]
        if not any(line for _, line in lines):
            problems.append(f"{path}: the list of {key} is empty, expected an image_id a line.")
    listed, more = _by_id(entries)
    problems += more
    if keywords is None:
        known, more = _read_annotations(Path(root, "Annotations"), listed)
    else:
        known, more = _read_keywords(keywords, ("image_id", "keywords"))
    problems += more
    rows = []
    for image_id, (where, split) in listed.items():
        if image_id not in known and split == splits["dataset.train"]:
            source = keywords or Path(root, "Annotations", f"{image_id}.xml")
            problems.append(f"{where}: nothing tells the keywords of {image_id!r}, expected it in {source}. Add it.")
        _, names, told = known.get(image_id, (None, (), where))
        rows.append(Row(image_id, split, names, told))
    return rows, problems


def _read_keywords(path, columns):
    """Rows of a CSV as image_id to (split or None, keywords, where), and its problems."""
    entries, problems = [], []
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in columns if header.count(name) != 1]
        if missing:
            raise DatasetError(
                f"{path}: found columns {header}, expected {', '.join(columns)}, each once and separated by commas: "
                f"{', '.join(missing)} wanting. Correct the first line."
            )
        for values in reader:
            where = f"{path}, line {reader.line_num}"
            if len(values) != len(header) and any(values):
                problems.append(
                    f"{where}: found {len(values)} values, expected {len(header)}: {','.join(header)}. "
                    f"Keywords are separated by {KEYWORD_SEPARATOR!r}; quote a value that holds a comma."
                )
            elif any(values):
                fields = dict(zip(header, values, strict=True))
                value = fields.get("split", "").strip(), _keywords(fields["keywords"].split(KEYWORD_SEPARATOR)), where
                entries.append((fields["image_id"], where, value))
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: not a CSV ({error}). Correct the quotes.") from error
    found, more = _by_id(entries)
    return {image_id: value for image_id, (_, value) in found.items()}, problems + more


def _read_annotations(folder, image_ids):
    """Keywords from VOC's XML files: the names of a photo's objects. As :func:`_read_keywords`."""
    found, problems = {}, []
    for image_id in image_ids:
        path = inside(folder, f"{image_id}.xml")
        try:
            names = [name.text or "" for name in ElementTree.parse(path).findall("object/name")]
        except FileNotFoundError:
            continue
        except (ElementTree.ParseError, OSError, ValueError) as error:
            problems.append(f"{path}: cannot be read as XML ({error}). Replace it, or name a CSV in dataset.keywords.")
            continue
        found[image_id] = None, _keywords(names), str(path)
    return found, problems


def _read_text(path):
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 ({error}). Save it with encoding UTF-8.") from error


def _by_id(entries):
    """Entries (image_id, where, value) as image_id to (where, value), and what is wrong with their ids."""
    found, problems = {}, []
    for image_id, where, value in entries:
        image_id = _normal(image_id)
        wrong = _wrong_id(image_id)
        if wrong:
            problems.append(f"{where}: {wrong}")
        elif image_id in found:
            problems.append(f"{where}: {image_id!r} is also in {found[image_id][0]}. Name each photo once.")
        else:
            found[image_id] = where, value
    return found, problems


def _wrong_id(image_id):
    if not image_id.strip():
        return "no image_id. Fill it in or delete the row."
    if any(unicodedata.category(letter) == "Cc" for letter in image_id):
        return f"image_id {image_id!r} holds a control character. Rename the photo."
    try:
        inside("photos", image_id)
    except ValueError as error:
        return f"image_id {error}"
    return None


def _keywords(names):
    return tuple(dict.fromkeys(_normal(name.strip()) for name in names if name.strip()))


def _normal(text):
    """One spelling of accented letters: file systems and spreadsheets differ in theirs."""
    return unicodedata.normalize("NFC", text)


# ------------------------------------------------------------------ categories


def _category_names(layout, categories, rows):
    if categories is not None:
        return [_normal(name) for name in categories]
    return list(VOC_CATEGORIES) if layout == "voc" else sorted({name for row in rows for name in row.keywords})


def _category_problems(names):
    reserved = [name for name in names if name in RESERVED]
    problems = [f"category {name!r}: the word has another meaning here. Rename it." for name in reserved]
    if len(names) > MAX_CATEGORIES:
        problems.append(
            f"{len(names)} categories, expected at most {MAX_CATEGORIES}, which is what a palette PNG holds. "
            "Check that keywords are spelled alike, or leave some out."
        )
    return problems


def _keyword_problems(rows, names):
    known = set(names)
    unknown = [(row, name) for row in rows for name in row.keywords if name not in known]
    problems = [
        f"{row.where}: keyword {name!r} of {row.image_id!r} is not in dataset.categories. Correct it or add it there."
        for row, name in unknown
    ]
    return problems + ([f"dataset.categories has: {', '.join(names)}"] if problems else [])


# ------------------------------------------------------------------ photos


def _useless(row, train):
    return row.split == train and not row.keywords


def _locate(rows, folder):
    """Pairs (row, path), and pairs (path, reason) of photos that are missing, and problems of ambiguous ones."""
    files = {}
    for name, _ in list_files(folder):
        files.setdefault(_normal(os.path.splitext(name)[0]), []).append(name)
    located, missing, problems = [], [], []
    for row in rows:
        names = files.get(row.image_id, [])
        if len(names) == 1:
            located.append((row, folder / names[0]))
        elif names:
            problems.append(
                f"{row.where}: {row.image_id!r} is {' and '.join(names)} below {folder}. Rename one: files that "
                "differ only in suffix cannot be told apart."
            )
        else:
            stem = os.path.splitext(row.image_id)[0]
            hint = f" Did you mean {stem!r}? An image_id has no suffix." if stem in files else ""
            reason = f"{row.where}: no photo {row.image_id!r} ({', '.join(SUFFIXES)}) below {folder}. Add it.{hint}"
            missing.append((str(folder / row.image_id), reason))
    return located, missing, problems


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
