"""Rendered scenes of the demo: three sets of photos, from three disjoint sets of categories.

An object has a silhouette (`shapes`), a texture and colours. They are usually drawn from the habits of its category,
sometimes from all textures and colours. The object is posed, shaded, and put on cluttered ground among other objects,
which may hide it. Every photo has its own generator, seeded by (seed, set, index), so it can be rendered alone.
"""

import zlib

import numpy as np

from aisi.demo.annotation import label_salient, label_scene
from aisi.demo.categories import AUXILIARY, DISTRACTORS, TARGET
from aisi.demo.composition import Scene, compose
from aisi.demo.grounds import render_ground
from aisi.demo.objects import Light, render_object


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
