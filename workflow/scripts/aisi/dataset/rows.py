"""The rows of each layout: which photos a dataset names, and which keywords they have.

Masks are not read: of an annotation in COCO's JSON, only its image and its category are read.
"""

import csv
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from aisi.dataset.coco import photo_keywords, photo_name
from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.files import inside
from aisi.formats.dataset import KEYWORD_SEPARATOR
from aisi.planning.dataset_files import DatasetError, annotation_file, list_files, photo_folder, split_list


@dataclass(frozen=True)
class Row:
    """One photo as the dataset names it.

    Attributes
    ----------
    image_id : str
        Unique in the dataset.
    split : str
    keywords : tuple of str
    where : str
        File and line, for messages.
    folder : Path
        Folder that holds the photo.
    stem : str
        Path below ``folder``, without suffix. It is the image_id, except for simple photos.
    """

    image_id: str
    split: str
    keywords: tuple[str, ...]
    where: str
    folder: Path
    stem: str


def read_rows(
    layout: str, root: str | Path, keywords: str | Path | None, splits: dict[str, str]
) -> tuple[list[Row], list[str], dict[str, int]]:
    """Read the photos and keywords that a dataset names.

    Parameters
    ----------
    layout : {"demo", "photos", "voc", "coco"}
    root : str or Path
    keywords : str, Path or None
        A CSV. None: the annotations in the root of a ``voc`` or ``coco`` dataset.
    splits : dict
        Config key to split. Every photo of ``dataset.train`` must have an entry that gives its keywords.

    Returns
    -------
    rows : list of Row
    problems : list of str
    category_ids : dict
        Name to the dataset's own number, in the order of the labels. Empty if the categories are the keywords that
        occur.
    """
    match layout:
        case "photos":
            return _photos_rows(root, keywords, splits)
        case "coco":
            return _coco_rows(root, keywords, splits)
        case "voc":
            return *_voc_rows("voc", root, keywords, splits), {name: i for i, name in enumerate(VOC_CATEGORIES, 1)}
        case "demo":
            return *_voc_rows("demo", root, keywords, splits), {}
    raise ValueError(f"Found layout {layout!r}, expected demo, photos, voc or coco.")


def simple_rows(simple_folder: str | Path, split: str) -> tuple[list[Row], list[str]]:
    """Read simple photos, a sub-folder for each keyword (PAPER §5.1): their rows and problems.

    The image_id is ``simple_images/{keyword}/{path in the sub-folder}``.
    """
    folders = sorted(entry.name for entry in Path(simple_folder).iterdir() if entry.is_dir())
    photos: dict[str, list[str]] = {keyword: [] for keyword in folders}
    problems = []
    for name, _ in list_files(simple_folder):
        keyword, _, below = name.partition("/")
        if below:
            photos[keyword].append(photo_name(below))
        else:
            problems.append(f"{simple_folder}: {name} is in no keyword's folder. Move it into one, or delete it.")
    entries = []
    for keyword, stems in photos.items():
        folder = Path(simple_folder, keyword)
        if not stems:
            problems.append(f"{folder}: no photo. Add photos of {keyword!r}, or delete the folder.")
        for stem in dict.fromkeys(stems):
            image_id = normal(f"simple_images/{keyword}/{stem}")
            row = Row(image_id, split, _keywords([keyword]), str(folder), folder, stem)
            entries.append((image_id, str(folder), row))
    found, more = _by_id(entries)
    return [row for _, row in found.values()], problems + more


def _photos_rows(root, path, splits):
    entries, problems = _read_keywords(path, ("image_id", "split", "keywords"))
    folder = photo_folder("photos", root)
    rows = [Row(name, split, names, where, folder, name) for name, (split, names, where) in entries.items()]
    found = Counter(row.split for row in rows)
    for key, split in splits.items():
        if not found[split]:
            listed = ", ".join(f"{name!r} ({count} rows)" for name, count in sorted(found.items())) or "no rows"
            problems.append(
                f"{path}: no photo of split {split!r} ({key}), found {listed}. Correct the CSV or the key"
                + (", or set it to null." if key == "dataset.val" else ".")
            )
    others = {split: count for split, count in sorted(found.items()) if split not in splits.values()}
    if others:
        print(f"{path}: rows of other splits are not used: {others}")
    return [row for row in rows if row.split in splits.values()], problems, {}


def _voc_rows(layout, root, keywords, splits):
    entries, problems = [], []
    for key, split in splits.items():
        path = split_list(root, split)
        lines = [(number, line.strip()) for number, line in enumerate(io.StringIO(_read_text(path), newline=None), 1)]
        entries += [(line, f"{path}, line {number}", split) for number, line in lines if line]
        if not any(line for _, line in lines):
            problems.append(f"{path}: the list of {key} is empty, expected one image_id in each line.")
    listed, more = _by_id(entries)
    problems += more
    if keywords is None:
        known, more = _read_annotations(Path(root, "Annotations"), listed)
    else:
        known, more = _read_keywords(keywords, ("image_id", "keywords"))
    rows, unknown = _join(layout, root, splits, listed, known, keywords or Path(root, "Annotations"))
    return rows, problems + more + unknown


def _coco_rows(root, keywords, splits):
    entries, known, problems = [], {}, []
    category_ids: dict[str, int] | None = None
    for key, split in splits.items():
        path = annotation_file(root, split)
        photos, names, more = photo_keywords(path)
        problems += more
        if not photos:
            problems.append(f"{path}: no photo of {key}, expected some in the list 'images'. Add them.")
        if category_ids not in (None, names):
            problems.append(f"{path}: its categories are not those of the other split. Give both files the same list.")
        category_ids = names if category_ids is None else category_ids
        for image_id, where, own in photos:
            entries.append((image_id, where, split))
            known[image_id] = None, _keywords(own), where
    listed, more = _by_id(entries)
    problems += more
    if keywords is not None:
        known, more = _read_keywords(keywords, ("image_id", "keywords"))
        problems += more
    rows, unknown = _join("coco", root, splits, listed, known, keywords)
    return rows, problems + unknown, category_ids or {}


def _join(layout, root, splits, listed, known, source):
    """Rows of the listed photos with their keywords, and problems."""
    rows, problems = [], []
    for image_id, (where, split) in listed.items():
        if image_id not in known and split == splits.get("dataset.train"):
            problems.append(f"{where}: no keywords for {image_id!r}, expected them in {source}. Add them.")
        _, names, place = known.get(image_id, (None, (), where))
        rows.append(Row(image_id, split, names, place, photo_folder(layout, root, split), image_id))
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
                f"{path}: found columns {header}, expected {', '.join(columns)}, each once and separated by commas. "
                f"Missing: {', '.join(missing)}. Correct the header."
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
    """Keywords from VOC's XML files: the names of a photo's objects. Returns what :func:`_read_keywords` returns."""
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
        raise DatasetError(f"{path}: not UTF-8 ({error}). Save it with the encoding UTF-8.") from error


def _by_id(entries):
    """Entries (image_id, where, value) as image_id to (where, value), and problems of their ids."""
    found: dict[str, tuple[str, Any]] = {}
    problems = []
    for image_id, where, value in entries:
        image_id = normal(image_id)
        wrong = _wrong_id(image_id)
        if wrong:
            problems.append(f"{where}: {wrong}")
        elif image_id in found:
            problems.append(f"{where}: {image_id!r} is also in {found[image_id][0]}. List each photo once.")
        else:
            found[image_id] = where, value
    return found, problems


def _wrong_id(image_id):
    if not image_id.strip():
        return "no image_id. Add it or delete the row."
    if any(unicodedata.category(letter) == "Cc" for letter in image_id):
        return f"image_id {image_id!r} holds a control character. Rename the photo."
    try:
        inside("photos", image_id)
    except ValueError as error:
        return f"image_id {error}"
    return None


def _keywords(names):
    return tuple(dict.fromkeys(normal(name.strip()) for name in names if name.strip()))


def normal(text: str) -> str:
    """Give accented letters one encoding (NFC), since file systems and spreadsheets use different ones."""
    return unicodedata.normalize("NFC", text)
