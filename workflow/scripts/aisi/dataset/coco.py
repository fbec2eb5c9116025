"""COCO's JSON: the keywords of its photos, and how a file name becomes an image_id."""

import os
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from aisi.formats.coco import read_coco_labels


def photo_name(file_name: str) -> str:
    """Turn a file name into an image_id: the path below the folder of photos, without suffix."""
    return os.path.splitext(unicodedata.normalize("NFC", file_name))[0]


_KEYS: dict[str, dict[str, Any]] = {
    "categories": {"id": int, "name": str},
    "images": {"id": int | str, "file_name": str},
    "annotations": {"id": int | str, "image_id": int | str, "category_id": int},
}


def photo_keywords(coco_path: str | Path) -> tuple[list[tuple[str, str, list[str]]], dict[str, int], list[str]]:
    """Read the keywords of a dataset's photos: the categories of their annotations, including crowds, but no masks.

    Parameters
    ----------
    coco_path : str or Path
        COCO instances.

    Returns
    -------
    photos : list of (str, str, list of str)
        image_id, the place in the file for messages, keywords by ascending category id.
    categories : dict
        Name to id, by ascending id; also categories without an annotation.
    problems : list of str
        One for each type of mistake, with a count and an example.
    """
    content, problems = read_coco_labels(coco_path), []
    for part, keys in _KEYS.items():
        entries = content[part]
        complete = [all(isinstance(entry.get(key), keys[key]) for key in keys) for entry in entries]
        content[part] = [entry for entry, whole in zip(entries, complete, strict=True) if whole]
        wrong = [entry for entry, whole in zip(entries, complete, strict=True) if not whole]
        if wrong:
            problems.append(
                f"{coco_path}: {len(wrong)} of {len(entries)} {part} lack {', '.join(keys)}, or have one of another "
                f"type, such as {wrong[0]}. Complete or remove them."
            )
        twice = [number for number, n in Counter(entry["id"] for entry in content[part]).items() if n > 1]
        if twice:
            problems.append(
                f"{coco_path}: {len(twice)} ids of {part} occur twice, such as {twice[0]}. Give each its own id."
            )
    names = {entry["id"]: unicodedata.normalize("NFC", entry["name"].strip()) for entry in content["categories"]}
    categories = {names[number]: number for number in sorted(names)}
    if len(categories) < len(names):
        problems.append(f"{coco_path}: two categories have the same name. Rename one.")
    found: dict[int | str, set[int]] = {image["id"]: set() for image in content["images"]}
    for key, known in (("image_id", found), ("category_id", names)):
        lost = [entry for entry in content["annotations"] if entry[key] not in known]
        if lost:
            problems.append(
                f"{coco_path}: {len(lost)} annotations have an unknown {key}, such as {lost[0][key]} of annotation "
                f"{lost[0]['id']}. Remove them, or add the entry with this id."
            )
    for annotation in content["annotations"]:
        found.get(annotation["image_id"], set()).add(annotation["category_id"])
    photos = []
    for image in content["images"]:
        keywords = [name for name, number in categories.items() if number in found[image["id"]]]
        photos.append((photo_name(image["file_name"]), f"{coco_path}, image {image['id']}", keywords))
    return photos, categories, problems
