"""Photos on their way into a network: resized, cropped, augmented, and read ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageEnhance

Box = tuple[float, float, float, float]
"""XYXY, pixels."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def to_tensor(photo: np.ndarray | Image.Image) -> torch.Tensor:
    """Photo (H, W, 3) uint8, an array or a Pillow image, as a tensor (3, H, W) uint8."""
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1)


def warp(photo: np.ndarray, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """Resize a photo (H, W, 3) uint8, or a box of it, bilinearly to a Pillow image of size (width, height)."""
    return Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, box)


def random_part(size: tuple[int, int], rng: np.random.Generator, least_area: float, stretch: float = 4 / 3) -> Box:
    """Draw a box of a photo at random, as the training of classifiers does.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    rng : numpy Generator
    least_area : float
        Smallest share of the photo's area, in (0, 1].
    stretch : float
        Largest factor between the aspect ratios of box and photo.

    Returns
    -------
    tuple of 4 float
        XYXY, inside the photo.
    """
    area, aspect = rng.uniform(least_area, 1), np.exp(rng.uniform(-1, 1) * np.log(stretch))
    width, height = size[0] * min(1, (area * aspect) ** 0.5), size[1] * min(1, (area / aspect) ** 0.5)
    left, top = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
    return left, top, left + width, top + height


def mirror(photo: Image.Image) -> Image.Image:
    """A Pillow image with left and right exchanged."""
    return photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def jitter_colours(photo: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Randomly change brightness, contrast and saturation of a Pillow image, each by at most the share ``strength``."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        photo = enhance(photo).enhance(1 + strength * rng.uniform(-1, 1))
    return photo


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item], ahead: int = 4) -> Iterator[Result]:
    """Yield ``read(item)`` of each item, in order, while a thread reads the next ``ahead`` items."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
