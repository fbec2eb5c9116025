"""Tiny photos on disk for the tests of networks: plain colours, whose keywords are the colours' names."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from aisi.formats.dataset import Categories, write_categories, write_images
from aisi.formats.masks import write_labels

BACKBONE = "tf_efficientnet_lite0"
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 230)}
PAIRS = [("red", "green"), ("green", "blue"), ("blue", "red")]
CATEGORIES = Categories(tuple(COLOURS), (1, 2, 3), ("#000000",) * 3)


def halves(left, right, size=(48, 40)):
    """A photo (H, W, 3) uint8 of two colours side by side; size is (width, height)."""
    photo = np.zeros((size[1], size[0], 3), np.uint8)
    photo[:, : size[0] // 2], photo[:, size[0] // 2 :] = COLOURS[left], COLOURS[right]
    return photo


def write_photos(folder, pairs, size=(48, 40)):
    """Write photos of (left, right) colours, their table and the categories; gives the table."""
    rows = []
    for number, (left, right) in enumerate(pairs):
        path = Path(folder) / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(halves(left, right, size)).save(path)
        rows.append((f"{number:03d}", str(path), *size, tuple(name for name in COLOURS if name in (left, right)), "0"))
    images = pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "keywords", "sha256"])
    write_images(Path(folder) / "images.csv", images)
    write_categories(Path(folder) / "categories.csv", CATEGORIES)
    return images


def write_proxies(folder, images, pairs):
    """True label maps of photos of two colours."""
    labels = {name: number + 1 for number, name in enumerate(COLOURS)}
    for photo, (left, right) in zip(images.itertuples(), pairs, strict=True):
        mask = np.zeros((photo.height, photo.width), np.uint8)
        mask[:, : photo.width // 2], mask[:, photo.width // 2 :] = labels[left], labels[right]
        write_labels(folder / f"{photo.image_id}.png", mask)
