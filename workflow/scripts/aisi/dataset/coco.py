"""COCO's JSON: which keywords its images have, what photos are called, and masks as polygons and runs."""

import os
import unicodedata
from collections import Counter

from aisi.formats.coco import read_coco_labels


def photo_name(file_name):
    """What a photo is called here: its path below the folder of photos, without suffix."""
    return os.path.splitext(unicodedata.normalize("NFC", file_name))[0]


_KEYS = {
    "categories": {"id": int, "name": str},
    "images": {"id": int | str, "file_name": str},
    "annotations": {"id": int | str, "image_id": int | str, "category_id": int},
}


def keywords_of_images(path):
    """Keywords of a dataset's images: the categories of their annotations, crowds too, whatever their masks.

    Parameters
    ----------
    path : str or Path
        COCO instances.

    Returns
    -------
    images : list of (str, str, list of str)
        Name of the photo, where that is said, keywords by ascending category id.
    categories : dict
        Name to id, by ascending id; also those without an annotation.
    problems : list of str
        One for each kind of mistake, with a count and an example.
    """
    content, problems = read_coco_labels(path), []
    for kind, keys in _KEYS.items():
        entries, wrong, content[kind] = content[kind], [], []
        for entry in entries:
            whole = all(isinstance(entry.get(key), keys[key]) for key in keys)
            (content[kind] if whole else wrong).append(entry)
        if wrong:
            problems.append(
                f"{path}: {len(wrong)} of {len(entries)} {kind} lack {', '.join(keys)}, or these are of another type, "
                f"such as {wrong[0]}. Complete or remove them."
            )
        twice = [number for number, n in Counter(entry["id"] for entry in content[kind]).items() if n > 1]
        if twice:
            problems.append(
                f"{path}: {len(twice)} ids of {kind} are there twice, such as {twice[0]}. Number them anew."
            )
    names = {entry["id"]: unicodedata.normalize("NFC", entry["name"].strip()) for entry in content["categories"]}
    categories = {names[number]: number for number in sorted(names)}
    if len(categories) < len(names):
        problems.append(f"{path}: two categories have the same name. Rename one.")
    found = {image["id"]: set() for image in content["images"]}
    for key, known in (("image_id", found), ("category_id", names)):
        lost = [entry for entry in content["annotations"] if entry[key] not in known]
        if lost:
            problems.append(
                f"{path}: {len(lost)} annotations have an unknown {key}, such as {lost[0][key]} of annotation "
                f"{lost[0]['id']}. Remove them, or add what they name."
            )
    for annotation in content["annotations"]:
        found.get(annotation["image_id"], set()).add(annotation["category_id"])
    images = []
    for image in content["images"]:
        keywords = [name for name, number in categories.items() if number in found[image["id"]]]
        images.append((photo_name(image["file_name"]), f"{path}, image {image['id']}", keywords))
    return images, categories, problems


# Decoded here and not by pycocotools, which does not check: short runs give unset memory, far corners exhaust it.
