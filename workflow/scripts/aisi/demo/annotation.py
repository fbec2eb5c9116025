"""True masks and keywords of the demo's scenes, and the files of its datasets."""

import csv

import numpy as np
from PIL import Image

from aisi.demo.categories import TARGET
from aisi.files import atomic
from aisi.formats.dataset import KEYWORD_SEPARATOR
from aisi.labels import IGNORE

MIN_PIXELS = 32
"""An object of a target category with fewer pixels inside its border is void: too little to name."""


def label_scene(scene):
    """True masks and keywords of a scene of the target set, as VOC has them.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    classes : (H, W) uint8
        0 background and distractors, 1..C category by name, 255 the objects' outermost pixels and unnameable scraps.
    instances : (H, W) uint8
        0 background and distractors, 1.. objects in sight, 255 where ``classes`` has it.
    keywords : tuple of str
        Categories in sight, sorted.
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


def label_salient(scene, min_area=0.01, min_in_sight=0.5):
    """Instances of a scene that are salient: not too small, not mostly hidden or outside.

    Parameters
    ----------
    scene : Scene
    min_area : float
        Least share of the picture.
    min_in_sight : float
        Least share of the silhouette in sight.

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


def write_photo(path, scene):
    """Write a scene's photo as JPEG."""
    with atomic(path) as temporary:
        Image.fromarray(scene.photo).save(temporary, quality=scene.quality)


def write_image_set(path, image_ids):
    """Write a split's list of ids, one a line."""
    with atomic(path) as temporary:
        temporary.write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")


def write_keywords(path, rows):
    """Write a dataset's keywords: image_id, split and a tuple of names a picture."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image_id", "split", "keywords"])
        table.writerows((image_id, split, KEYWORD_SEPARATOR.join(names)) for image_id, split, names in rows)
