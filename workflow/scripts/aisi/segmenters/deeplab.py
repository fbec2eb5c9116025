"""DeepLab: semantic segmentation with atrous convolutions."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from aisi.formats.masks import read_labels
from aisi.labels import IGNORE
from aisi.segmenters.crops import OUTSIDE
from aisi.training.augmentation import to_tensor
from aisi.training.backbones import create_backbone
from aisi.training.weights import load_network, save_weights


class DeepLab(nn.Module):
    """A backbone with atrous convolutions and one of three heads.

    Parameters
    ----------
    n_categories : int
        Without background.
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    output_stride : {8, 16, 32}
        Of the backbone's last stage.
    head : {"large_fov", "sum", "decoder"}
        ``large_fov``: DeepLab LargeFOV, VGG16's fully connected layers as convolutions, the first at the only rate.
        ``sum``: DeepLab v2, the sum of a 3x3 convolution at each rate. ``decoder``: DeepLab v3+, separable
        convolutions and the mean of the photo, joined, then refined at stride 4.
    rates : list of int
        Dilations of the 3x3 convolutions.
    width, skip_width : int
        Channels of the decoder, and of what it takes from stride 4; 0 leaves stride 4 out. ``large_fov`` has width
        alone, ``sum`` neither.
    weights : str
        ImageNet weights of the backbone.
    """

    def __init__(self, n_categories, backbone, output_stride, head, rates, width, skip_width, weights="none"):
        super().__init__()
        self.backbone = create_backbone(backbone, weights, output_stride)
        if head == "large_fov":
            self.head = LargeFieldOfView(self.backbone.channels[-1], n_categories + 1, *rates, width)
        elif head == "sum":
            self.head = AtrousSum(self.backbone.channels[-1], n_categories + 1, rates)
        else:
            self.head = Decoder(self.backbone.channels, n_categories + 1, rates, width, skip_width)

    def forward(self, images):
        """Images (B, 3, H, W) uint8 -> logits (B, C + 1, h, w) at the head's stride; channel 0 is background."""
        return self.head(self.backbone(self.backbone.normalise(images)))


class LargeFieldOfView(nn.Sequential):
    """DeepLab LargeFOV's head (arXiv 1412.7062): a dilated 3x3 convolution, then two of 1x1."""

    def __init__(self, channels, n_classes, rate, width):
        super().__init__(
            *(nn.Conv2d(channels, width, 3, padding=rate, dilation=rate), nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Dropout(0.5)),
            nn.Conv2d(width, n_classes, 1),
        )

    @property
    def bias(self):
        """Added to the logits of each class."""
        return self[-1].bias

    def forward(self, maps):
        """C2..C5 -> logits at C5's stride."""
        return super().forward(maps[-1])


class AtrousSum(nn.Module):
    """DeepLab v2's head: a 3x3 convolution to the classes at each rate, summed."""

    def __init__(self, channels, n_classes, rates):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(channels, n_classes, 3, padding=rate, dilation=rate) for rate in rates)
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)

    @property
    def bias(self):
        """Added to the logits of each class."""
        return self.branches[0].bias

    def forward(self, maps):
        """C2..C5 -> logits at C5's stride."""
        return sum(branch(maps[-1]) for branch in self.branches)


class Decoder(nn.Module):
    """DeepLab v3+'s head: atrous pyramid, image pooling, refinement at stride 4.

    A linear classifier of C5 is added to its logits. ASSUME: it learns the categories within the first hundred steps,
    which leaves the deep branch to learn where they end; without it, few photos and few steps miss rare categories.
    """

    def __init__(self, channels, n_classes, rates, width, skip_width):
        super().__init__()
        self.branches = nn.ModuleList(
            [_conv(channels[-1], width, 1), *(_separable(channels[-1], width, rate) for rate in rates)]
        )
        # No batch norm here: a mean over one position has no variance in a batch of one.
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels[-1], width, 1), nn.ReLU())
        self.project = nn.Sequential(_conv(width * (len(rates) + 2), width, 1), nn.Dropout(0.1))
        self.skip = _conv(channels[0], skip_width, 1) if skip_width else None
        self.refine = nn.Sequential(_separable(width + skip_width, width), _separable(width, width))
        self.classify = nn.Conv2d(width, n_classes, 1)
        self.shortcut = nn.Conv2d(channels[-1], n_classes, 1)
        nn.init.zeros_(self.shortcut.weight)
        nn.init.zeros_(self.shortcut.bias)

    @property
    def bias(self):
        """Added to the logits of each class."""
        return self.classify.bias

    def forward(self, maps):
        """C2..C5 -> logits at stride 4, or at C5's stride without a skip."""
        deep = maps[-1]
        joined = [branch(deep) for branch in self.branches]
        joined.append(self.pooled(deep).expand_as(joined[0]))
        refined = self.project(torch.cat(joined, 1))
        if self.skip is not None:
            refined = F.interpolate(refined, maps[0].shape[-2:], mode="bilinear", align_corners=False)
            refined = torch.cat([refined, self.skip(maps[0])], 1)
        logits = self.classify(self.refine(refined))
        return logits + F.interpolate(self.shortcut(deep), logits.shape[-2:], mode="bilinear", align_corners=False)


def _conv(inputs, outputs, size, **options):
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, bias=False, **options), nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(inputs, outputs, rate=1):
    depthwise = _conv(inputs, inputs, 3, padding=rate, dilation=rate, groups=inputs)
    return nn.Sequential(*depthwise, *_conv(inputs, outputs, 1))


def load_deeplab(path, device, n_categories):
    """Read a trained :class:`DeepLab`, ready to predict."""
    return load_network(path, "deeplab", DeepLab, device, n_categories)


def save_deeplab(path, model, architecture):
    """Write a trained :class:`DeepLab` with the arguments that build it."""
    save_weights(path, model.state_dict(), {"network": "deeplab"} | architecture)


def segmentation_loss(model, batch):
    """Mean loss over the pixels of a batch that teach something; 0 if none does.

    A pixel with a label costs the cross-entropy. A pixel of 255 costs minus the logarithm of the probability that it
    is any of its photo's candidates, and nothing if there are none.

    Parameters
    ----------
    model : DeepLab
    batch : (images, labels, candidates)
        (B, 3, H, W) uint8, (B, H, W) int64 and (B, C + 1) bool; :data:`OUTSIDE` beyond the photo.
    """
    images, labels, candidates = batch
    logits = F.interpolate(model(images), labels.shape[-2:], mode="bilinear", align_corners=False).float()
    known = labels.masked_fill(labels == IGNORE, OUTSIDE)
    total = F.cross_entropy(logits, known, ignore_index=OUTSIDE, reduction="sum")
    for photo in torch.nonzero(candidates.any(1)).flatten():
        unsure = logits[photo][:, labels[photo] == IGNORE]
        total = total + (unsure.logsumexp(0) - unsure[candidates[photo]].logsumexp(0)).sum()
    return total / segmentation_loss.count(batch).clamp(min=1)


def _teaching_pixels(batch):
    """Number of pixels that the mean is over."""
    _, labels, candidates = batch
    unsure = (labels == IGNORE) & candidates.any(1)[:, None, None]
    return (unsure | (labels != IGNORE) & (labels != OUTSIDE)).sum()


segmentation_loss.count = _teaching_pixels


@torch.no_grad()
def adjust_logits(model, proxies, strength):
    """Lower the logit of each class by ``strength`` times the logarithm of its share of the proxies' known pixels.

    Frequent classes, background above all, are then predicted less readily (post-hoc logit adjustment, arXiv
    2007.07314). A class without pixels is left as it is.

    Parameters
    ----------
    model : DeepLab
        Changed in place.
    proxies : list of Proxy
    strength : float
        0 to 1; 1 treats all classes as if they were equally frequent.
    """
    if strength:
        bias = model.head.bias
        counts = sum(np.bincount(read_labels(proxy.mask).ravel(), minlength=IGNORE + 1) for proxy in proxies)
        counts = torch.from_numpy(counts[: len(bias)])
        shares = counts / counts.sum()
        bias -= strength * shares.where(counts > 0, 1).log().to(bias)


@torch.inference_mode()
def predict(model, photo, scales=(1.0,), flip=False):
    """Segment one photo of any size.

    Parameters
    ----------
    model : DeepLab
    photo : (H, W, 3) uint8
    scales : list of float
        The photo is seen at each of these; probabilities are averaged.
    flip : bool
        Whether it is also seen mirrored.

    Returns
    -------
    (H, W) uint8
        0 background, 1..C.
    """
    device = next(model.parameters()).device
    height, width = photo.shape[:2]
    total = 0
    for scale in scales:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = to_tensor(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))[None].to(device)
        for mirrored in (False, True) if flip else (False,):
            logits = model((image.flip(3) if mirrored else image).contiguous(memory_format=torch.channels_last))
            # classes last, as the softmax and the argmax over them read memory
            logits = logits.contiguous(memory_format=torch.channels_last)
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
            total = total + (logits.flip(1) if mirrored else logits).softmax(-1)
    return total.argmax(-1).to(torch.uint8).cpu().numpy()
