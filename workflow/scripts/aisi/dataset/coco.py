"""COCO's JSON: the keywords of a dataset's photos, and which photo each of its images is."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aisi.dataset.names import normal
from aisi.dataset.photo_names import PhotoNames
from aisi.formats.coco import coco_id, read_coco_labels

_KEYS = {
    "categories": ("id", "name"),
    "images": ("id", "file_name"),
    "annotations": ("image_id", "category_id"),
}
_TEXTS = ("file_name", "name")


def photo_keywords(coco_path: str | Path) -> tuple[list[tuple[str, str, list[str]]], dict[str, int], list[str]]:
    """Read the keywords of a dataset's photos: the categories of their annotations, including crowds, but no masks.

    Parameters
    ----------
    coco_path : str or Path
        COCO instances.

    Returns
    -------
    photos : list of (str, str, list of str)
        The file name as it is written, the place in the file for messages, keywords by ascending category id.
    categories : dict
        Name to id, by ascending id; also categories without an annotation.
    problems : list of str
        One for each type of mistake, with a count and an example.
    """
    content, problems = read_coco_labels(coco_path), []
    for part, keys in _KEYS.items():
        complete = [_is_complete(entry, keys) for entry in content[part]]
        wrong = [entry for entry, whole in zip(content[part], complete, strict=True) if not whole]
        if wrong:
            problems.append(
                f"{coco_path}: {len(wrong)} of {len(complete)} {part} lack {', '.join(keys)}, or have one of another "
                f"type, such as {wrong[0]}. Complete or remove them."
            )
        content[part] = [
            entry | {key: coco_id(value) for key, value in entry.items() if key not in _TEXTS}
            for entry, whole in zip(content[part], complete, strict=True)
            if whole
        ]
        ids = Counter(entry["id"] for entry in content[part] if entry.get("id") is not None)
        twice = [number for number, n in ids.items() if n > 1]
        if twice:
            problems.append(
                f"{coco_path}: {len(twice)} ids of {part} occur twice, such as {twice[0]}. Give each its own id."
            )
    names = {entry["id"]: normal(entry["name"].strip()) for entry in content["categories"]}
    texts = [number for number in names if not isinstance(number, int)]
    if texts:
        problems.append(f"{coco_path}: the id {texts[0]!r} of a category is no number. Number the categories.")
        return [], {}, problems
    categories = {names[number]: number for number in sorted(names)}
    if len(categories) < len(names):
        problems.append(f"{coco_path}: two categories have the same name. Rename one.")
    found: dict[int | str, set[int]] = {image["id"]: set() for image in content["images"]}
    for key, known in (("image_id", found), ("category_id", names)):
        lost = [annotation for annotation in content["annotations"] if annotation[key] not in known]
        if lost:
            problems.append(
                f"{coco_path}: {len(lost)} annotations have an unknown {key}, such as {lost[0][key]} of annotation "
                f"{lost[0].get('id', 'without id')}. Remove them, or add the entry with this id."
            )
    for annotation in content["annotations"]:
        found.get(annotation["image_id"], set()).add(annotation["category_id"])
    photos = []
    for image in content["images"]:
        keywords = [name for name, number in categories.items() if number in found[image["id"]]]
        photos.append((image["file_name"], f"{coco_path}, image {image['id']}", keywords))
    return photos, categories, problems


def _is_complete(entry, keys):
    return all(
        isinstance(entry.get(key), str) and bool(entry[key].strip())
        if key in _TEXTS
        else coco_id(entry.get(key)) is not None
        for key in keys
    )


def coco_ids_of(coco_path: str | Path, image_ids: Iterable[str]) -> dict[str, int | str]:
    """Ids of photos in a dataset's COCO JSON, which its server wants in results.

    Parameters
    ----------
    coco_path : str or Path
        COCO instances, or COCO's ``image_info``.
    image_ids : iterable of str
        The photos. The file must list all of them.

    Returns
    -------
    dict
        image_id to the JSON's own id.

    Raises
    ------
    ValueError
        If an image may be several photos, or a photo is not in the file.
    """
    wanted = list(image_ids)
    found, problems = match_images(coco_path, read_coco_labels(coco_path)["images"], PhotoNames.of_ids(wanted))
    problems += [f"{coco_path}: no image is photo {name!r}. Add it." for name in wanted if name not in found]
    if problems:
        raise ValueError("\n".join(problems))
    return {name: coco_id(found[name]["id"]) or "" for name in wanted}


def match_images(
    coco_path: str | Path, images: list[dict[str, Any]], photos: PhotoNames
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Find the photo of each image in a COCO file: by its ``file_name``, or by its ``id`` if it has none.

    Parameters
    ----------
    coco_path : str or Path
        For messages.
    images : list of dict
        The list ``images`` of the file.
    photos : PhotoNames
        The photos that are searched.

    Returns
    -------
    found : dict
        image_id to the entry of the image. Images of other photos are not in it.
    problems : list of str
        Images that may be several photos, and photos that are several images.
    """
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for image in images:
        name = str(image.get("file_name") or image.get("id"))
        meant = photos.find(name)
        if len(meant) > 1:
            listed = " or ".join(map(repr, meant[:3]))
            problems.append(f"{coco_path}: image {name!r} may be photo {listed}. Write its path below the folder.")
        elif meant and meant[0] in found:
            problems.append(f"{coco_path}: two images are photo {meant[0]!r}. List each photo once.")
        elif meant:
            found[meant[0]] = image
    return found, problems
