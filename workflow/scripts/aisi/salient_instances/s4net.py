"""S4Net: single stage salient-instance segmentation (arXiv 1711.07618), the class-agnostic detector of the paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image

from aisi.labels import VOID
from aisi.training.backbones import create_backbone
from aisi.training.weights import fill, load_network, load_weights, save_weights

ANCHOR_SIZES = (16, 32, 64, 128, 256)
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
POSITIVE_IOU = 0.4
HARD_NEGATIVES = 256
OBJECTNESS_WEIGHT = 0.3
BOX_WEIGHT = 0.25
SMOOTH_L1_SIGMA = 3.0
RING = 1 / 3  # width of the negative ring, as a share of the box's
MASK_STRIDE = 8


class FeaturePyramid(nn.Module):
    """P2..P6 from C2..C5: bilinear upsampling, P5 without smoothing, P6 pooled from P5."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels[:-1])

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """C2..C5 -> [P2, P3, P4, P5, P6], each (B, width, h, w)."""
        top = self.laterals[-1](maps[-1])
        pyramid = [top, F.avg_pool2d(top, 2, ceil_mode=True)]
        for level in reversed(range(len(self.smooth))):
            lateral = self.laterals[level](maps[level])
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="bilinear", align_corners=False)
            pyramid.insert(0, self.smooth[level](top))
        return pyramid


class DetectorHead(nn.Module):
    """Objectness and box deltas of each anchor, shared over the levels."""

    def __init__(self, width: int, hidden: int, anchors: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(width, hidden, 3, padding=1)
        self.objectness = nn.Conv2d(hidden, 2 * anchors, 3, padding=1)
        self.deltas = nn.Conv2d(hidden, 4 * anchors, 3, padding=1)
        for layer in (self.hidden, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.get_parameter("bias"), 0.0)

    def forward(self, pyramid: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Pyramid -> per level (B, n, 2) logits and (B, n, 4) deltas, n = h * w * anchors."""
        hidden = [F.relu(self.hidden(level)) for level in pyramid]
        return [_per_anchor(self.objectness(h), 2) for h in hidden], [_per_anchor(self.deltas(h), 4) for h in hidden]


def _per_anchor(maps, width):
    batch, _, h, w = maps.shape
    return maps.view(batch, -1, width, h, w).permute(0, 3, 4, 1, 2).reshape(batch, -1, width)


class MaskBranch(nn.Module):
    """Salient-instance discriminator: the map of the whole photo, marked by the ternary mask of one box."""

    def __init__(self, width: int, wide: int, narrow: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, wide, 3, padding=1)
        self.wide = nn.Sequential(_conv(wide, wide), _conv(wide, wide))
        self.reduce = nn.Conv2d(wide, narrow, 3, padding=2, dilation=2)
        self.narrow = nn.Sequential(_conv(narrow, narrow), _conv(narrow, narrow))
        self.logits = nn.Conv2d(narrow, 2, 3, padding=1)

    def forward(self, level: torch.Tensor, marks: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
        """P3 (B, width, h, w), marks (n, h, w) and the photo (n,) of each box -> hidden maps (n, narrow, h, w)."""
        x = F.relu(self.enter(level))[photos] * marks[:, None]
        x = F.max_pool2d(x, 3, stride=1, padding=1)
        x = x + self.wide(x)
        x = F.max_pool2d(x, 3, stride=1, padding=1)
        x = F.relu(self.reduce(x))
        return x + self.narrow(x)


class MaskRefinement(nn.Module):
    """Sharper masks from the level below, as DeepLab v3+'s decoder (arXiv 1802.02611) makes them, for each box.

    ASSUME: S4Net's masks lie on the map of stride 8, which has 40 x 40 cells for the whole photo.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.skip = nn.Sequential(nn.Conv2d(width, narrow, 1), nn.ReLU())
        self.join = _conv(2 * narrow, narrow)
        self.logits = nn.Conv2d(narrow, 2, 3, padding=1)
        nn.init.zeros_(self.logits.weight)  # so a trained network without refinement keeps its masks at first
        nn.init.constant_(self.logits.get_parameter("bias"), 0.0)

    def forward(
        self, level: torch.Tensor, hidden: torch.Tensor, logits: torch.Tensor, photos: torch.Tensor
    ) -> torch.Tensor:
        """P2 (B, width, h, w), hidden (n, narrow, h / 2, w / 2), logits (n, 2, h / 2, w / 2) -> (n, 2, h, w) logits."""
        size = level.shape[-2:]
        hidden, logits = (F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in (hidden, logits))
        return logits + self.logits(self.join(torch.cat([self.skip(level)[photos], hidden], 1)))


def _conv(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())


def roi_marks(
    boxes: torch.Tensor, size: Sequence[int], stride: int = MASK_STRIDE, masking: str = "ternary"
) -> torch.Tensor:
    """RoIMasking: where a box's inside and surroundings lie on the feature map.

    Parameters
    ----------
    boxes : (n, 4) float
        XYXY in input pixels.
    size : (int, int)
        Height and width of the feature map.
    stride : int
    masking : {"ternary", "binary"}
        Ternary marks the ring of a third of the box's width and height around it with -1.

    Returns
    -------
    (n, h, w) float
        +1 inside the box, -1 in the ring, clamped at the border, 0 elsewhere.
    """
    boxes = boxes / stride
    inside = _cells_inside(boxes, size)
    if masking == "binary":
        return inside
    margin = RING * (boxes[:, 2:] - boxes[:, :2])
    around = torch.cat([boxes[:, :2] - margin, boxes[:, 2:] + margin], 1)
    return 2 * inside - torch.maximum(_cells_inside(around, size), inside)


def _cells_inside(boxes, size):
    """(n, h, w) float: cells touched by each half-open box; coordinates past the border are clamped to it."""
    x, y = torch.arange(size[1], device=boxes.device), torch.arange(size[0], device=boxes.device)
    x0, y0 = boxes[:, 0].floor().clamp(0, size[1] - 1), boxes[:, 1].floor().clamp(0, size[0] - 1)
    x1, y1 = torch.maximum(boxes[:, 2].ceil(), x0 + 1), torch.maximum(boxes[:, 3].ceil(), y0 + 1)
    columns = (x >= x0[:, None]) & (x < x1[:, None])
    rows = (y >= y0[:, None]) & (y < y1[:, None])
    return (rows[:, :, None] & columns[:, None, :]).float()


class S4Net(nn.Module):
    """The whole network.

    Parameters
    ----------
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    pyramid_channels, head_channels : int
        256 and 512 in the paper.
    mask_channels : (int, int)
        128 and 64 in the paper.
    masking : {"ternary", "binary"}
    input_size : int
        Photos are warped to this square; 320 in the paper. A multiple of 64.
    mask_stride : {4, 8}
        Pixels of the input that a cell of the masks spans: 8 in the paper, 4 with :class:`MaskRefinement`.
    weights : str
        ImageNet weights of the backbone.
    """

    def __init__(
        self,
        backbone: str,
        pyramid_channels: int,
        head_channels: int,
        mask_channels: Sequence[int],
        masking: str,
        input_size: int,
        mask_stride: int = MASK_STRIDE,
        weights: str = "none",
    ) -> None:
        super().__init__()
        self.masking, self.input_size = masking, input_size
        self.backbone = create_backbone(backbone, weights)
        self.pyramid = FeaturePyramid(self.backbone.channels, pyramid_channels)
        self.head = DetectorHead(pyramid_channels, head_channels, len(ANCHOR_RATIOS))
        self.mask_branch = MaskBranch(pyramid_channels, *mask_channels)
        self.refinement = MaskRefinement(pyramid_channels, mask_channels[1]) if mask_stride < MASK_STRIDE else None
        self.anchor_generator = AnchorGenerator(tuple((s,) for s in ANCHOR_SIZES), (ANCHOR_RATIOS,) * len(ANCHOR_SIZES))

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Images (B, 3, S, S) uint8 -> P2..P6."""
        return self.pyramid(self.backbone(self.backbone.normalise(images)))

    def anchors(self, pyramid: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Anchors (n, 4) of each level, XYXY in input pixels."""
        maps = [level.float() for level in pyramid]  # torchvision takes their type: bfloat16 would round the anchors
        square = torch.zeros(1, 3, self.input_size, self.input_size, device=pyramid[0].device)
        anchors = self.anchor_generator(ImageList(square, [square.shape[-2:]]), maps)[0]
        counts = [level.shape[-2] * level.shape[-1] * len(ANCHOR_RATIOS) for level in pyramid]
        return anchors.split(counts)

    def masks(self, pyramid: Sequence[torch.Tensor], boxes: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
        """Mask logits (n, 2, S / mask_stride, S / mask_stride) of boxes (n, 4) in photos (n,) of the batch."""
        finer, level = pyramid[:2]
        hidden = self.mask_branch(level, roi_marks(boxes, level.shape[-2:], masking=self.masking), photos)
        logits = self.mask_branch.logits(hidden)
        return self.refinement(finer, hidden, logits, photos) if self.refinement else logits


def load_s4net(path: str | Path, device: torch.device) -> S4Net:
    """Read a trained :class:`S4Net`, ready to detect."""
    return load_network(path, "s4net", S4Net, device)


def start_from(model: S4Net, path: str | Path) -> None:
    """Give an :class:`S4Net` the weights of a trained one, in place. A refinement that the trained one lacks stays.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read or is of another architecture.
    """
    state, _ = load_weights(path, "s4net")
    new = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("refinement.")}
    fill(model, new | state, path, "Correct the config key salient_instances.training.start.")


def save_s4net(path: str | Path, model: S4Net, architecture: dict[str, Any]) -> None:
    """Write a trained :class:`S4Net` as float16, with the arguments that build it."""
    save_weights(path, model.state_dict(), {"network": "s4net"} | architecture, torch.float16)


def encode_boxes(boxes: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Faster R-CNN's deltas (n, 4) that move anchors (n, 4) to boxes (n, 4), both XYXY."""
    (centre, size), (anchor_centre, anchor_size) = _centre_size(boxes), _centre_size(anchors)
    return torch.cat([(centre - anchor_centre) / anchor_size, torch.log(size / anchor_size)], -1)


def decode_boxes(deltas: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Boxes (..., 4) XYXY from deltas (..., 4) on anchors (..., 4)."""
    anchor_centre, anchor_size = _centre_size(anchors)
    centre = anchor_centre + deltas[..., :2] * anchor_size
    half = torch.exp(deltas[..., 2:].clamp(max=4.0)) * anchor_size / 2
    return torch.cat([centre - half, centre + half], -1)


def _centre_size(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def s4net_loss(model: S4Net, batch: dict[str, Any]) -> torch.Tensor:
    """Objectness and box loss, a mean over the photos, and mask loss, a mean over the instances.

    Parameters
    ----------
    model : S4Net
    batch : dict
        images (B, 3, S, S) uint8; boxes, a list of (n, 4) float XYXY in input pixels; masks, a list of (n, m, m) uint8
        with 1 object, 0 not, 255 void, for the whole input at any resolution m.

    Returns
    -------
    (2,) Tensor
        Their sum is what is trained.
    """
    pyramid = model.features(batch["images"])
    logits, deltas = (torch.cat(levels, 1) for levels in model.head(pyramid))
    by_level = model.anchors(pyramid)
    anchors = torch.cat(by_level)
    counts = torch.tensor([len(level) for level in by_level], device=anchors.device)
    levels = torch.repeat_interleave(torch.arange(len(by_level), device=anchors.device), counts)
    photos = zip(logits, deltas, batch["boxes"], strict=True)
    detector = torch.stack([_detector_loss(*photo, anchors, levels) for photo in photos]).mean()
    return torch.stack([detector, _mask_loss(model, pyramid, batch["boxes"], batch["masks"])])


_loss: Any = s4net_loss
# the numbers of photos and of instances, which the two means are over
_loss.count = lambda batch: (len(batch["images"]), sum(map(len, batch["boxes"])))


def _detector_loss(logits, deltas, boxes, anchors, levels):
    if len(boxes):
        overlap, target = box_iou(anchors, boxes).max(1)
        positive = overlap >= POSITIVE_IOU
    else:
        positive = torch.zeros(len(anchors), dtype=torch.bool, device=anchors.device)
    entropy = F.cross_entropy(logits, positive.long(), reduction="none")
    loss = OBJECTNESS_WEIGHT * entropy[~positive].topk(HARD_NEGATIVES).values.sum() / HARD_NEGATIVES
    if not positive.any():
        return loss
    loss = loss + OBJECTNESS_WEIGHT * entropy[positive].mean()
    targets = encode_boxes(boxes[target[positive]], anchors[positive])
    error = F.smooth_l1_loss(deltas[positive], targets, reduction="none", beta=1 / SMOOTH_L1_SIGMA**2).sum(1)
    count = torch.bincount(levels[positive], minlength=len(ANCHOR_SIZES)).clamp(min=1)
    return loss + BOX_WEIGHT * (error / count[levels[positive]]).sum()


def _mask_loss(model, pyramid, boxes, masks):
    """Cross-entropy over the pixels inside each true box, averaged per instance."""
    photos = torch.cat([torch.full((len(b),), i, device=b.device) for i, b in enumerate(boxes)])
    if not len(photos):
        return pyramid[0].sum() * 0
    boxes, masks = torch.cat(boxes), torch.cat(masks)
    logits = model.masks(pyramid, boxes, photos)
    logits = F.interpolate(logits, size=masks.shape[-2:], mode="bilinear", align_corners=False)
    known = (masks != VOID) & _cells_inside(boxes * (masks.shape[-1] / model.input_size), masks.shape[-2:]).bool()
    entropy = F.cross_entropy(logits, (masks == 1).long(), reduction="none") * known
    return (entropy.sum((1, 2)) / known.sum((1, 2)).clamp(min=1)).mean()


@torch.no_grad()
def propose(
    model: S4Net,
    images: torch.Tensor,
    nms_iou: float,
    max_candidates: int,
    score_threshold: float,
    before_nms: int = 5000,
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Boxes, scores and soft masks of salient instances.

    Parameters
    ----------
    model : S4Net
    images : (B, 3, S, S) uint8
    nms_iou, score_threshold : float
    max_candidates : int
        Boxes of the highest objectness in a photo, after non-maximum suppression, that get a mask.
    before_nms : int
        Boxes of the highest objectness in a photo that non-maximum suppression compares.

    Returns
    -------
    list of (boxes, scores, masks)
        Per photo, by descending score: (n, 4) float XYXY in input pixels, (n,) float, the objectness times
        :func:`mask_confidence`, (n, S / mask_stride, S / mask_stride) float probability of the object.
    """
    pyramid = model.features(images)
    logits, deltas = (torch.cat(parts, 1) for parts in model.head(pyramid))
    anchors = torch.cat(model.anchors(pyramid))
    results = []
    for photo in range(len(images)):
        scores = logits[photo].softmax(-1)[:, 1]
        kept = scores.topk(min(before_nms, len(scores))).indices
        boxes = clip_boxes_to_image(decode_boxes(deltas[photo][kept], anchors[kept]), images.shape[-2:])
        scores = scores[kept]
        kept = batched_nms(boxes, scores, torch.zeros_like(kept), nms_iou)[:max_candidates]
        kept = kept[scores[kept] >= score_threshold]  # confidence only lowers the score
        kept = kept[(boxes[kept, 2:] - boxes[kept, :2]).min(1).values >= 1]
        boxes, scores = boxes[kept], scores[kept]
        soft = model.masks(pyramid, boxes, torch.full_like(kept, photo)).softmax(1)[:, 1]
        stride = images.shape[-1] // soft.shape[-1]
        scores = scores * mask_confidence(soft, roi_marks(boxes, soft.shape[-2:], stride, masking="binary"))
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= score_threshold]
        results.append((boxes[order], scores[order], soft[order]))
    return results


@torch.no_grad()
def prompted(model: S4Net, image: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and soft masks of boxes that come from elsewhere.

    Parameters
    ----------
    model : S4Net
    image : (3, S, S) uint8
    boxes : (n, 4) float
        XYXY in input pixels.

    Returns
    -------
    scores : (n,) float
        The objectness of the detector's box that overlaps most, times :func:`mask_confidence`.
    masks : (n, S / mask_stride, S / mask_stride) float
        Probability of the object.
    """
    pyramid = model.features(image[None])
    logits, deltas = (torch.cat(parts, 1)[0] for parts in model.head(pyramid))
    own = clip_boxes_to_image(decode_boxes(deltas, torch.cat(model.anchors(pyramid))), image.shape[-2:])
    objectness = logits.softmax(-1)[:, 1][box_iou(boxes, own).argmax(1)]
    soft = model.masks(pyramid, boxes, boxes.new_zeros(len(boxes), dtype=torch.long)).softmax(1)[:, 1]
    inside = roi_marks(boxes, soft.shape[-2:], image.shape[-1] // soft.shape[-1], masking="binary")
    return objectness * mask_confidence(soft, inside), soft


def mask_confidence(soft: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean probability of the cells (n, h, w) of a mask: above 0.5 inside the box; (n,), 0 for an empty mask.

    ASSUME: objectness alone would give a sharp mask and a doubtful mask the same rank.
    """
    cells = (soft >= 0.5) * inside
    return (soft * cells).sum((1, 2)) / cells.sum((1, 2)).clamp(min=1)
