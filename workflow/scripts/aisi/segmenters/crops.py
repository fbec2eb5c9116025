"""Training samples of the semantic networks: crops of photos and of their proxy masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from aisi.dataset.keywords import keyword_labels
from aisi.files import inside
from aisi.formats.dataset import Categories
from aisi.formats.masks import read_labels
from aisi.labels import IGNORE, VOID
from aisi.photos import GREY, read_photo
from aisi.training.augmentation import Box, jitter_colours, mirror, to_tensor

OUTSIDE = -100
"""Label of pixels beyond the photo's border. PyTorch's own value for a pixel without target."""
Sample = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Proxy:
    """A photo that has a proxy mask.

    Attributes
    ----------
    photo_path, mask_path : Path
        Files of the photo and of its label map.
    keywords : tuple of int
        Labels 1..C of the photo's keywords.
    """

    photo_path: Path
    mask_path: Path
    keywords: tuple[int, ...]


def find_proxies(photos: pd.DataFrame, categories: Categories, proxies_folder: str | Path) -> list[Proxy]:
    """Find the photos that have a proxy mask, and print how many there are.

    Parameters
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories
    proxies_folder : str or Path
        Contains ``{image_id}.png``.

    Returns
    -------
    list of Proxy
        In the order of ``photos``.

    Raises
    ------
    ValueError
        If no photo has a proxy mask.
    """
    proxies = [
        Proxy(Path(path), inside(proxies_folder, f"{image_id}.png"), tuple(labels))
        for image_id, path, labels in zip(
            photos["image_id"], photos["path"], keyword_labels(photos, categories), strict=True
        )
    ]
    found = [proxy for proxy in proxies if proxy.mask_path.is_file()]
    if not found:
        raise ValueError(
            f"{proxies_folder}: none of the {len(proxies)} photos has a proxy mask, so there is nothing to train on: "
            "no instance has a tag. Lower salient_instances.score_threshold, or raise partition.r."
        )
    print(f"{len(found)} of {len(proxies)} photos have a proxy mask.")
    return found


class ProxyCrops:
    """Training samples: a photo and its proxy mask, randomly rescaled, cropped and mirrored, with jittered colours.

    Parameters
    ----------
    proxies : list of Proxy
    n_categories : int
    crop : int
        Side of the square crop, pixels.
    scales : (float, float)
        Bounds of the rescaling, which is drawn evenly on a logarithmic scale.
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    ignored_pixels : {"nothing", "keywords"}
        What the network learns from pixels of 255: nothing, or that each is background or one of the photo's keywords.
    """

    def __init__(
        self,
        proxies: Sequence[Proxy],
        n_categories: int,
        crop: int,
        scales: Sequence[float],
        colour_jitter: float,
        ignored_pixels: str,
    ) -> None:
        self.proxies, self.n_categories = proxies, n_categories
        self.crop, self.scales, self.colour_jitter = crop, scales, colour_jitter
        self.ignored_pixels = ignored_pixels

    def __len__(self) -> int:
        return len(self.proxies)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Draw one sample: photo (3, S, S) uint8, labels (S, S) int64, candidates (C + 1,) bool.

        Labels beyond the photo are :data:`OUTSIDE`. The candidates are the labels that a pixel of 255 may have; there
        are none if the network learns nothing from such pixels.
        """
        proxy = self.proxies[index]
        photo, target = self.cut_out(proxy.photo_path, proxy.mask_path, self._labels(proxy.mask_path), rng)
        return photo, target, self._candidates(proxy.keywords)

    def cut_out(
        self, photo_path: str | Path, mask_path: str | Path, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Crop a photo and its labels (H, W), uint8 or int32, at random: (3, S, S) uint8 and (S, S) int64."""
        photo, label_map = Image.fromarray(read_photo(photo_path)), Image.fromarray(labels)
        if photo.size != label_map.size:
            raise ValueError(
                f"{mask_path}: found {label_map.size} pixels, expected the {photo.size} of its photo {photo_path} "
                "(width, height)."
            )
        box, size, (x, y) = self._place(photo.size, rng)
        canvas = Image.new("RGB", (self.crop,) * 2, GREY)
        canvas.paste(photo.resize(size, Image.Resampling.BILINEAR, box), (x, y))
        target = np.full((self.crop,) * 2, OUTSIDE)
        target[y : y + size[1], x : x + size[0]] = label_map.resize(size, Image.Resampling.NEAREST, box)
        if rng.random() < 0.5:
            canvas, target = mirror(canvas), np.fliplr(target).copy()
        return to_tensor(jitter_colours(canvas, self.colour_jitter, rng)), torch.from_numpy(target)

    def _candidates(self, keywords: tuple[int, ...]) -> torch.Tensor:
        candidates = torch.zeros(self.n_categories + 1, dtype=torch.bool)
        if self.ignored_pixels == "keywords":
            candidates[[0, *keywords]] = True
        return candidates

    def _labels(self, mask_path: Path) -> np.ndarray:
        labels = read_labels(mask_path)
        largest = labels[labels != IGNORE].max(initial=0)
        if largest > self.n_categories:
            raise ValueError(
                f"{mask_path}: found label {largest}, but the largest in categories.csv is {self.n_categories}."
            )
        return labels

    def _place(self, photo_size: tuple[int, int], rng: np.random.Generator) -> tuple[Box, tuple, tuple]:
        """Draw the visible box of the photo, its size in the crop, and the position of its upper left corner there."""
        low, high = self.scales
        scale = low * (high / low) ** rng.random()
        box, size, corner = [], [], []
        for side in photo_size:
            visible = min(side, self.crop / scale)
            start = rng.uniform(0, side - visible)
            length = max(1, min(self.crop, round(visible * scale)))
            box.append((start, start + visible))
            size.append(length)
            corner.append(int(rng.integers(self.crop - length + 1)))
        return (box[0][0], box[1][0], box[0][1], box[1][1]), tuple(size), tuple(corner)


class SalientCrops:
    """Training samples: those of proxies, and crops of photos that have masks of salient instances without categories.

    Such a photo is background except for its instances. An instance may be of any category. So these photos show where
    objects end, but not what they are.

    Parameters
    ----------
    crops : ProxyCrops
        Samples of the proxies. Photos of salient instances are cropped in the same way.
    salient_paths : list of (Path, Path)
        Photos and instance maps, as from :func:`aisi.salient_instances.pictures.list_pictures`. Drawn at random.
    share : float
        Share of an epoch's samples that are photos of salient instances, in [0, 1).
    """

    def __init__(self, crops: ProxyCrops, salient_paths: Sequence[tuple[Path, Path]], share: float) -> None:
        self.crops, self.salient_paths = crops, salient_paths
        self.n_salient = round(len(crops) * share / (1 - share))

    def __len__(self) -> int:
        return len(self.crops) + self.n_salient

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Draw one sample, as :meth:`ProxyCrops.sample`. The candidates of a salient instance are all categories."""
        if index < len(self.crops):
            return self.crops.sample(index, rng)
        photo_path, mask_path = self.salient_paths[int(rng.integers(len(self.salient_paths)))]
        numbers = read_labels(mask_path)
        labels = np.select([numbers == 0, numbers == VOID], [0, OUTSIDE], IGNORE).astype(np.int32)
        candidates = torch.ones(self.crops.n_categories + 1, dtype=torch.bool)
        candidates[0] = False
        return *self.crops.cut_out(photo_path, mask_path, labels, rng), candidates
