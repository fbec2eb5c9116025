"""Attention: a fully convolutional classifier of keywords and its maps (PAPER §3.1)."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from aisi.photos import read_photo
from aisi.progress import progress
from aisi.training.augmentation import jitter_colours, mirror, random_part, read_ahead, to_tensor, warp
from aisi.training.backbones import create_backbone
from aisi.training.weights import load_network, save_weights


class AttentionNetwork(nn.Module):
    """A backbone and a 1x1 convolution that gives one score map for each category.

    Parameters
    ----------
    n_categories : int
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    output_stride : {8, 16, 32}
        Of the score maps.
    image_size : int
        Photos are warped to a square with this side, pixels.
    weights : str
        ImageNet weights of the backbone.
    dropout : float
        Share of the channels that are dropped before the convolution in training.
    """

    def __init__(
        self,
        n_categories: int,
        backbone: str,
        output_stride: int,
        image_size: int,
        weights: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.backbone = create_backbone(backbone, weights, output_stride)
        self.classifier = nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(self.backbone.channels[-1], n_categories, 1))
        for parameter in self.classifier.parameters():
            nn.init.zeros_(parameter)

    def features(self, photos: torch.Tensor) -> torch.Tensor:
        """Photos (B, 3, S, S) uint8 -> the backbone's last maps (B, D, h, w)."""
        return self.backbone.last_map(self.backbone.normalise(photos))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Photos (B, 3, S, S) uint8 -> score maps (B, C, h, w); their sigmoid is the attention A."""
        return self.classifier(self.features(photos))


def attention_loss(scores: torch.Tensor, keywords: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy of y = sigmoid(GAP(score maps)) (PAPER §3.1 eq. 1).

    Parameters
    ----------
    scores : (B, C, h, w) float
        Score maps.
    keywords : (B, C) float
        1 for the keywords of a photo, 0 for all others.
    """
    return F.binary_cross_entropy_with_logits(scores.mean((2, 3)), keywords)


def classifier_loss(model: nn.Module, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Compute :func:`attention_loss` of a model that gives score maps, for :func:`aisi.training.engine.fit`."""
    inputs, keywords = batch
    return attention_loss(model(inputs), keywords)


def keyword_vectors(labels: Collection[Sequence[int]], n_categories: int) -> torch.Tensor:
    """Turn each photo's labels 1..C into a row of 0 and 1: (N, C) float32."""
    vectors = torch.zeros(len(labels), n_categories)
    for vector, photo in zip(vectors, labels, strict=True):
        vector[torch.tensor(photo, dtype=torch.long) - 1] = 1
    return vectors


class KeywordPhotos:
    """Training samples: a random part of a photo and its keywords.

    The part is warped to a square, mirrored at random, and its colours are jittered.

    Parameters
    ----------
    paths : list of str
    keywords : (N, C) float tensor
        As from :func:`keyword_vectors`.
    size : int
        Side of the square, pixels.
    least_area : float
        Smallest share of the photo that a sample shows. ASSUME 0.7: the part seldom loses a keyword's object.
    colour_jitter : float
    """

    def __init__(
        self,
        paths: Sequence[str],
        keywords: torch.Tensor,
        size: int,
        least_area: float = 0.7,
        colour_jitter: float = 0.3,
    ) -> None:
        self.paths, self.keywords, self.size = paths, keywords, size
        self.least_area, self.colour_jitter = least_area, colour_jitter

    def __len__(self) -> int:
        return len(self.paths)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw one sample: photo (3, S, S) uint8, keywords (C,) float."""
        photo = read_photo(self.paths[index])
        part = warp(photo, (self.size,) * 2, random_part(photo.shape[1::-1], rng, self.least_area))
        if rng.random() < 0.5:
            part = mirror(part)
        return to_tensor(jitter_colours(part, self.colour_jitter, rng)), self.keywords[index]


class PooledPhotos:
    """Training samples of a frozen backbone: pooled features of a photo or of its mirror image, and its keywords.

    Parameters
    ----------
    features : (N, 2, D) float tensor
        As from :func:`pool_photos`.
    keywords : (N, C) float tensor
        As from :func:`keyword_vectors`.
    """

    def __init__(self, features: torch.Tensor, keywords: torch.Tensor) -> None:
        self.features, self.keywords = features, keywords

    def __len__(self) -> int:
        return len(self.features)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw one sample: features (D, 1, 1), keywords (C,)."""
        return self.features[index, rng.integers(2), :, None, None], self.keywords[index]


@torch.inference_mode()
def pool_photos(model: AttentionNetwork, paths: Sequence[str]) -> torch.Tensor:
    """Pool the features of photos and of their mirror images: (N, 2, D) float32.

    The 1x1 convolution and global average pooling are linear, so their order does not matter. Therefore, with a frozen
    backbone, training the head on these features is the same as training the network on the photos.
    """
    pooled = [
        model.features(_both_ways(photo, model)).mean((2, 3)).cpu()
        for photo in progress(read_ahead(read_photo, paths), total=len(paths), desc="pool photos", unit="photo")
    ]
    return torch.stack(pooled).clone() if pooled else torch.zeros(0, 2, model.backbone.channels[-1])


def training_set(
    model: AttentionNetwork, paths: Sequence[str], keywords: torch.Tensor, freeze_backbone: bool
) -> tuple[nn.Module, KeywordPhotos | PooledPhotos]:
    """Choose what is trained, and on what: the network on photos; with a frozen backbone, the head on pooled features.

    Parameters
    ----------
    model : AttentionNetwork
    paths : list of str
    keywords : (N, C) float tensor
    freeze_backbone : bool

    Returns
    -------
    module, dataset
        For :func:`aisi.training.engine.fit`.
    """
    if freeze_backbone:
        return model.classifier, PooledPhotos(pool_photos(model.eval(), paths), keywords)
    return model, KeywordPhotos(paths, keywords, model.image_size)


@torch.inference_mode()
def attention_maps(model: AttentionNetwork, photo: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Compute the attention maps of one photo for its own keywords.

    Parameters
    ----------
    model : AttentionNetwork
    photo : (H, W, 3) uint8
    labels : list of int
        1..C.

    Returns
    -------
    (K, h, w) float32
        A in [0, 1], averaged over the photo and its mirror image.
    """
    maps = torch.sigmoid(model(_both_ways(photo, model)))
    maps = (maps[0] + maps[1].flip(2)) / 2  # ASSUME mirrored photos count too: a head trained on few photos is noisy
    return maps[np.asarray(labels, np.int64) - 1].float().cpu().numpy()


def _both_ways(photo, model):
    tensor = to_tensor(warp(photo, (model.image_size,) * 2))
    both = torch.stack([tensor, tensor.flip(2)]).to(next(model.parameters()).device)
    return both.contiguous(memory_format=torch.channels_last)


def load_attention(weights_path: str | Path, device: torch.device, n_categories: int) -> AttentionNetwork:
    """Read a trained :class:`AttentionNetwork`, ready to compute maps."""
    return load_network(weights_path, "attention", AttentionNetwork, device, n_categories)


def save_attention(weights_path: str | Path, model: AttentionNetwork, architecture: dict[str, Any]) -> None:
    """Write a trained :class:`AttentionNetwork` with the arguments that build it."""
    save_weights(weights_path, model.state_dict(), {"network": "attention"} | architecture)
