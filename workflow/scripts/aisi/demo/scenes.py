"""Rendered scenes of the demo: three sets of photos, from three disjoint sets of categories.

An object has a silhouette (`shapes`), a texture and colours. They are usually drawn from the habits of its category,
sometimes from all textures and colours. The object is posed, shaded, and put on cluttered ground among other objects,
which may hide it. Every photo has its own generator, seeded by (seed, set, index), so it can be rendered alone.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from aisi.demo.annotation import label_salient, label_scene
from aisi.demo.categories import AUXILIARY, DISTRACTORS, TARGET
from aisi.demo.grounds import render_ground
from aisi.demo.objects import Light, Patch, render_object


@dataclass(frozen=True)
class Scene:
    """A rendered photo and what it shows.

    Attributes
    ----------
    photo : (H, W, 3) uint8
    owners : (H, W) uint8
        0 ground, k where the k-th object is visible.
    names : tuple of str
        Category of each object: target, auxiliary or distractor.
    areas : tuple of int
        Number of pixels of each object's whole silhouette, including hidden ones and those outside the photo.
    quality : int
        JPEG quality with which the photo is written.
    """

    photo: np.ndarray
    owners: np.ndarray
    names: tuple[str, ...]
    areas: tuple[int, ...]
    quality: int


IN_SIGHT = 0.5
"""Smallest share of an object's silhouette that is visible, inside the photo, when the object is placed."""


def compose(
    ground: np.ndarray,
    objects: Sequence[tuple[str, Patch]],
    light: Light,
    rng: np.random.Generator,
    crop: float = 0.2,
) -> Scene:
    """Put objects on the ground, one in front of the other.

    Parameters
    ----------
    ground : (H, W, 3) float32
    objects : list of (str, Patch)
        From back to front.
    light : Light
    rng : numpy.random.Generator
    crop : float
        Probability that the border may cut an object.

    Returns
    -------
    Scene
        Objects for which there is no place are left out.
    """
    photo, owners = ground.copy(), np.zeros(ground.shape[:2], np.uint8)
    names: list[str] = []
    areas: list[int] = []
    reach, dark, soft = rng.uniform(0.02, 0.1), rng.uniform(0.15, 0.6), rng.uniform(0.8, 3.0)
    for name, patch in objects:
        solid = patch.cover > 0.5
        place = _place(solid, owners, areas, rng, crop)
        if place is None:
            continue
        names.append(name)
        areas.append(int(solid.sum()))
        drop = reach * max(solid.shape)
        _cast(photo, patch.cover, place, (-light.x * drop, max(-light.y, 0.3) * drop), dark, soft)
        here, there = _overlap(solid.shape, owners.shape, place)
        cover = patch.cover[there][..., None]
        photo[here] += cover * (patch.colour[there] - photo[here])
        owners[here][solid[there]] = len(names)
    return Scene(_develop(photo, rng), owners, tuple(names), tuple(areas), int(rng.integers(55, 96)))


def _overlap(small, large, place):
    """Slices of a large array, and of a small one put at ``place`` (x, y), where the two overlap."""
    (x, y), here, there = place, [], []
    for offset, extent, limit in ((y, small[0], large[0]), (x, small[1], large[1])):
        start, stop = max(offset, 0), max(min(offset + extent, limit), 0)
        here.append(slice(start, max(start, stop)))
        there.append(slice(start - offset, max(start, stop) - offset))
    return tuple(here), tuple(there)


def _place(solid, owners, areas, rng, crop, tries=12):
    """A corner (x, y) where enough of this object and of each earlier one is visible; None if none is found."""
    (h, w), (height, width) = solid.shape, owners.shape
    seen = np.bincount(owners.ravel(), minlength=len(areas) + 1)
    least = rng.choice([IN_SIGHT, 0.85, 0.85])
    for _ in range(tries):
        x, y = rng.uniform(0, width) - w / 2, rng.uniform(0.05, 1) * height - h / 2
        if rng.random() >= crop:
            x, y = np.clip(x, min(0, width - w), max(0, width - w)), np.clip(y, min(0, height - h), max(0, height - h))
        place = round(x), round(y)
        here, there = _overlap(solid.shape, owners.shape, place)
        if solid[there].sum() < least * solid.sum():
            continue
        left = seen - np.bincount(owners[here][solid[there]], minlength=len(seen))
        if all(left[k] >= min(least * area, seen[k]) for k, area in enumerate(areas, 1)):
            return place
    return None


def _cast(photo, cover, place, shift, dark, soft):
    """Darken the photo where an object's shadow falls."""
    margin = int(2 * soft) + 2
    shadow = gaussian_filter(np.pad(cover, margin), soft, truncate=2)
    corner = round(place[0] + shift[0]) - margin, round(place[1] + shift[1]) - margin
    here, there = _overlap(shadow.shape, photo.shape, corner)
    photo[here] *= 1 - dark * shadow[there][..., None]


def _develop(photo, rng):
    """Add what a camera does: exposure, colour cast, contrast, vignette, blur and noise; (H, W, 3) uint8."""
    height, width = photo.shape[:2]
    blur = rng.choice([0.0, rng.uniform(0.3, 0.9)])
    if blur:
        photo = gaussian_filter(photo, (blur, blur, 0), truncate=2)
    cast, metered = np.exp(rng.normal(0, 0.06, 3)), (0.45 / max(photo.mean(), 0.1)) ** 0.5 * np.exp(rng.normal(0, 0.15))
    photo = (photo * (cast * metered).astype(np.float32) - 0.5) * rng.uniform(0.75, 1.15) + 0.5
    y, x = np.linspace(-1, 1, height)[:, None, None] ** 2, np.linspace(-1, 1, width)[None, :, None] ** 2
    photo *= (1 - rng.uniform(0, 0.2) * (x + y)).astype(np.float32)
    noise = rng.uniform(0.002, 0.015)
    grey, coloured = (rng.standard_normal((height, width, n), np.float32) for n in (1, 3))
    photo += noise * (grey + 0.5 * coloured)
    return np.clip(photo * 255 + 0.5, 0, 255).astype(np.uint8)


def _generator(seed, collection, index):
    return np.random.default_rng([seed, zlib.crc32(collection.encode()), index])


def _frame(image_size, rng):
    """Height and width: the longer side is given, the shorter one is 0.67 to 1 times as long; mostly landscape."""
    shorter = round(image_size * rng.choice([0.75, 0.75, rng.uniform(0.67, 1.0)]))
    return (shorter, image_size) if rng.random() < 0.75 else (image_size, shorter)


def _light(rng):
    angle = rng.normal(-np.pi / 2, 0.8)
    return Light(float(np.cos(angle)), float(np.sin(angle)), rng.uniform(0.15, 0.75))


def _size(shape, rng, low, high):
    """Longer side of an object: log-uniform between two shares of the photo's mean side."""
    return float(np.sqrt(shape[0] * shape[1]) * np.exp(rng.uniform(np.log(low), np.log(high))))


def _check(**values):
    """Refuse parameters that are out of range: name=(value, low, high)."""
    for name, (value, low, high) in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}, expected {low} to {high}. Change it in the config's demo block.")


def render_scene(
    seed: int,
    split: str,
    index: int,
    image_size: int,
    max_objects: int,
    multiple_keywords: float,
    distractors: float,
) -> Scene:
    """Render photo ``index`` of a split of the target set.

    Parameters
    ----------
    seed, index : int
    split : str
    image_size : int
        Longer side, pixels, 96 to 1024.
    max_objects : int
        Largest number of objects of target categories, 1 to 10.
    multiple_keywords : float
        Share of photos that get two or three categories, in [0, 1].
    distractors : float
        Share of photos that get one or two objects without a keyword, in [0, 1].

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 96, 1024), max_objects=(max_objects, 1, 10))
    _check(multiple_keywords=(multiple_keywords, 0, 1), distractors=(distractors, 0, 1))
    first = _turn(seed, split, index)
    rng = _generator(seed, f"scenes/{split}", index)
    while True:
        scene = _target_scene(rng, first, image_size, max_objects, multiple_keywords, distractors)
        if first in label_scene(scene)[2]:
            return scene


def _turn(seed, split, index):
    """The category that photo ``index`` always shows. In every block of C photos, each category has its turn once."""
    names = list(TARGET)
    block, place = divmod(index, len(names))
    return names[_generator(seed, f"turns/{split}", block).permutation(len(names))[place]]


def _target_scene(rng, first, image_size, max_objects, multiple_keywords, distractors):
    shape, light = _frame(image_size, rng), _light(rng)
    others = [name for name in TARGET if name != first]
    frequency = np.array([TARGET[name].frequency for name in others])
    n_keywords = min(max_objects, 1 if rng.random() >= multiple_keywords else rng.choice([2, 2, 2, 3]))
    keywords = [first, *rng.choice(others, n_keywords - 1, replace=False, p=frequency / frequency.sum())]
    n = min(max_objects, n_keywords + rng.choice([0, 1, 2], p=[0.6, 0.28, 0.12]))
    names = [*keywords, *rng.choice(keywords, n - n_keywords)]
    sizes = [_size(shape, rng, 0.35, 1.05 / n**0.25) for _ in names]
    if rng.random() < distractors:
        strangers = rng.choice(list(DISTRACTORS), rng.choice([1, 1, 2]))
        names, sizes = [*names, *strangers], [*sizes, *(_size(shape, rng, 0.2, 0.6) for _ in strangers)]
    ground = render_ground(shape[0], shape[1], rng, TARGET[first].grounds)
    order = rng.permutation(len(names))
    return _arranged(ground, [names[k] for k in order], [sizes[k] for k in order], light, rng)


def _arranged(ground, names, sizes, light, rng):
    """A scene of objects of any category, from back to front."""
    pool = TARGET | AUXILIARY | DISTRACTORS
    objects = [
        (str(name), render_object(pool[name], size, light, rng)) for name, size in zip(names, sizes, strict=True)
    ]
    return compose(ground, objects, light, rng)


def render_salient_scene(seed: int, split: str, index: int, image_size: int, max_objects: int) -> Scene:
    """Render photo ``index`` of a split of the detector's set: auxiliary categories, at least one salient object.

    Parameters
    ----------
    seed, index, image_size, max_objects
        As in :func:`render_scene`.
    split : str

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 96, 1024), max_objects=(max_objects, 1, 10))
    rng = _generator(seed, f"salient_instances/{split}", index)
    while True:
        scene = _salient_scene(rng, image_size, max_objects)
        if label_salient(scene).any():
            return scene


def _salient_scene(rng, image_size, max_objects):
    shape, light = _frame(image_size, rng), _light(rng)
    n = min(max_objects, rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
    categories = rng.choice(list(AUXILIARY), rng.integers(1, n + 1), replace=False)
    small = rng.choice(list(AUXILIARY), rng.choice([0, 0, 1, 2]))  # at the back, too small to be salient
    names = [*small, *rng.choice(categories, n)]
    sizes = [_size(shape, rng, *limits) for limits in [(0.06, 0.13)] * len(small) + [(0.27, 1.05 / n**0.25)] * n]
    return _arranged(render_ground(shape[0], shape[1], rng), names, sizes, light, rng)


def render_single_object(seed: int, name: str, index: int, image_size: int) -> Scene:
    """Render photo ``index`` of one auxiliary category: one object that fills most of the photo.

    Parameters
    ----------
    seed, index : int
    name : str
        A category in `AUXILIARY`.
    image_size : int
        Longer side, pixels, 32 to 1024.

    Returns
    -------
    Scene
    """
    _check(seed=(seed, 0, 2**31 - 1), image_size=(image_size, 32, 1024))
    if name not in AUXILIARY:
        raise ValueError(f"Found category {name!r}, expected one of {', '.join(AUXILIARY)}.")
    rng = _generator(seed, f"single_objects/{name}", index)
    shape, light = _frame(image_size, rng), _light(rng)
    return _arranged(render_ground(shape[0], shape[1], rng), [name], [_size(shape, rng, 0.55, 1.15)], light, rng)
