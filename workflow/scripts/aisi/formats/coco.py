"""Instances with categories: COCO's JSON, ours and that of others."""

import json

from aisi.files import atomic
from aisi.formats.files import PROXY_MASKS, mismatch_of_masks

_NAME = f"aisi/{PROXY_MASKS.name}"


def write_coco(path, coco):
    """Write COCO instances: a dict with images, categories and annotations (RLE counts as text)."""
    head = {"info": {"description": _NAME, "version": str(PROXY_MASKS.version)}}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(head | coco, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_coco(path):
    """Read COCO instances, ours or a dataset's."""
    coco = _read_json(path)
    missing = [key for key in ("images", "categories", "annotations") if not isinstance(coco, dict) or key not in coco]
    if missing:
        raise mismatch_of_masks(path, f"no {', '.join(missing)}", "images, categories and annotations")
    info = coco.get("info")
    found = (info.get("description"), info.get("version")) if isinstance(info, dict) else (None, None)
    if found[0] == _NAME and found[1] != str(PROXY_MASKS.version):
        raise mismatch_of_masks(path, f"{_NAME} version {found[1]}", f"version {PROXY_MASKS.version}")
    return coco


def write_coco_results(path, results):
    """Write instances as COCO's results, a bare list, so without a version.

    Parameters
    ----------
    path : str or Path
    results : list of dict
        image_id (ours), category_id (the dataset's own), bbox (x, y, width, height), score, segmentation (RLE with
        counts as text).
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(results, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_instances(path, categories):
    """Read instances with a tag, photo by photo.

    Parameters
    ----------
    path : str or Path
        As from :func:`write_coco` (proxies) or :func:`write_coco_results` (predictions).
    categories : Categories

    Returns
    -------
    dict
        image_id to (labels, scores, masks): lists of int 1..C, float and COCO RLE. A photo without instances is not
        there.
    """
    coco = _read_json(path)
    if isinstance(coco, list):
        image_id_of, annotations = {}, coco
    else:
        coco = read_coco(path)
        image_id_of, annotations = {image["id"]: image["image_id"] for image in coco["images"]}, coco["annotations"]
    found = {}
    try:
        for item in annotations:
            image_id = image_id_of[item["image_id"]] if image_id_of else item["image_id"]
            labels, scores, masks = found.setdefault(image_id, ([], [], []))
            labels.append(categories.label_of_id[item["category_id"]])
            scores.append(item["score"])
            masks.append(item["segmentation"])
    except (KeyError, TypeError) as error:
        expected = "known image_id and category_id, a score and a segmentation in each"
        raise mismatch_of_masks(path, f"an instance without or with an unknown {error}", expected) from error
    return found


def read_coco_instances(path):
    """Read class-agnostic instances in COCO's format: a dataset's (images, annotations) or results (a bare list).

    Returns
    -------
    images : list of dict or None
        None for a bare list.
    annotations : list of dict
    """
    coco = _read_json(path)
    whole = isinstance(coco, dict)
    images, annotations = (coco.get("images"), coco.get("annotations")) if whole else (None, coco)
    parts = (images, annotations) if whole else (annotations,)
    if not all(isinstance(part, list) and all(isinstance(entry, dict) for entry in part) for part in parts):
        found = f"keys {sorted(coco)}" if whole else "neither an object nor a list of objects"
        raise mismatch_of_masks(path, found, "lists images and annotations, or a bare list of results")
    return images, annotations


_COCO_LABELS = ("images", "categories", "annotations", "id", "file_name", "name", "image_id", "category_id")


def read_coco_labels(path):
    """Read a dataset's COCO instances without masks, boxes and sizes, which are dropped while the file is read.

    Returns
    -------
    dict
        Lists of dict: images (id, file_name), categories (id, name), annotations (id, image_id, category_id).
    """
    coco = _read_json(path, lambda entry: {key: entry[key] for key in _COCO_LABELS if key in entry})
    lists = {key: coco.get(key) if isinstance(coco, dict) else None for key in _COCO_LABELS[:3]}
    wrong = [
        key
        for key, entries in lists.items()
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries)
    ]
    if wrong:
        raise mismatch_of_masks(path, f"no list of objects {' and '.join(wrong)}", ", ".join(lists))
    return lists


def _read_json(path, object_hook=None):
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file, object_hook=object_hook)
    except (OSError, ValueError, RecursionError) as error:
        raise mismatch_of_masks(path, f"a file that cannot be read ({error})", "COCO JSON") from error
