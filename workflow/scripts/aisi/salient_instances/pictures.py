"""Photos with class-agnostic instance masks, to train and evaluate S4Net."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from aisi.formats.masks import read_labels
from aisi.labels import VOID
from aisi.photos import read_photo
from aisi.training.augmentation import jitter_colours, mirror, to_tensor

MASK_SHARE = 2
"""Masks are kept at the input's size divided by this."""


def list_pictures(root: str | Path, split: str) -> list[tuple[Path, Path]]:
    """Paths of the photos and masks of ``ImageSets/{split}.txt`` below ``root``.

    Returns
    -------
    list of (Path, Path)
        ``JPEGImages/{id}.jpg`` and ``SegmentationObject/{id}.png`` (0 background, 1.. instances, 255 void).

    Raises
    ------
    FileNotFoundError
        If the list, a photo or a mask is missing.
    """
    root = Path(root)
    names = (root / "ImageSets" / f"{split}.txt").read_text(encoding="utf-8").split()
    pairs = [(root / "JPEGImages" / f"{name}.jpg", root / "SegmentationObject" / f"{name}.png") for name in names]
    missing = [path for pair in pairs for path in pair if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{root}: {len(missing)} files of ImageSets/{split}.txt are missing, first {missing[0]}."
        )
    return pairs


class SalientPictures:
    """Training samples: a random crop, mirrored at random, with jittered colours, warped to a square.

    Parameters
    ----------
    pairs : list of (Path, Path)
        Photos and their instance masks.
    size : int
        Side of the square in pixels.
    smallest_crop : float
        Smallest share of a side that a crop keeps, in (0, 1].
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        size: int,
        smallest_crop: float = 0.5,
        colour_jitter: float = 0.4,
    ) -> None:
        self.pairs, self.size, self.smallest_crop, self.colour_jitter = pairs, size, smallest_crop, colour_jitter

    def __len__(self):
        return len(self.pairs)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Image (3, S, S) uint8, boxes (n, 4) float XYXY, masks (n, S / 2, S / 2) uint8: 1 object, 0 not, 255 void."""
        photo_path, mask_path = self.pairs[index]
        photo, numbers = Image.fromarray(read_photo(photo_path)), Image.fromarray(read_labels(mask_path))
        box = self._crop(photo.size, rng)
        photo = photo.resize((self.size,) * 2, Image.Resampling.BILINEAR, box)
        labels = np.array(numbers.resize((self.size,) * 2, Image.Resampling.NEAREST, box))
        if rng.random() < 0.5:
            photo, labels = mirror(photo), labels[:, ::-1]
        boxes, masks = _instances(labels)
        image = to_tensor(jitter_colours(photo, self.colour_jitter, rng))
        return image, torch.from_numpy(boxes), torch.from_numpy(masks)

    def _crop(self, size, rng):
        if rng.random() < 0.25:
            return 0, 0, *size
        width, height = (side * rng.uniform(self.smallest_crop, 1) for side in size)
        left, top = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
        return left, top, left + width, top + height

    @staticmethod
    def collate(samples: Sequence[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> dict[str, Any]:
        """A batch for :func:`aisi.salient_instances.s4net.s4net_loss`."""
        images, boxes, masks = zip(*samples, strict=True)
        return {"images": torch.stack(images), "boxes": list(boxes), "masks": list(masks)}


def _instances(labels):
    boxes, masks = [], []
    small = labels[::MASK_SHARE, ::MASK_SHARE]
    for label in np.unique(labels):
        rows, columns = np.nonzero(labels == label)
        # ASSUME: the rest of an instance in a crop counts if its sides have at least 4 pixels
        if label in (0, VOID) or min(np.ptp(rows), np.ptp(columns)) < 4:
            continue
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        masks.append(np.where(small == VOID, VOID, small == label).astype(np.uint8))
    shape = (0, *small.shape)
    return np.array(boxes, np.float32).reshape(-1, 4), np.stack(masks) if masks else np.zeros(shape, np.uint8)
