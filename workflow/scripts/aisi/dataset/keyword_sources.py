"""Keywords from elsewhere than a table: folders, a text file for each photo, YOLO labels, metadata of the photos."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from aisi.dataset.names import clean_keywords, split_keywords
from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.tables import read_list, read_text
from aisi.photos import BadImageError, read_keywords
from aisi.planning.dataset_files import DatasetError, list_files, yolo_names_file

Entry = tuple[str, str, tuple[str, ...]]
"""A photo's name, the place for messages, and its keywords."""


def folder_entries(photos: PhotoNames) -> Iterator[Entry]:
    """The keyword of a photo is the first folder on its path; a photo in no folder has none."""
    for image_id in photos.image_ids:
        keyword, _, below = image_id.partition("/")
        yield image_id, str(photos.folder / image_id), clean_keywords([keyword] if below else [])


def text_entries(photos: PhotoNames, texts_folder: str | Path) -> Iterator[Entry]:
    """The keywords of a photo are in the text file with its name: separated as in a table, or one in each line."""
    for name, _ in list_files(texts_folder, (".txt",)):
        path = Path(texts_folder, name)
        if photos.find(name.removesuffix(path.suffix)):
            yield name.removesuffix(path.suffix), str(path), split_keywords(read_text(path))


def yolo_entries(photos: PhotoNames, labels_folder: str | Path) -> Iterator[Entry]:
    """The keywords of a photo are the classes of the boxes or polygons in its label file; these are not read.

    A photo without a file shows nothing, as in YOLO. Names of the classes are in ``classes.txt``, or under ``names`` in
    ``data.yaml``, in the folder of labels or in a folder above it.

    Raises
    ------
    DatasetError
        If there are no names, or with every line without the number of a class.
    """
    names = _yolo_names(Path(labels_folder))
    problems, listed = [], set()
    for name, _ in list_files(labels_folder, (".txt",)):
        path = Path(labels_folder, name)
        meant = photos.find(name.removesuffix(path.suffix))
        if not meant:
            continue
        found = []
        for number, line in read_list(path):
            label = line.split()[0]
            if label.isdecimal() and int(label) in names:
                found.append(names[int(label)])
            else:
                problems.append(f"{path}, line {number}: found class {label!r}, expected a number of {_shown(names)}.")
        listed |= set(meant)
        yield name.removesuffix(path.suffix), str(path), clean_keywords(found)
    if problems:
        raise DatasetError("\n".join(problems))
    for image_id in photos.image_ids:
        if image_id not in listed:
            yield image_id, str(labels_folder), ()


def metadata_entries(photos: PhotoNames) -> Iterator[Entry]:
    """The keywords of a photo are those in its metadata, which photo managers write: IPTC, XMP, Windows."""
    unreadable = []
    for image_id in photos.image_ids:
        path = photos.folder / photos.files(image_id)[0]
        try:
            keywords = read_keywords(path)
        except BadImageError as error:
            keywords = []
            unreadable.append(str(error))
        yield image_id, str(path), split_keywords(";".join(keywords))
    if unreadable:
        print("\n".join([f"{len(unreadable)} photos have no keywords, since they cannot be read:", *unreadable]))


def _yolo_names(folder):
    path = yolo_names_file(folder)
    if path is None:
        raise DatasetError(
            f"{folder}: found no names of the classes, expected classes.txt or data.yaml here or in a folder above it. "
            "Add one."
        )
    if path.suffix == ".txt":
        return {number: name for number, (_, name) in enumerate(read_list(path))}
    try:
        names = yaml.safe_load(read_text(path))["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path}: found no names of the classes ({error}), expected a list or numbers and names under 'names'. "
            "Correct it."
        ) from error


def _shown(names):
    return ", ".join(f"{number} ({name})" for number, name in list(names.items())[:5]) + (
        ", ..." if len(names) > 5 else ""
    )
