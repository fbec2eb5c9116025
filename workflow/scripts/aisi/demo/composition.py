"""Composition of the demo's scenes: objects are put on a ground, one before the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from aisi.demo.objects import Light, Patch


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
