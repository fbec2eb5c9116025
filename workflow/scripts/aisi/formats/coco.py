"""Instances with categories: COCO's JSON, ours and that of other programs."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aisi.formats.dataset import Categories
from aisi.formats.files import PROXY_MASKS, FormatError, mismatch_of_masks, reading, require
from aisi.formats.seal import BLANK, check_seal, sealed
from aisi.masks import check_rle

_NAME = f"aisi/{PROXY_MASKS.name}"
REJECTED = "rejected"
"""Key of an annotation: ``true`` if the instance was rejected, so that it is no crowd and an import leaves it out."""


def write_coco(path: str | Path, coco: dict[str, Any]) -> None:
    """Write COCO instances: a dict with images, categories and annotations (RLE counts as text)."""
    head = {"info": {"seal": BLANK, "description": _NAME, "version": str(PROXY_MASKS.version)}}
    with sealed(path) as temporary:
        temporary.write_text(json.dumps(head | coco, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_coco(path: str | Path) -> dict[str, Any]:
    """Read a dataset's COCO instances, which are a user's file."""
    return _checked(path, _read_json(path))


def _checked(path, coco):
    missing = [key for key in ("images", "categories", "annotations") if not isinstance(coco, dict) or key not in coco]
    if missing:
        raise mismatch_of_masks(path, f"no {', '.join(missing)}", "images, categories and annotations")
    info = coco.get("info")
    found = (info.get("description"), info.get("version")) if isinstance(info, dict) else (None, None)
    if found[0] == _NAME and found[1] != str(PROXY_MASKS.version):
        raise mismatch_of_masks(path, f"{_NAME} version {found[1]}", f"version {PROXY_MASKS.version}")
    return coco


def write_coco_results(path: str | Path, results: Sequence[dict[str, Any]]) -> None:
    """Write instances as COCO's results: a bare list, which has no place for a version; its seal is beside it.

    Parameters
    ----------
    path : str or Path
    results : list of dict
        image_id (ours), category_id (the dataset's own), bbox (x, y, width, height), score, segmentation (RLE with
        counts as text).
    """
    for result in results:
        _check_instance(result)
    with sealed(path) as temporary:
        temporary.write_text(json.dumps(results, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_instances(path: str | Path, categories: Categories) -> dict[str, tuple[list, list, list]]:
    """Read tagged instances, grouped by photo.

    Parameters
    ----------
    path : str or Path
        As from :func:`write_coco` (proxies) or :func:`write_coco_results` (predictions).
    categories : Categories

    Returns
    -------
    dict
        image_id to (labels, scores, masks): lists of int 1..C, float and COCO RLE. Photos without instances are
        missing, and so are rejected instances.
    """
    coco = _read_sealed_json(path)
    found: dict[str, tuple[list, list, list]] = {}
    try:
        if isinstance(coco, list):
            image_id_of, annotations = {}, coco
        else:
            coco = _checked(path, coco)
            image_id_of, annotations = {image["id"]: image["image_id"] for image in coco["images"]}, coco["annotations"]
            texts = all(type(image_id) is str for image_id in image_id_of.values())
            if not texts or not len(coco["images"]) == len(image_id_of) == len(set(image_id_of.values())):
                raise ValueError("an image_id that is no text, or an image twice")
            _check_categories(path, coco["categories"], categories)
        for item in annotations:
            if item.get(REJECTED) is True:
                continue
            image_id = image_id_of[item["image_id"]] if image_id_of else item["image_id"]
            labels, scores, masks = found.setdefault(image_id, ([], [], []))
            _check_instance(item)
            labels.append(categories.label_of_id[item["category_id"]])
            scores.append(item["score"])
            masks.append(item["segmentation"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        expected = "a known image_id, a known category_id, a score, a bbox and a whole segmentation in each"
        wrong = error if isinstance(error, ValueError) else f"a missing or unknown {error}"
        raise mismatch_of_masks(path, f"an instance with {wrong}", expected) from error
    return found


def _check_instance(instance):
    """Check an entry of COCO's annotations or results; TypeError or ValueError."""
    missing = set(PROXY_MASKS.columns) - set(instance)
    if missing:
        raise ValueError(f"a missing {', '.join(sorted(missing))}")
    image_id, category_id, score, box = (instance[key] for key in ("image_id", "category_id", "score", "bbox"))
    if type(image_id) not in (int, str) or type(category_id) is not int:
        raise ValueError(f"image_id {image_id!r} or category_id {category_id!r}")
    if type(score) not in (int, float) or not 0 <= score <= 1:
        raise ValueError(f"score {score!r}")
    if len(box) != 4 or not all(type(side) in (int, float) and math.isfinite(side) for side in box):
        raise ValueError(f"bbox {box!r}")
    check_rle(instance["segmentation"])


def _check_categories(path, listed, categories):
    """The file and categories.csv must give one number one name."""
    found = sorted((one["id"], one["name"]) for one in listed)
    known = sorted(zip(categories.ids, categories.names, strict=True))
    if found != known:
        raise mismatch_of_masks(path, f"categories {found[:9]}", f"{known[:9]}, as in categories.csv")


def read_coco_results(path: str | Path) -> list[dict[str, Any]]:
    """Read what :func:`write_coco_results` wrote."""
    results = _read_sealed_json(path)
    with reading(path, PROXY_MASKS, "a list of COCO's results"):
        require(isinstance(results, list), "no list", "a list of COCO's results")
        for result in results:
            _check_instance(result)
    return results


def read_coco_instances(path: str | Path) -> tuple[list[dict] | None, list[dict]]:
    """Read class-agnostic instances in COCO's format: a dataset (images, annotations) or results (a bare list).

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
        raise mismatch_of_masks(path, found, "the lists images and annotations, or a bare list of results")
    return images, annotations


def coco_id(value: Any) -> int | str | None:
    """An id as it is compared: 7, 7.0 and "7" are one id; None if the value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        value = value.strip()
        return int(value) if re.fullmatch(r"[0-9]+", value) else value or None
    return value


def crowd_flags(annotations: list[dict[str, Any]]) -> list[bool]:
    """Which annotations are crowds, by ``iscrowd``: 1, not 0 or "0".

    CVAT, supervision and labelformat write 1 for every mask in RLE. So if all annotations say 1, none is a crowd.
    """
    flags = [coco_id(annotation.get("iscrowd")) == 1 or annotation.get("iscrowd") is True for annotation in annotations]
    own = [flag for flag, annotation in zip(flags, annotations, strict=True) if annotation.get(REJECTED) is not True]
    return [False] * len(flags) if own and all(own) else flags


_COCO_LABELS = ("images", "categories", "annotations", "id", "file_name", "name", "image_id", "category_id")


def read_coco_labels(path: str | Path) -> dict[str, list[dict]]:
    """Read a dataset's COCO instances; masks, boxes and sizes are dropped while the file is parsed.

    COCO's ``image_info_{split}.json`` of a split without annotations has none.

    Returns
    -------
    dict
        Lists of dict: images (id, file_name), categories (id, name), annotations (id, image_id, category_id).
    """
    coco = _read_json(path, lambda entry: {key: entry[key] for key in _COCO_LABELS if key in entry})
    lists: dict[str, Any] = {key: coco.get(key) if isinstance(coco, dict) else None for key in _COCO_LABELS[:3]}
    if lists["annotations"] is None and Path(path).name.startswith("image_info_"):
        lists["annotations"] = []
    wrong = [
        key
        for key, entries in lists.items()
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries)
    ]
    if wrong:
        raise mismatch_of_masks(path, f"no list of objects {' and '.join(wrong)}", ", ".join(lists))
    return lists


def _read_sealed_json(path):
    with reading(path, PROXY_MASKS, "COCO JSON"):
        check_seal(path)
    return _read_json(path)


def _read_json(path, object_hook=None):
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file, object_hook=object_hook)
    except (OSError, ValueError, RecursionError) as error:
        raise mismatch_of_masks(path, f"a file that cannot be read ({error})", "COCO JSON") from error
