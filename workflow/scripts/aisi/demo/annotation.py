"""True masks and keywords of the demo's scenes, and the files of its datasets."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from aisi.demo.categories import TARGET
from aisi.demo.composition import Scene
from aisi.files import atomic
from aisi.formats.dataset import KEYWORD_SEPARATOR
from aisi.labels import IGNORE

MIN_PIXELS = 32
"""An object of a target category with fewer pixels inside its border is void: it is too small to recognise."""


def label_scene(scene: "Scene") -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Make the true masks and keywords of a scene of the target set, in VOC's manner.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    classes : (H, W) uint8
        0 background and distractors, 1..C categories in the order of their names, 255 the outermost pixels of objects,
        and objects that are too small.
    instances : (H, W) uint8
        0 background and distractors, 1.. visible objects, 255 where ``classes`` is 255.
    keywords : tuple of str
        Visible categories, sorted.
    """
    classes, instances = np.zeros_like(scene.owners), np.zeros_like(scene.owners)
    edge = _edges(scene.owners)
    keywords, n = set(), 0
    labels = {name: label for label, name in enumerate(sorted(TARGET), 1)}
    for k, name in enumerate(scene.names, 1):
        if name not in labels:
            continue
        region = scene.owners == k
        core = region & ~edge
        classes[region] = instances[region] = IGNORE
        if core.sum() >= MIN_PIXELS:
            n += 1
            classes[core], instances[core] = labels[name], n
            keywords.add(name)
    return classes, instances, tuple(sorted(keywords))


def _edges(owners):
    """Pixels with another owner above, below, left or right."""
    edge = np.zeros(owners.shape, bool)
    for axis in (0, 1):
        differs = np.diff(owners.astype(int), axis=axis) != 0
        near, far = [slice(None)] * 2, [slice(None)] * 2
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        edge[tuple(near)] |= differs
        edge[tuple(far)] |= differs
    return edge


def label_salient(scene: "Scene", min_area: float = 0.01, min_in_sight: float = 0.5) -> np.ndarray:
    """Label the salient instances of a scene: those that are not too small, not mostly hidden and not mostly outside.

    Parameters
    ----------
    scene : Scene
    min_area : float
        Smallest share of the photo.
    min_in_sight : float
        Smallest visible share of the silhouette.

    Returns
    -------
    (H, W) uint8
        0 background, 1.. instances.
    """
    instances, n = np.zeros_like(scene.owners), 0
    for k, area in enumerate(scene.areas, 1):
        region = scene.owners == k
        seen = region.sum()
        if seen >= max(min_area * region.size, min_in_sight * area):
            n += 1
            instances[region] = n
    return instances


def write_photo(photo_path: str | Path, scene: "Scene") -> None:
    """Write a scene's photo as JPEG."""
    with atomic(photo_path) as temporary:
        Image.fromarray(scene.photo).save(temporary, quality=scene.quality)


def write_image_set(list_path: str | Path, image_ids: Iterable[str]) -> None:
    """Write the list of a split's ids, one in each line."""
    with atomic(list_path) as temporary:
        temporary.write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")


def write_keywords(table_path: str | Path, rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
    """Write a dataset's keywords: a row of image_id, split and keywords for each photo."""
    with atomic(table_path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image_id", "split", "keywords"])
        table.writerows((image_id, split, KEYWORD_SEPARATOR.join(names)) for image_id, split, names in rows)
