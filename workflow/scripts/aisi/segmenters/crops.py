"""What the semantic networks learn from: crops of photos and their proxy masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from aisi.dataset.keywords import keyword_labels
from aisi.files import inside
from aisi.formats.masks import read_labels
from aisi.labels import IGNORE, VOID
from aisi.photos import read_photo
from aisi.training.augmentation import jitter_colours, mirror, to_tensor

GREY = (124, 116, 104)
"""Mean colour of ImageNet: what a crop shows beyond the photo's border."""
OUTSIDE = -100
"""Label of what lies beyond the photo's border (PyTorch's own for a pixel without target)."""


@dataclass(frozen=True)
class Proxy:
    """A photo that trains.

    Attributes
    ----------
    photo, mask : Path
        Of the picture and of its label map.
    keywords : tuple of int
        Labels 1..C.
    """

    photo: Path
    mask: Path
    keywords: tuple


def find_proxies(images, categories, folder):
    """Photos and their proxy masks; how many there are goes to the log.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories
    folder : str or Path
        Of ``{image_id}.png``.

    Returns
    -------
    list of Proxy
        Of the photos that have a proxy mask.

    Raises
    ------
    ValueError
        If no photo has one.
    """
    proxies = [
        Proxy(Path(photo.path), inside(folder, f"{photo.image_id}.png"), tuple(labels))
        for photo, labels in zip(images.itertuples(), keyword_labels(images, categories), strict=True)
    ]
    found = [proxy for proxy in proxies if proxy.mask.is_file()]
    if not found:
        raise ValueError(
            f"{folder}: none of the {len(proxies)} photos has a proxy mask, so there is nothing to train on: no "
            "instance has a tag. Lower salient_instances.score_threshold, or raise partition.r."
        )
    print(f"{len(found)} of {len(proxies)} photos have a proxy mask.")
    return found


class ProxyCrops:
    """Training samples: a photo and its proxy mask, rescaled, cropped, mirrored at random, with jittered colours.

    Parameters
    ----------
    proxies : list of Proxy
    n_categories : int
    crop : int
        Side of the square, pixels.
    scales : (float, float)
        Bounds of the rescaling, drawn evenly on a logarithmic scale.
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    ignored_pixels : {"nothing", "keywords"}
        What pixels of 255 teach: nothing, or that they are background or one of the photo's keywords.
    """

    def __init__(self, proxies, n_categories, crop, scales, colour_jitter, ignored_pixels):
        self.proxies, self.n_categories = proxies, n_categories
        self.crop, self.scales, self.colour_jitter = crop, scales, colour_jitter
        self.ignored_pixels = ignored_pixels

    def __len__(self):
        return len(self.proxies)

    def sample(self, index, rng):
        """One sample: image (3, S, S) uint8, labels (S, S) int64, candidates (C + 1,) bool.

        Labels are :data:`OUTSIDE` beyond the photo. The candidates are those of pixels of 255; none if they teach
        nothing.
        """
        proxy = self.proxies[index]
        image, target = self.cut_out(proxy.photo, proxy.mask, self._labels(proxy.mask), rng)
        return image, target, self._candidates(proxy.keywords)

    def cut_out(self, photo_path, mask_path, labels, rng):
        """A random crop of a photo and of its labels (H, W), uint8 or int32: (3, S, S) uint8 and (S, S) int64."""
        photo, labels = Image.fromarray(read_photo(photo_path)), Image.fromarray(labels)
        if photo.size != labels.size:
            raise ValueError(f"{mask_path}: is {labels.size} pixels, its photo {photo_path} {photo.size}.")
        box, size, (x, y) = self._place(photo.size, rng)
        canvas = Image.new("RGB", (self.crop,) * 2, GREY)
        canvas.paste(photo.resize(size, Image.Resampling.BILINEAR, box), (x, y))
        target = np.full((self.crop,) * 2, OUTSIDE)
        target[y : y + size[1], x : x + size[0]] = labels.resize(size, Image.Resampling.NEAREST, box)
        if rng.random() < 0.5:
            canvas, target = mirror(canvas), np.fliplr(target).copy()
        return to_tensor(jitter_colours(canvas, self.colour_jitter, rng)), torch.from_numpy(target)

    def _candidates(self, keywords):
        candidates = torch.zeros(self.n_categories + 1, dtype=torch.bool)
        if self.ignored_pixels == "keywords":
            candidates[[0, *keywords]] = True
        return candidates

    def _labels(self, path):
        labels = read_labels(path)
        largest = labels[labels != IGNORE].max(initial=0)
        if largest > self.n_categories:
            raise ValueError(f"{path}: holds label {largest}, but categories.csv ends at {self.n_categories}.")
        return labels

    def _place(self, photo_size, rng):
        """Box of the photo that is seen, its size in the crop, and its upper left corner there."""
        low, high = self.scales
        scale = low * (high / low) ** rng.random()
        box, size, corner = [], [], []
        for side in photo_size:
            seen = min(side, self.crop / scale)
            start = rng.uniform(0, side - seen)
            length = max(1, min(self.crop, round(seen * scale)))
            box.append((start, start + seen))
            size.append(length)
            corner.append(int(rng.integers(self.crop - length + 1)))
        return (box[0][0], box[1][0], box[0][1], box[1][1]), tuple(size), tuple(corner)


class SalientCrops:
    """Training samples: those of proxies, and crops of salient instances' pictures, whose masks know no category.

    Such a picture is background but for its instances. An instance may be of any category, so it teaches where objects
    end, and not what they are.

    Parameters
    ----------
    crops : ProxyCrops
        Samples of the proxies; those of the pictures are cut out like them.
    pictures : list of (Path, Path)
        As from :func:`aisi.salient_instances.pictures.list_pictures`; drawn at random.
    share : float
        Of an epoch's samples that show these pictures, in [0, 1).
    """

    def __init__(self, crops, pictures, share):
        self.crops, self.pictures = crops, pictures
        self.n_pictures = round(len(crops) * share / (1 - share))

    def __len__(self):
        return len(self.crops) + self.n_pictures

    def sample(self, index, rng):
        """One sample, as from :meth:`ProxyCrops.sample`; the candidates of an instance's pixels are all categories."""
        if index < len(self.crops):
            return self.crops.sample(index, rng)
        photo, mask = self.pictures[rng.integers(len(self.pictures))]
        labels = read_labels(mask)
        labels = np.select([labels == 0, labels == VOID], [0, OUTSIDE], IGNORE).astype(np.int32)
        candidates = torch.ones(self.crops.n_categories + 1, dtype=torch.bool)
        candidates[0] = False
        return *self.crops.cut_out(photo, mask, labels, rng), candidates
