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
MOST_PASTED = 4
PASTED_SIDES = 0.08, 0.5
"""Bounds of a pasted instance's longer side, as a share of the square's side."""
LEAST_VISIBLE = 0.3
"""An instance becomes void if others hide more than the rest of it."""


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
        Smallest share of a side that a crop keeps, in (0, 1]. With 1 every sample shows the whole photo.
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    crowded : float
        Share of the samples that are made crowded, in [0, 1]: half of them are four photos side by side, half have
        instances of other photos pasted into them (arXiv 2012.07177).
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        size: int,
        smallest_crop: float = 0.5,
        colour_jitter: float = 0.4,
        crowded: float = 0.0,
    ) -> None:
        self.pairs, self.size, self.smallest_crop, self.colour_jitter = pairs, size, smallest_crop, colour_jitter
        self.crowded = crowded

    def __len__(self):
        return len(self.pairs)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Image (3, S, S) uint8, boxes (n, 4) float XYXY, masks (n, S / 2, S / 2) uint8: 1 object, 0 not, 255 void."""
        kind = rng.random() if self.crowded else 1.0
        if kind < self.crowded / 2:
            photo, labels = self._mosaic(index, rng)
        else:
            photo, labels = self._view(index, self.size, rng)
            if kind < self.crowded:
                for _ in range(rng.integers(1, MOST_PASTED + 1)):
                    self._paste(photo, labels, rng)
        boxes, masks = _instances(labels)
        image = to_tensor(jitter_colours(photo, self.colour_jitter, rng))
        return image, torch.from_numpy(boxes), torch.from_numpy(masks)

    def _read(self, index):
        photo_path, mask_path = self.pairs[index]
        return Image.fromarray(read_photo(photo_path)), read_labels(mask_path)

    def _view(self, index, size, rng):
        """A random part of a photo, as a Pillow image and labels (size, size) uint8."""
        photo, numbers = self._read(index)
        box = self._crop(photo.size, rng)
        photo = photo.resize((size, size), Image.Resampling.BILINEAR, box)
        labels = np.array(Image.fromarray(numbers).resize((size, size), Image.Resampling.NEAREST, box))
        return (mirror(photo), labels[:, ::-1].copy()) if rng.random() < 0.5 else (photo, labels)

    def _mosaic(self, index, rng):
        """Four photos of half the size, side by side."""
        half, photo = self.size // 2, Image.new("RGB", (self.size,) * 2)
        labels = np.zeros((self.size,) * 2, np.uint8)
        for number, part_index in enumerate([index, *rng.integers(len(self.pairs), size=3)]):
            x, y = half * (number % 2), half * (number // 2)
            part, part_labels = self._view(part_index, half, rng)
            photo.paste(part, (x, y))
            _add_labels(labels, x, y, part_labels)
        return photo, labels

    def _paste(self, photo, labels, rng):
        """Paste an instance of a random photo, in place. Pixels that it hides no longer belong to other instances."""
        other, other_labels = self._read(rng.integers(len(self.pairs)))
        numbers = np.setdiff1d(other_labels, (0, VOID))
        side, place, chosen = rng.uniform(*PASTED_SIDES), rng.random(2), rng.random()
        if not len(numbers):
            return
        inside = other_labels == numbers[int(chosen * len(numbers))]
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        box = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        scale = side * self.size / max(box[2] - box[0], box[3] - box[1])
        size = [max(1, round(scale * length)) for length in (box[2] - box[0], box[3] - box[1])]
        mask = Image.fromarray(inside).resize(size, Image.Resampling.NEAREST, box)
        x, y = (round(share * (self.size - length)) for share, length in zip(place, size, strict=True))
        photo.paste(other.resize(size, Image.Resampling.BILINEAR, box), (x, y), mask)
        before = np.bincount(labels.ravel(), minlength=256)
        _add_labels(labels, x, y, np.array(mask, np.uint8))
        after = np.bincount(labels.ravel(), minlength=256)
        hidden = np.flatnonzero(after < LEAST_VISIBLE * before)
        labels[np.isin(labels, hidden[hidden > 0])] = VOID

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


def _add_labels(labels, x, y, new):
    """Write the instances of ``new`` (h, w) into labels (S, S) at (x, y), in place, with numbers that are free."""
    part = labels[y : y + new.shape[0], x : x + new.shape[1]]
    free = np.setdiff1d(np.arange(1, VOID), labels)
    for free_number, number in zip(free, np.setdiff1d(new, (0, VOID)), strict=False):
        part[new == number] = free_number
    part[new == VOID] = VOID


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
