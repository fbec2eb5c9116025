"""DeepLab: semantic segmentation with atrous convolutions."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from aisi.formats.masks import read_labels
from aisi.labels import IGNORE
from aisi.plugins import Registry
from aisi.segmenters.crops import OUTSIDE, Proxy, Sample
from aisi.segmenters.panel import panel, shown
from aisi.training.augmentation import to_tensor
from aisi.training.backbones import create_backbone, pretrained_weights
from aisi.training.weights import State, load_network, save_weights

HEADS = Registry("aisi.heads", ("decoder", "sum", "large_fov"))
"""Networks that make logits of C2..C5; :class:`Decoder` shows their arguments and their property ``bias``."""


class DeepLab(nn.Module):
    """A backbone with atrous convolutions and a head.

    Parameters
    ----------
    n_categories : int
        Without background.
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    output_stride : {8, 16, 32}
        Of the backbone's last stage.
    head : str
        ``large_fov``, ``sum``, ``decoder``, or a head of an installed package with the arguments of :class:`Decoder`.
        ``large_fov``: DeepLab LargeFOV, VGG16's fully connected layers as convolutions; the first is dilated.
        ``sum``: DeepLab v2, the sum of a 3x3 convolution at each rate. ``decoder``: DeepLab v3+, separable
        convolutions at each rate and the mean of the photo, concatenated, then refined at stride 4.
    rates : list of int
        Dilations of the 3x3 convolutions; one for ``large_fov``.
    width, skip_width : int
        Channels of the decoder, and of the features that it takes from stride 4; 0 takes none. ``large_fov`` uses only
        width, ``sum`` uses neither.
    weights : str or Path
        ImageNet weights of the backbone, for :func:`aisi.training.backbones.create_backbone`.
    """

    def __init__(
        self,
        n_categories: int,
        backbone: str,
        output_stride: int,
        head: str,
        rates: Sequence[int],
        width: int,
        skip_width: int,
        weights: str | Path = "none",
    ) -> None:
        super().__init__()
        self.backbone = create_backbone(backbone, weights, output_stride)
        self.head: Any
        if head == "large_fov":
            self.head = LargeFieldOfView(self.backbone.channels[-1], n_categories + 1, rates[0], width)
            if backbone == "vgg16":
                self.head.start_from(pretrained_weights(backbone, weights))
        elif head == "sum":
            self.head = AtrousSum(self.backbone.channels[-1], n_categories + 1, rates)
        else:
            build = Decoder if head == "decoder" else HEADS.load(head)
            corners = self.backbone.sees_corners
            self.head = build(self.backbone.channels, n_categories + 1, rates, width, skip_width, corners)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Photos (B, 3, H, W) uint8 -> logits (B, C + 1, h, w); channel 0 is background.

        The logits cover the photo in equal cells: at the head's stride, or, if the backbone sees corners, at the size
        of the photo. Then the photo is padded to a multiple of the stride and 1, so that a cell sees each corner, and
        the logits are resized with aligned corners, as DeepLab does at 321 and 513 pixels.
        """
        normalised = self.backbone.normalise(photos)
        if not self.backbone.sees_corners:
            return self.head(self.backbone(normalised))
        (height, width), stride = photos.shape[-2:], self.backbone.output_stride
        padded = F.pad(normalised, (0, (1 - width) % stride, 0, (1 - height) % stride))
        logits = self.head(self.backbone(padded))
        return _resize(logits, padded.shape[-2:], corners=True)[..., :height, :width]


class LargeFieldOfView(nn.Sequential):
    """DeepLab LargeFOV's head (arXiv 1412.7062): a dilated 3x3 convolution, then two of 1x1."""

    def __init__(self, channels: int, n_labels: int, rate: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=rate, dilation=rate),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(width, n_labels, 1),
        )

    @property
    def bias(self) -> torch.Tensor:
        """Bias of each label's logit."""
        return self[-1].bias  # type: ignore[return-value]

    @torch.no_grad()
    def start_from(self, vgg16: State) -> None:
        """Copy a part of VGG16's fc6 and fc7 into the first two convolutions, if its weights have a classifier.

        fc6 sees 7 x 7 cells, of which the outer ones and the middle ones become the 3 x 3 of the convolution. Of the
        4096 units, ``width`` at equal distances are kept. ASSUME simple decimation: DeepLab says that it subsamples.
        """
        if "classifier.0.weight" not in vgg16:
            return
        first: Any = self[0]
        second: Any = self[3]
        units = torch.arange(first.out_channels) * 4096 // first.out_channels
        fc6, fc7 = vgg16["classifier.0.weight"].view(4096, 512, 7, 7), vgg16["classifier.3.weight"]
        first.weight.copy_(fc6[units][:, :, ::3, ::3])
        first.bias.copy_(vgg16["classifier.0.bias"][units])
        second.weight.copy_(fc7[units][:, units, None, None])
        second.bias.copy_(vgg16["classifier.3.bias"][units])

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """C2..C5 -> logits at C5's stride."""
        return super().forward(maps[-1])


class AtrousSum(nn.Module):
    """DeepLab v2's head: the sum of 3x3 convolutions to the labels, one at each rate."""

    def __init__(self, channels: int, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        branches = [nn.Conv2d(channels, n_labels, 3, padding=rate, dilation=rate) for rate in rates]
        for branch in branches:
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)  # type: ignore[arg-type]
        self.branches = nn.ModuleList(branches)

    @property
    def bias(self) -> torch.Tensor:
        """Bias of each label's logit."""
        return self.branches[0].bias  # type: ignore[return-value]

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """C2..C5 -> logits at C5's stride."""
        return sum(branch(maps[-1]) for branch in self.branches)


class Decoder(nn.Module):
    """DeepLab v3+'s head: atrous pyramid, image pooling, refinement at stride 4.

    A linear classifier of C5 is added to the logits. ASSUME: it learns the categories within the first hundred steps,
    so the deep branch can learn where objects end. Without it, a training on few photos misses rare categories.
    """

    def __init__(
        self,
        channels: Sequence[int],
        n_labels: int,
        rates: Sequence[int],
        width: int,
        skip_width: int,
        corners: bool = False,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [_conv(channels[-1], width, 1), *(_separable(channels[-1], width, rate) for rate in rates)]
        )
        # No batch norm here: in a batch of one, a single position has no variance.
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels[-1], width, 1), nn.ReLU())
        self.project = nn.Sequential(_conv(width * (len(rates) + 2), width, 1), nn.Dropout(0.1))
        self.skip = _conv(channels[0], skip_width, 1) if skip_width else None
        self.refine = nn.Sequential(_separable(width + skip_width, width), _separable(width, width))
        self.classify = nn.Conv2d(width, n_labels, 1)
        self.corners = corners
        self.shortcut = nn.Conv2d(channels[-1], n_labels, 1)
        nn.init.zeros_(self.shortcut.weight)
        nn.init.zeros_(self.shortcut.bias)  # type: ignore[arg-type]

    @property
    def bias(self) -> torch.Tensor:
        """Bias of each label's logit."""
        return self.classify.bias  # type: ignore[return-value]

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """C2..C5 -> logits at stride 4, or at C5's stride without a skip."""
        deep = maps[-1]
        pyramid = [branch(deep) for branch in self.branches]
        pyramid.append(self.pooled(deep).expand_as(pyramid[0]))
        refined = self.project(torch.cat(pyramid, 1))
        if self.skip is not None:
            refined = _resize(refined, maps[0].shape[-2:], self.corners)
            refined = torch.cat([refined, self.skip(maps[0])], 1)
        logits = self.classify(self.refine(refined))
        return logits + _resize(self.shortcut(deep), logits.shape[-2:], self.corners)


def _resize(maps: torch.Tensor, size: Sequence[int], corners: bool) -> torch.Tensor:
    return F.interpolate(maps, size, mode="bilinear", align_corners=corners)


def _conv(inputs, outputs, size, **options):
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, bias=False, **options), nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(inputs, outputs, rate=1):
    depthwise = _conv(inputs, inputs, 3, padding=rate, dilation=rate, groups=inputs)
    return nn.Sequential(*depthwise, *_conv(inputs, outputs, 1))


def load_deeplab(weights_path: str | Path, device: torch.device, n_categories: int) -> DeepLab:
    """Read a trained :class:`DeepLab`, ready to predict."""
    return load_network(weights_path, "deeplab", DeepLab, device, n_categories)


def save_deeplab(weights_path: str | Path, model: DeepLab, architecture: dict[str, Any]) -> None:
    """Write a trained :class:`DeepLab` with the arguments that build it."""
    save_weights(weights_path, model.state_dict(), {"network": "deeplab"} | architecture)


def segmentation_loss(model: nn.Module, batch: Sample) -> torch.Tensor:
    """Mean loss over the pixels of a batch from which the network learns; 0 if there are none.

    A pixel with a label costs the cross-entropy. A pixel of 255 costs minus the logarithm of the probability that it
    is any of its photo's candidates. If the photo has no candidates, such a pixel costs nothing.

    Parameters
    ----------
    model : DeepLab
    batch : (photos, labels, candidates)
        (B, 3, H, W) uint8, (B, H, W) int64 and (B, C + 1) bool; labels are :data:`OUTSIDE` beyond the photo.
    """
    photos, labels, candidates = batch
    logits = F.interpolate(model(photos), labels.shape[-2:], mode="bilinear", align_corners=False).float()
    known = labels.masked_fill(labels == IGNORE, OUTSIDE)
    total = F.cross_entropy(logits, known, ignore_index=OUTSIDE, reduction="sum")
    for photo in torch.nonzero(candidates.any(1)).flatten():
        unsure = logits[photo][:, labels[photo] == IGNORE]
        total = total + (unsure.logsumexp(0) - unsure[candidates[photo]].logsumexp(0)).sum()
    return total / _count_pixels(batch).clamp(min=1)


def _count_pixels(batch: Sample) -> torch.Tensor:
    """Number of pixels in the mean of :func:`segmentation_loss`."""
    _, labels, candidates = batch
    unsure = (labels == IGNORE) & candidates.any(1)[:, None, None]
    return (unsure | (labels != IGNORE) & (labels != OUTSIDE)).sum()


segmentation_loss.count = _count_pixels  # type: ignore[attr-defined]  # see aisi.training.engine.fit


@torch.no_grad()
def adjust_logits(model: DeepLab, proxies: Sequence[Proxy], strength: float) -> None:
    """Lower the logit of each label by ``strength`` times the logarithm of its share of the proxies' known pixels.

    The network then predicts frequent labels, above all background, less often (post-hoc logit adjustment, arXiv
    2007.07314). A label without pixels keeps its logit.

    Parameters
    ----------
    model : DeepLab
        Changed in place.
    proxies : list of Proxy
    strength : float
        0 to 1; 1 treats all labels as if they were equally frequent.
    """
    if strength:
        bias = model.head.bias
        counts = torch.zeros(len(bias), dtype=torch.int64)
        for proxy in proxies:
            counts += torch.from_numpy(np.bincount(read_labels(proxy.mask_path).ravel(), minlength=256)[: len(bias)])
        shares = counts / counts.sum()
        bias -= strength * shares.where(counts > 0, 1).log().to(bias)


@torch.inference_mode()
def predict(
    model: nn.Module,
    photo: np.ndarray,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    allowed: Sequence[int] | None = None,
) -> np.ndarray:
    """Segment one photo of any size.

    Parameters
    ----------
    model : DeepLab
    photo : (H, W, 3) uint8
    scales : list of float
        The photo is resized by each of these factors; probabilities are averaged.
    flip : bool
        Whether to average over the mirrored photo too.
    allowed : list of int, optional
        Labels 1..C that the photo may get beside background. By default all.

    Returns
    -------
    (H, W) uint8
        0 background, 1..C.
    """
    device = next(model.parameters()).device
    height, width = photo.shape[:2]
    total: Any = 0
    for scale in scales:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = to_tensor(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))[None].to(device)
        for mirrored in (False, True) if flip else (False,):
            logits = model((image.flip(3) if mirrored else image).contiguous(memory_format=torch.channels_last))
            # labels last in memory, which makes the softmax and the argmax over them fast
            logits = logits.contiguous(memory_format=torch.channels_last)
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
            total = total + (logits.flip(1) if mirrored else logits).softmax(-1)
    if allowed is not None:
        others = set(range(1, total.shape[-1])) - set(allowed)
        total[..., sorted(others)] = -1
    return total.argmax(-1).to(torch.uint8).cpu().numpy()


def panel_of(model: DeepLab, proxies: Sequence[Proxy]) -> np.ndarray:
    """Picture of a few photos with proxy mask and prediction, as from :func:`aisi.segmenters.panel.panel`."""

    def mask_of(proxy):
        return lambda photo: read_labels(proxy.mask_path)

    return panel([(str(proxy.photo_path), mask_of(proxy)) for proxy in shown(proxies)], partial(predict, model))
