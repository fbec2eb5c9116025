"""Semantic features of salient instances (PAPER §3.2)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from aisi.masks import decode
from aisi.photos import GREY, read_photo
from aisi.planning.dataset_files import is_ignored, list_files
from aisi.training.augmentation import jitter_colours, mirror, random_part, read_ahead, to_tensor, warp
from aisi.training.backbones import create_pooled_backbone, imagenet_classifier, pretrained_weights
from aisi.training.processes import sum_over_processes
from aisi.training.weights import load_network, save_weights


class FeatureExtractor(nn.Module):
    """A backbone and global average pooling of its last stage, or the vector to which the backbone itself pools.

    Parameters
    ----------
    backbone : str
        Name for :func:`aisi.training.backbones.create_pooled_backbone`.
    weights : str
        Pretrained weights of the backbone.
    """

    def __init__(self, backbone: str, weights: str = "none") -> None:
        super().__init__()
        self.backbone = create_pooled_backbone(backbone, weights)
        self.dimension = self.backbone.channels[-1]

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Crops (B, 3, S, S) uint8 -> features (B, D) float; D = 2048 for ResNet-50."""
        return self.backbone(self.backbone.normalise(crops))[-1].mean((2, 3))


class CentreLoss(nn.Module):
    """Cosine distance of features to the centre of their category (PAPER §3.2 eq. 3, 4).

    Training moves the centres towards the features.

    Parameters
    ----------
    n_categories, dimension : int
    alpha : float
        Share of its distance to the features by which a centre moves in one step; 0.5 in the paper.
    """

    centres: torch.Tensor

    def __init__(self, n_categories: int, dimension: int, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.register_buffer("centres", torch.zeros(n_categories, dimension))

    def forward(self, features: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """Average L_c over features (B, D) with categories (B,). In training the centres move after that."""
        features = features.float()
        if self.training:
            self._start(features.detach(), categories)
        loss = (1 - F.cosine_similarity(features, self.centres[categories])).mean()
        if self.training:
            self._move(features.detach(), categories)
        return loss

    def _start(self, features, categories):
        # ASSUME: a centre starts as the first feature of its category, since the cosine of a zero centre is undefined.
        # With several processes it starts as the mean of their first features.
        firsts, counts = torch.zeros_like(self.centres), self.centres.new_zeros(len(self.centres), 1)
        for feature, category in zip(features.flip(0), categories.flip(0), strict=True):
            firsts[category], counts[category] = feature, 1
        self._towards(firsts, counts * ~self.centres.any(1, keepdim=True), 1.0)

    def _move(self, features, categories):
        # ASSUME: where a batch has several samples of a category, the mean of f - c counts
        sums = torch.zeros_like(self.centres).index_add_(0, categories, features)
        counts = torch.bincount(categories, minlength=len(self.centres))[:, None]
        self._towards(sums, counts, self.alpha)

    def _towards(self, sums, counts, share):
        """Move centres by a share of their distance to the mean over all processes. Centres with count 0 stay."""
        sums, counts = sum_over_processes(sums), sum_over_processes(counts.to(sums.dtype))
        self.centres += share * torch.where(counts > 0, sums / counts.clamp(min=1) - self.centres, 0)


class FeatureClassifier(nn.Module):
    """A feature extractor with the auxiliary classifier that trains it.

    Parameters
    ----------
    extractor : FeatureExtractor
    n_categories : int
        Of the auxiliary set.
    centre_weight, centre_rate : float
        lambda and alpha of PAPER §3.2. With a weight of 0, only the softmax loss is left.
    """

    def __init__(
        self, extractor: FeatureExtractor, n_categories: int, centre_weight: float = 0.0, centre_rate: float = 0.5
    ) -> None:
        super().__init__()
        self.extractor, self.centre_weight = extractor, centre_weight
        # The paper's 1x1 convolution, applied to pooled features, is a linear layer.
        self.classifier = nn.Linear(extractor.dimension, n_categories)
        self.centre_loss = CentreLoss(n_categories, extractor.dimension, centre_rate)

    def start_classifier(self, categories: Sequence[str], backbone: str, weights: str | Path) -> bool:
        """Let the classifier start from ImageNet's own, as in :func:`aisi.training.backbones.imagenet_classifier`.

        Parameters
        ----------
        categories : sequence of str
            Names of the C categories.
        backbone : str
        weights : str or Path
            Pretrained weights of the backbone.

        Returns
        -------
        bool
            Whether the weights have one for these categories. If not, the classifier stays as it is.
        """
        own = imagenet_classifier(pretrained_weights(backbone, weights), self.extractor.dimension, categories)
        if own is None:
            print("The classifier starts at random: the weights have none for these categories.")
            return False
        print("The classifier starts from ImageNet's own.")
        with torch.no_grad():
            self.classifier.weight.copy_(own[0])
            self.classifier.bias.copy_(own[1])
        return True

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Crops (B, 3, S, S) uint8 -> features (B, D) and logits (B, C)."""
        features = self.extractor(crops)
        return features, self.classifier(features)


def feature_loss(model: FeatureClassifier, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Compute L_cls + lambda L_c of a batch: photos (B, 3, S, S) uint8 and categories (B,) (PAPER §3.2 eq. 3)."""
    photos, categories = batch
    features, logits = model(photos)
    loss = F.cross_entropy(logits, categories)
    if not model.centre_weight:
        return loss
    return loss + model.centre_weight * model.centre_loss(features, categories)


class SingleObjects:
    """Training samples from a folder with a sub-folder of photos for each category, like ImageNet's.

    A sample is a random part of a photo and its category. The part is warped to a square, mirrored at random, and its
    colours are jittered.

    Parameters
    ----------
    photos_folder : str or Path
    size : int
        Side of the square, pixels.
    least_area : float
        Smallest share of the photo that a sample shows.
    colour_jitter : float

    Raises
    ------
    FileNotFoundError
        If there is no sub-folder, or one has no photos.
    """

    def __init__(
        self, photos_folder: str | Path, size: int, least_area: float = 0.4, colour_jitter: float = 0.3
    ) -> None:
        folders = [entry for entry in Path(photos_folder).glob("*") if entry.is_dir() and not is_ignored(entry.name)]
        self.categories = sorted(folder.name for folder in folders)
        self.samples: list[tuple[str, int]] = []
        for number, category in enumerate(self.categories):
            folder = Path(photos_folder, category)
            photos = [(str(folder / name), number) for name, _ in list_files(folder)]
            if not photos:
                raise FileNotFoundError(f"{folder}: found no photo. Add photos, or remove the folder.")
            self.samples += photos
        if not self.categories:
            raise FileNotFoundError(f"{photos_folder}: found no folder, expected one with photos for each category.")
        self.size, self.least_area, self.colour_jitter = size, least_area, colour_jitter

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, int]:
        """Draw one sample: photo (3, S, S) uint8, category 0..C - 1."""
        path, category = self.samples[index]
        photo = read_photo(path)
        part = warp(photo, (self.size,) * 2, random_part(photo.shape[1::-1], rng, self.least_area))
        if rng.random() < 0.5:
            part = mirror(part)
        return to_tensor(jitter_colours(part, self.colour_jitter, rng)), category


def crop_instances(
    photo: np.ndarray,
    boxes: np.ndarray,
    masks: Sequence[dict[str, Any]],
    size: int,
    padding: float = 0.0,
    background: float = 1.0,
) -> torch.Tensor:
    """Cut instances out of a photo.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    boxes : (n, 4) int
        XYXY, half-open.
    masks : list of dict
        COCO RLE, of the size of the photo.
    size : int
        Side of the crops, pixels.
    padding : float
        Share of the box's width and height that is added on each side, but not beyond the photo.
    background : float
        Weight of the pixels outside the mask: 1 keeps them, 0 makes them :data:`aisi.photos.GREY`.

    Returns
    -------
    (n, 3, size, size) uint8 tensor
    """
    crops = []
    for box, mask in zip(np.asarray(boxes).tolist(), masks, strict=True):
        margin = padding * (box[2] - box[0]), padding * (box[3] - box[1])
        x0, y0 = max(0, round(box[0] - margin[0])), max(0, round(box[1] - margin[1]))
        x1, y1 = min(photo.shape[1], round(box[2] + margin[0])), min(photo.shape[0], round(box[3] + margin[1]))
        crop = photo[y0:y1, x0:x1]
        if background < 1:
            inside = decode(mask)[y0:y1, x0:x1, None]
            dimmed = np.rint(background * crop + (1 - background) * np.array(GREY)).astype(np.uint8)
            crop = np.where(inside, crop, dimmed)
        crops.append(to_tensor(Image.fromarray(crop).resize((size, size), Image.Resampling.BILINEAR)))
    return torch.stack(crops) if crops else torch.zeros(0, 3, size, size, dtype=torch.uint8)


def read_crops(
    image_ids: Sequence[str],
    boxes: np.ndarray,
    masks: Sequence[dict[str, Any]],
    paths: dict[str, str],
    size: int,
    padding: float,
    background: float,
) -> Iterator[torch.Tensor]:
    """Read the crops of all instances, photo by photo. The next photos are read in advance.

    Parameters
    ----------
    image_ids, boxes, masks
        As in :class:`aisi.formats.instances.SalientInstances`.
    paths : dict of str to str
        image_id to the path of its photo.
    size, padding, background
        For :func:`crop_instances`.

    Yields
    ------
    (n, 3, size, size) uint8 tensor
    """

    def read(rows):
        photo = read_photo(paths[image_ids[rows.start]])
        return crop_instances(photo, boxes[rows], masks[rows], size, padding, background)

    photos = (list(rows) for _, rows in groupby(range(len(image_ids)), image_ids.__getitem__))
    yield from read_ahead(read, (slice(rows[0], rows[-1] + 1) for rows in photos))


@torch.inference_mode()
def extract(
    extractor: FeatureExtractor, crops: Iterable[torch.Tensor], batch_size: int, flip: bool
) -> Iterator[np.ndarray]:
    """Compute the features of a stream of crops. One batch may hold the crops of several photos.

    Parameters
    ----------
    extractor : FeatureExtractor
    crops : iterable of (n, 3, S, S) uint8 tensor
    batch_size : int
    flip : bool
        Whether a feature is averaged over the crop and its mirror image.

    Yields
    ------
    (m, D) float32
        In the order of the crops; m is batch_size, or less in the last batch.
    """
    device = next(extractor.parameters()).device
    for batch in _rebatch(crops, batch_size):
        batch = batch.to(device).contiguous(memory_format=torch.channels_last)
        features = extractor(batch)
        if flip:
            features = (features + extractor(batch.flip(3))) / 2
        yield features.float().cpu().numpy()


def _rebatch(parts, size):
    waiting = []
    for part in parts:
        waiting += part
        while len(waiting) >= size:
            yield torch.stack(waiting[:size])
            waiting = waiting[size:]
    if waiting:
        yield torch.stack(waiting)


def load_extractor(weights_path: str | Path, device: torch.device) -> FeatureExtractor:
    """Read a trained :class:`FeatureExtractor`."""
    return load_network(weights_path, "feature_extractor", FeatureExtractor, device)


def save_extractor(weights_path: str | Path, extractor: FeatureExtractor, backbone: str) -> None:
    """Write a trained :class:`FeatureExtractor`. ``backbone`` is the name of its backbone."""
    save_weights(weights_path, extractor.state_dict(), {"network": "feature_extractor", "backbone": backbone})
