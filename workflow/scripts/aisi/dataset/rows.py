"""Each layout's rows: which photos a dataset names, and which keywords they have.

Masks are not looked at: of an annotation in COCO's JSON nothing but its image and category is read.
"""

import csv
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from aisi.dataset.coco import keywords_of_images, photo_name
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
        Folder of photos in which it lies.
    stem : str
        Path below ``folder``, without suffix: the image_id, but for simple pictures.
    """

    image_id: str
    split: str
    keywords: tuple
    where: str
    folder: Path
    stem: str


def read_rows(layout, root, keywords, splits):
    """Read what a dataset names.

    Parameters
    ----------
    layout : {"demo", "photos", "voc", "coco"}
    root : str or Path
    keywords : str, Path or None
        CSV; None: the annotations of a ``voc`` or ``coco`` root.
    splits : dict
        Config key to split. Photos of ``dataset.train`` need something that tells their keywords.

    Returns
    -------
    rows : list of Row
    problems : list of str
    category_ids : dict
        Name to the dataset's own number, in the order of the labels; empty where the categories are what occurs.
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


def simple_rows(folder, split):
    """Rows of simple pictures, a sub-folder for each keyword (PAPER §5.1), and problems.

    The image_id is ``simple_images/{keyword}/{path in the sub-folder}``.
    """
    pictures = {entry.name: [] for entry in sorted(Path(folder).iterdir()) if entry.is_dir()}
    problems = []
    for name, _ in list_files(folder):
        keyword, _, below = name.partition("/")
        if below:
            pictures[keyword].append(photo_name(below))
        else:
            problems.append(f"{folder}: {name} lies in no keyword's folder. Move it into one, or delete it.")
    entries = []
    for keyword, stems in pictures.items():
        home = Path(folder, keyword)
        if not stems:
            problems.append(f"{home}: no picture. Add pictures of {keyword!r}, or delete the folder.")
        for stem in dict.fromkeys(stems):
            image_id = normal(f"simple_images/{keyword}/{stem}")
            entries.append((image_id, str(home), Row(image_id, split, _keywords([keyword]), str(home), home, stem)))
    found, more = _by_id(entries)
    return [row for _, row in found.values()], problems + more


def _photos_rows(root, path, splits):
    entries, problems = _read_keywords(path, ("image_id", "split", "keywords"))
    folder = photo_folder("photos", root)
    rows = [Row(name, split, names, where, folder, name) for name, (split, names, where) in entries.items()]
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
    return [row for row in rows if row.split in splits.values()], problems, {}


def _voc_rows(layout, root, keywords, splits):
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
    rows, untold = _join(layout, root, splits, listed, known, keywords or Path(root, "Annotations"))
    return rows, problems + more + untold


def _coco_rows(root, keywords, splits):
    entries, told, problems, category_ids = [], {}, [], None
    for key, split in splits.items():
        path = annotation_file(root, split)
        images, names, more = keywords_of_images(path)
        problems += more
        if not images:
            problems.append(f"{path}: no image of {key}, expected some in the list 'images'.")
        if category_ids not in (None, names):
            problems.append(f"{path}: not the categories of the other split. Give both files the same list.")
        category_ids = names if category_ids is None else category_ids
        for image_id, where, keywords_of_image in images:
            entries.append((image_id, where, split))
            told[image_id] = None, _keywords(keywords_of_image), where
    listed, more = _by_id(entries)
    problems += more
    if keywords is not None:
        told, more = _read_keywords(keywords, ("image_id", "keywords"))
        problems += more
    rows, untold = _join("coco", root, splits, listed, told, keywords)
    return rows, problems + untold, category_ids


def _join(layout, root, splits, listed, known, source):
    """Rows of the listed photos with the keywords known of them, and problems."""
    rows, problems = [], []
    for image_id, (where, split) in listed.items():
        if image_id not in known and split == splits.get("dataset.train"):
            problems.append(f"{where}: nothing tells the keywords of {image_id!r}, expected it in {source}. Add it.")
        _, names, told = known.get(image_id, (None, (), where))
        rows.append(Row(image_id, split, names, told, photo_folder(layout, root, split), image_id))
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
        image_id = normal(image_id)
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
    return tuple(dict.fromkeys(normal(name.strip()) for name in names if name.strip()))


def normal(text):
    """One spelling of accented letters: file systems and spreadsheets differ in theirs."""
    return unicodedata.normalize("NFC", text)
