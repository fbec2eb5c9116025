"""Semantic features of salient instances (PAPER §3.2)."""

from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.datasets import ImageFolder

from aisi.masks import decode
from aisi.photos import read_photo
from aisi.training.augmentation import jitter_colours, mirror, random_part, read_ahead, to_tensor, warp
from aisi.training.backbones import create_backbone
from aisi.training.processes import sum_over_processes
from aisi.training.weights import load_network, save_weights

GREY = (124, 116, 104)
"""Mean colour of ImageNet, to which a dimmed background fades."""


class FeatureExtractor(nn.Module):
    """A backbone and global average pooling of its last stage.

    Parameters
    ----------
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    weights : str
        ImageNet weights of the backbone.
    """

    def __init__(self, backbone, weights="none"):
        super().__init__()
        self.backbone = create_backbone(backbone, weights)
        self.dimension = self.backbone.channels[-1]

    def forward(self, crops):
        """Crops (B, 3, S, S) uint8 -> features (B, D) float; D = 2048 for ResNet-50."""
        return self.backbone(self.backbone.normalise(crops))[-1].mean((2, 3))


class CentreLoss(nn.Module):
    """Cosine distance of features to the centre of their category, which follows them (PAPER §3.2 eq. 3, 4).

    Parameters
    ----------
    n_categories, dimension : int
    alpha : float
        Share of the way to the features that a centre moves in a step; 0.5 in the paper.
    """

    def __init__(self, n_categories, dimension, alpha):
        super().__init__()
        self.alpha = alpha
        self.register_buffer("centres", torch.zeros(n_categories, dimension))

    def forward(self, features, categories):
        """L_c of features (B, D) and categories (B,), averaged; in training the centres move after it is taken."""
        features = features.float()
        if self.training:
            self._start(features.detach(), categories)
        loss = (1 - F.cosine_similarity(features, self.centres[categories])).mean()
        if self.training:
            self._move(features.detach(), categories)
        return loss

    def _start(self, features, categories):
        # ASSUME: a centre starts as its category's first feature; before, a zero norm, its cosine is undefined. Of
        # several processes, as the mean of theirs.
        firsts, counts = torch.zeros_like(self.centres), self.centres.new_zeros(len(self.centres), 1)
        for feature, category in zip(features.flip(0), categories.flip(0), strict=True):
            firsts[category], counts[category] = feature, 1
        self._towards(firsts, counts * ~self.centres.any(1, keepdim=True), 1.0)

    def _move(self, features, categories):
        # ASSUME: of several samples of a category in a batch the mean of f - c counts
        sums = torch.zeros_like(self.centres).index_add_(0, categories, features)
        counts = torch.bincount(categories, minlength=len(self.centres))[:, None]
        self._towards(sums, counts, self.alpha)

    def _towards(self, sums, counts, share):
        """Move centres by a share of the way to the mean of all processes; those of count 0 stay."""
        sums, counts = sum_over_processes(sums), sum_over_processes(counts.to(sums.dtype))
        self.centres += share * torch.where(counts > 0, sums / counts.clamp(min=1) - self.centres, 0)


class FeatureClassifier(nn.Module):
    """An extractor with the auxiliary classifier that trains it.

    Parameters
    ----------
    extractor : FeatureExtractor
    n_categories : int
        Of the auxiliary set.
    centre_weight, centre_rate : float
        lambda and alpha of PAPER §3.2; a weight of 0 leaves softmax alone.
    """

    def __init__(self, extractor, n_categories, centre_weight=0.0, centre_rate=0.5):
        super().__init__()
        self.extractor, self.centre_weight = extractor, centre_weight
        # On pooled features the paper's 1x1 convolution is a linear layer.
        self.classifier = nn.Linear(extractor.dimension, n_categories)
        self.centre_loss = CentreLoss(n_categories, extractor.dimension, centre_rate)

    def forward(self, crops):
        """Crops (B, 3, S, S) uint8 -> features (B, D) and logits (B, C)."""
        features = self.extractor(crops)
        return features, self.classifier(features)


def feature_loss(model, batch):
    """L_cls + lambda L_c of a batch: images (B, 3, S, S) uint8 and categories (B,) (PAPER §3.2 eq. 3)."""
    images, categories = batch
    features, logits = model(images)
    loss = F.cross_entropy(logits, categories)
    if not model.centre_weight:
        return loss
    return loss + model.centre_weight * model.centre_loss(features, categories)


class SingleObjects:
    """Training samples from a folder of folders, one for each category, as ImageNet's.

    A random part of a picture, warped to a square, mirrored at random, with jittered colours, and its category.

    Parameters
    ----------
    root : str or Path
    size : int
        Side of the square, pixels.
    least_area : float
        Least share of the picture that a sample shows.
    colour_jitter : float

    Raises
    ------
    FileNotFoundError
        If there is no folder, or one without pictures.
    """

    def __init__(self, root, size, least_area=0.4, colour_jitter=0.3):
        try:
            folder = ImageFolder(root)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{root}: {error} Expected a folder for each category, with pictures in each; remove an empty one."
            ) from error
        self.samples, self.categories = folder.samples, folder.classes
        self.size, self.least_area, self.colour_jitter = size, least_area, colour_jitter

    def __len__(self):
        return len(self.samples)

    def sample(self, index, rng):
        """One sample: image (3, S, S) uint8, category 0..C - 1."""
        path, category = self.samples[index]
        photo = read_photo(path)
        picture = warp(photo, (self.size,) * 2, random_part(photo.shape[1::-1], rng, self.least_area))
        if rng.random() < 0.5:
            picture = mirror(picture)
        return to_tensor(jitter_colours(picture, self.colour_jitter, rng)), category


def crop_instances(photo, boxes, masks, size, padding=0.0, background=1.0):
    """Cut instances out of a photo.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    boxes : (n, 4) int
        XYXY, half-open.
    masks : list of dict
        COCO RLE of the whole photo.
    size : int
        Side of the crops, pixels.
    padding : float
        Share of the box's width and height that is added on each side, inside the photo.
    background : float
        How much of what is outside the mask stays: 1 all, 0 the mean colour of ImageNet.

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


def read_crops(instances, paths, size, padding, background):
    """Crops of all instances, photo by photo, read ahead.

    Parameters
    ----------
    instances : SalientInstances
    paths : dict of str to str
        Photo of each image_id.
    size, padding, background
        For :func:`crop_instances`.

    Yields
    ------
    (n, 3, size, size) uint8 tensor
    """

    def read(rows):
        photo = read_photo(paths[instances.image_ids[rows.start]])
        return crop_instances(photo, instances.boxes[rows], instances.masks[rows], size, padding, background)

    photos = (list(rows) for _, rows in groupby(range(len(instances)), instances.image_ids.__getitem__))
    yield from read_ahead(read, (slice(rows[0], rows[-1] + 1) for rows in photos))


@torch.inference_mode()
def extract(extractor, crops, batch_size, flip):
    """Features of a stream of crops, in batches that cross the photos' borders.

    Parameters
    ----------
    extractor : FeatureExtractor
    crops : iterable of (n, 3, S, S) uint8 tensor
    batch_size : int
    flip : bool
        Whether a feature is the mean over a crop and its mirror image.

    Yields
    ------
    (m, D) float32
        In the order of the crops; m is batch_size, less at the end.
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


def load_extractor(path, device):
    """Read a trained :class:`FeatureExtractor`."""
    return load_network(path, "feature_extractor", FeatureExtractor, device)


def save_extractor(path, extractor, backbone):
    """Write a trained :class:`FeatureExtractor`; ``backbone`` is its name."""
    save_weights(path, extractor.state_dict(), {"network": "feature_extractor", "backbone": backbone})
