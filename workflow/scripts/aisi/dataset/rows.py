"""The rows of each layout: which photos a dataset names, and which keywords they have.

Masks are not read: of an annotation in COCO's JSON, only its photo and its category are read.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aisi.dataset.coco import photo_keywords
from aisi.dataset.entries import identified, read_keywords
from aisi.dataset.keyword_sources import folder_entries, metadata_entries, text_entries, yolo_entries
from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.dataset.names import clean_keywords, folded, normal
from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.voc import read_object_names, read_split_list
from aisi.files import inside
from aisi.planning.dataset_files import annotation_file, is_ignored, list_files, photo_folder, split_list


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
    photos : PhotoNames
        The photos in the folder that holds this one.
    stem : str
        The photo's path in that folder, without suffix. It is the image_id, except for simple photos.
    """

    image_id: str
    split: str
    keywords: tuple[str, ...]
    where: str
    photos: PhotoNames
    stem: str


def read_rows(
    layout: str,
    root: str | Path,
    keywords: str | Path | None,
    splits: dict[str, str],
    source: str = "table",
    lists: Mapping[str, str | Path] | None = None,
) -> tuple[list[Row], list[str], dict[str, int]]:
    """Read the photos and keywords that a dataset names.

    Parameters
    ----------
    layout : {"demo", "photos", "voc", "coco"}
    root : str or Path
    keywords : str, Path or None
        The table, or what ``source`` says. None: the annotations in the root of a ``voc`` or ``coco`` dataset.
    splits : dict
        Split to config key. Every photo of ``dataset.train`` must have an entry that gives its keywords.
    source : {"table", "folders", "texts", "coco", "yolo", "metadata"}
        Where the keywords of the layout ``photos`` are. All but the table have only the split ``dataset.train``.
    lists : dict, optional
        Split to its list, where it is not in the root (``voc``).

    Returns
    -------
    rows : list of Row
    problems : list of str
    category_ids : dict
        Name to the dataset's own number, in the order of the labels. Empty if the categories are the keywords that
        occur.
    """
    match layout:
        case "photos" if source != "table":
            return _source_rows(root, keywords, next(iter(splits)), source)
        case "photos":
            return _photos_rows(root, keywords, splits)
        case "coco":
            return _coco_rows(root, keywords, splits)
        case "voc":
            numbers = {name: number for number, name in enumerate(VOC_CATEGORIES, 1)}
            return *_voc_rows("voc", root, keywords, splits, lists or {}), numbers
        case "demo":
            return *_voc_rows("demo", root, keywords, splits, {}), {}
    raise ValueError(f"Found layout {layout!r}, expected demo, photos, voc or coco.")


def simple_rows(simple_folder: str | Path, split: str) -> tuple[list[Row], list[str]]:
    """Read simple photos, a sub-folder for each keyword (PAPER §5.1): their rows and problems.

    The image_id is ``simple_images/{keyword}/{path in the sub-folder}``.
    """
    folder = Path(simple_folder)
    rows, problems = [], []
    for name, _ in list_files(folder):
        if "/" not in name:
            problems.append(f"{folder}: {name} is in no keyword's folder. Move it into one, or delete it.")
    for home in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_ignored(entry.name)):
        photos = PhotoNames.of_folder(home)
        if not photos.image_ids:
            problems.append(f"{home}: no photo. Add photos of {home.name!r}, or delete the folder.")
        for stem in photos.image_ids:
            image_id = normal(f"simple_images/{home.name}/{stem}")
            rows.append(Row(image_id, split, clean_keywords([home.name]), str(home), photos, stem))
    return rows, problems


def _photos_rows(root, path, splits):
    photos = PhotoNames.of_folder(photo_folder("photos", root))
    only = next(iter(splits)) if list(splits.values()) == ["dataset.train"] else None
    entries, problems = read_keywords(path, photos, only)
    rows = [Row(name, split, names, where, photos, name) for name, (split, names, where) in entries.items()]
    found = Counter(row.split for row in rows)
    others = {split: count for split, count in sorted(found.items()) if split not in splits}
    for split, key in splits.items():
        if not found[split]:
            listed = ", ".join(f"{name!r} ({count} rows)" for name, count in sorted(found.items())) or "no rows"
            problems.append(
                f"{path}: no photo of split {split!r} ({key}), found {listed}. Correct the table or the key"
                + (", or set it to null." if key == "dataset.val" else ".")
            )
    if others:
        listed = ", ".join(f"{split!r} ({count}){_meant(split, splits)}" for split, count in others.items())
        print(f"{path}: rows of other splits are not used: {listed}")
    return [row for row in rows if row.split in splits], problems, {}


def _source_rows(root, path, split, source):
    photos = PhotoNames.of_folder(photo_folder("photos", root))
    category_ids: dict[str, int] = {}
    problems: list[str] = []
    match source:
        case "folders":
            entries = folder_entries(photos)
        case "texts":
            entries = text_entries(photos, path)
        case "yolo":
            entries = yolo_entries(photos, path)
        case "metadata":
            entries = metadata_entries(photos)
        case "coco":
            listed, category_ids, problems = photo_keywords(path)
            entries = ((name, where, clean_keywords(own)) for name, where, own in listed)
        case _:
            raise ValueError(f"Found keyword_source {source!r}, expected folders, texts, coco, yolo or metadata.")
    found, more = identified([(name, where, (own, where)) for name, where, own in entries], photos)
    unnamed = [image_id for image_id in photos.image_ids if image_id not in found]
    if unnamed:
        print(f"{len(unnamed)} photos have no entry in {path} and are not used, such as {unnamed[0]!r}.")
    rows = [Row(name, split, own, where, photos, name) for name, (_, (own, where)) in found.items()]
    return rows, problems + more, category_ids


def _meant(split, splits):
    """A question, if a split is nearly one that was asked for."""
    asked = {folded(name): name for name in splits}
    near = get_close_matches(folded(split), list(asked), 1)
    return f", did you mean {asked[near[0]]!r}?" if near else ""


def _voc_rows(layout, root, keywords, splits, lists):
    photos, entries, problems = PhotoNames.of_folder(photo_folder(layout, root)), [], []
    for split, key in splits.items():
        path = lists.get(split) or split_list(root, split)
        lines = read_split_list(path, photos)
        entries += [(name, where, split) for name, where in lines]
        if not lines:
            problems.append(f"{path}: the list of {key} is empty, expected one image_id in each line.")
    listed, more = identified(entries, photos)
    problems += more
    if keywords is None:
        known, more = _read_annotations(Path(root, "Annotations"), listed)
    else:
        known, more = read_keywords(keywords, PhotoNames.of_ids(listed, photos.folder), "")
    photos_of = dict.fromkeys(splits, photos)
    rows, unknown = _join(photos_of, splits, listed, known, keywords or Path(root, "Annotations"))
    return rows, problems + more + unknown


def _coco_rows(root, keywords, splits):
    known: dict[str, Any] = {}
    listed: dict[str, tuple[str, Any]] = {}
    problems: list[str] = []
    category_ids: dict[str, int] | None = None
    photos_of = {split: PhotoNames.of_folder(photo_folder("coco", root, split)) for split in splits}
    for split, key in splits.items():
        path = annotation_file(root, split)
        photos, names, more = photo_keywords(path)
        problems += more
        if not photos:
            problems.append(f"{path}: no photo of {key}, expected some in the list 'images'. Add them.")
        if category_ids not in (None, names):
            problems.append(f"{path}: its categories are not those of the other split. Give both files the same list.")
        category_ids = names if category_ids is None else category_ids
        entries = [(file_name, where, (split, clean_keywords(own))) for file_name, where, own in photos]
        found, more = identified(entries, photos_of[split], listed)
        problems += more
        for image_id, (where, (_, own)) in found.items():
            listed[image_id] = where, split
            known[image_id] = None, own, where
    if keywords is not None:
        known, more = read_keywords(keywords, PhotoNames.of_ids(listed), "")
        problems += more
    rows, unknown = _join(photos_of, splits, listed, known, keywords)
    return rows, problems + unknown, category_ids or {}


def _join(photos_of, splits, listed, known, source):
    """Rows of the listed photos with their keywords, and problems."""
    rows, problems = [], []
    for image_id, (where, split) in listed.items():
        if image_id not in known and splits[split] == "dataset.train":
            problems.append(f"{where}: no keywords for {image_id!r}, expected them in {source}. Add them.")
        _, names, place = known.get(image_id, (None, (), where))
        rows.append(Row(image_id, split, names, place, photos_of[split], image_id))
    return rows, problems


def _read_annotations(folder, image_ids):
    """Keywords from VOC's XML files: the names of a photo's objects. Returns what ``read_keywords`` returns."""
    found, problems = {}, []
    for image_id in image_ids:
        path = inside(folder, f"{image_id}.xml")
        try:
            found[image_id] = None, clean_keywords(read_object_names(path)), str(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problems.append(f"{path}: cannot be read as XML ({error}). Replace it, or name a CSV in dataset.keywords.")
    return found, problems
