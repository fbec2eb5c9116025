"""Photos on their way into a network: warped, cropped, augmented, read ahead."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image, ImageEnhance


def to_tensor(picture):
    """Picture (H, W, 3) uint8, an array or Pillow's, as tensor (3, H, W) uint8."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def warp(photo, size, box=None):
    """Resize a photo (H, W, 3) uint8, or a box XYXY of it, to a Pillow picture of size (width, height), bilinearly."""
    return Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, box)


def random_part(size, rng, least_area, stretch=4 / 3):
    """A random box of a photo, as classifiers are trained with.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    rng : numpy Generator
    least_area : float
        Least share of the area, in (0, 1].
    stretch : float
        Largest factor between the aspects of box and photo.

    Returns
    -------
    tuple of 4 float
        XYXY, inside the photo.
    """
    area, aspect = rng.uniform(least_area, 1), np.exp(rng.uniform(-1, 1) * np.log(stretch))
    width, height = size[0] * min(1, (area * aspect) ** 0.5), size[1] * min(1, (area / aspect) ** 0.5)
    left, top = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
    return left, top, left + width, top + height


def mirror(picture):
    """A Pillow picture, left and right exchanged."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def jitter_colours(picture, strength, rng):
    """A Pillow picture whose brightness, contrast and saturation change by at most ``strength``, relatively."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(1 + strength * rng.uniform(-1, 1))
    return picture


def read_ahead(read, items, ahead=4):
    """Yield ``read(item)`` of each item, in order, while a thread reads the next few."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque()
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
