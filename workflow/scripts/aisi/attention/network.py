"""Attention: a fully convolutional classifier of keywords and its maps (PAPER §3.1)."""

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
    """A backbone and a 1x1 convolution to one score map for each category.

    Parameters
    ----------
    n_categories : int
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    output_stride : {8, 16, 32}
        Of the score maps.
    image_size : int
        Photos are warped to a square of this side, pixels.
    weights : str
        ImageNet weights of the backbone.
    dropout : float
        Share of channels that training drops before the convolution.
    """

    def __init__(self, n_categories, backbone, output_stride, image_size, weights="none", dropout=0.0):
        super().__init__()
        self.image_size = image_size
        self.backbone = create_backbone(backbone, weights, output_stride)
        self.classifier = nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(self.backbone.channels[-1], n_categories, 1))
        nn.init.zeros_(self.classifier[1].weight)
        nn.init.zeros_(self.classifier[1].bias)

    def features(self, images):
        """Images (B, 3, S, S) uint8 -> the backbone's last maps (B, D, h, w)."""
        return self.backbone(self.backbone.normalise(images))[-1]

    def forward(self, images):
        """Images (B, 3, S, S) uint8 -> score maps (B, C, h, w); their sigmoid is the attention A."""
        return self.classifier(self.features(images))


def attention_loss(scores, keywords):
    """Mean binary cross-entropy of y = sigmoid(GAP(score maps)) (PAPER §3.1 eq. 1).

    Parameters
    ----------
    scores : (B, C, h, w) float
        Score maps.
    keywords : (B, C) float
        1 for a photo's keywords, 0 elsewhere.
    """
    return F.binary_cross_entropy_with_logits(scores.mean((2, 3)), keywords)


def classifier_loss(model, batch):
    """:func:`attention_loss` of a model that gives score maps, for :func:`aisi.training.engine.fit`."""
    inputs, keywords = batch
    return attention_loss(model(inputs), keywords)


def keyword_vectors(labels, n_categories):
    """Keywords as (N, C) float32 of 0 and 1, from a list of labels 1..C for each photo."""
    vectors = torch.zeros(len(labels), n_categories)
    for vector, photo in zip(vectors, labels, strict=True):
        vector[torch.tensor(photo, dtype=torch.long) - 1] = 1
    return vectors


class KeywordPhotos:
    """Training samples: a random part of a photo, mirrored at random, with jittered colours, and its keywords.

    Parameters
    ----------
    paths : list of str
    keywords : (N, C) float tensor
        As from :func:`keyword_vectors`.
    size : int
        Side of the square, pixels.
    least_area : float
        Least share of the photo that a sample shows. ASSUME 0.7: a keyword's object seldom leaves the part.
    colour_jitter : float
    """

    def __init__(self, paths, keywords, size, least_area=0.7, colour_jitter=0.3):
        self.paths, self.keywords, self.size = paths, keywords, size
        self.least_area, self.colour_jitter = least_area, colour_jitter

    def __len__(self):
        return len(self.paths)

    def sample(self, index, rng):
        """One sample: image (3, S, S) uint8, keywords (C,) float."""
        photo = read_photo(self.paths[index])
        picture = warp(photo, (self.size,) * 2, random_part(photo.shape[1::-1], rng, self.least_area))
        if rng.random() < 0.5:
            picture = mirror(picture)
        return to_tensor(jitter_colours(picture, self.colour_jitter, rng)), self.keywords[index]


class PooledPhotos:
    """Training samples of a frozen backbone: pooled features of the photo or of its mirror image, and its keywords."""

    def __init__(self, features, keywords):
        self.features, self.keywords = features, keywords

    def __len__(self):
        return len(self.features)

    def sample(self, index, rng):
        """One sample: features (D, 1, 1), keywords (C,)."""
        return self.features[index, rng.integers(2), :, None, None], self.keywords[index]


@torch.inference_mode()
def pool_photos(model, paths):
    """Pooled features of photos and of their mirror images, (N, 2, D) float32.

    The 1x1 convolution and GAP are linear, so they may change places: with a frozen backbone, a head trained on these
    is the network trained on the photos.
    """
    pooled = [
        model.features(_both_ways(photo, model)).mean((2, 3)).cpu()
        for photo in progress(read_ahead(read_photo, paths), total=len(paths), desc="pool photos", unit="photo")
    ]
    return torch.stack(pooled).clone() if pooled else torch.zeros(0, 2, model.backbone.channels[-1])


def training_set(model, paths, keywords, freeze_backbone):
    """What is trained, and on what: the network on photos, or, with a frozen backbone, its head on pooled features.

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
def attention_maps(model, photo, labels):
    """Attention of one photo for its own keywords.

    Parameters
    ----------
    model : AttentionNetwork
    photo : (H, W, 3) uint8
    labels : list of int
        1..C.

    Returns
    -------
    (K, h, w) float32
        A in [0, 1]: the mean over the photo and its mirror image.
    """
    maps = torch.sigmoid(model(_both_ways(photo, model)))
    maps = (maps[0] + maps[1].flip(2)) / 2  # ASSUME mirrored photos too: a head trained on few photos is noisy
    return maps[np.asarray(labels, np.int64) - 1].float().cpu().numpy()


def _both_ways(photo, model):
    image = to_tensor(warp(photo, (model.image_size,) * 2))
    images = torch.stack([image, image.flip(2)]).to(next(model.parameters()).device)
    return images.contiguous(memory_format=torch.channels_last)


def load_attention(path, device, n_categories):
    """Read a trained :class:`AttentionNetwork`, ready to compute maps."""
    return load_network(path, "attention", AttentionNetwork, device, n_categories)


def save_attention(path, model, architecture):
    """Write a trained :class:`AttentionNetwork` with the arguments that build it."""
    save_weights(path, model.state_dict(), {"network": "attention"} | architecture)
