"""Mask R-CNN: instance segmentation with torchvision's network on any backbone."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, paste_masks_in_image
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool
from torchvision.ops.poolers import initLevelMapper

from aisi.masks import Rle, area, coco_box, decode, encode, to_json
from aisi.photos import read_photo
from aisi.segmenters.panel import painted, panel, shown
from aisi.training.augmentation import jitter_colours, mirror, to_tensor
from aisi.training.backbones import Backbone, create_backbone
from aisi.training.weights import load_network, save_weights

ANCHOR_RATIOS = (0.5, 1.0, 2.0)
ROI_SIZE = 7
"""Side of the grid of cells that the box head reads from a region, as in torchvision."""
MASK_LAYERS = 4
PYRAMID_LEVELS = (2, 3, 4, 5)
"""P2..P5, from which the heads read: their strides are the powers of 2."""
Target = dict[str, torch.Tensor]
"""What torchvision's detectors learn from a photo: boxes, labels, masks."""


class Pyramid(nn.Module):
    """A backbone and torchvision's feature pyramid: maps P2..P5 by name, and P6 pooled from P5."""

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.fpn = FeaturePyramidNetwork(backbone.channels, channels, LastLevelMaxPool())
        self.out_channels = channels

    def forward(self, photos: torch.Tensor) -> dict[str, torch.Tensor]:
        """Normalised photos (B, 3, H, W) float -> maps (B, channels, h, w) at strides 4 to 64."""
        maps = self.backbone(photos.contiguous(memory_format=torch.channels_last))
        return self.fpn(OrderedDict((str(level), features) for level, features in enumerate(maps)))


class Float32Proposals(RegionProposalNetwork):
    """torchvision's region proposals, computed in float32 under autocast too.

    torchvision decodes and compares boxes in the type of the maps. In bfloat16 a coordinate above 512 is a multiple of
    4 pixels.
    """

    def forward(
        self, images: ImageList, features: dict[str, torch.Tensor], targets: list[Target] | None = None
    ) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """Photos and maps -> proposals (n, 4) XYXY of each photo, and the losses while training."""
        with torch.autocast(images.tensors.device.type, enabled=False):
            return super().forward(images, {level: maps.float() for level, maps in features.items()}, targets)


class Float32Heads(RoIHeads):
    """torchvision's second stage, which decodes its boxes in float32 under autocast too."""

    def postprocess_detections(
        self,
        class_logits: torch.Tensor,
        box_regression: torch.Tensor,
        proposals: list[torch.Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        """Boxes, scores and labels of each photo."""
        return super().postprocess_detections(class_logits.float(), box_regression.float(), proposals, image_shapes)


class InstanceSegmenter(MaskRCNN):
    """Torchvision's Mask R-CNN, with the sizes of its parts as arguments.

    Parameters
    ----------
    n_categories : int
        Without background.
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    image_size, largest_size : int
        Photos are resized so that the shorter side has ``image_size`` and the longer at most ``largest_size`` pixels.
    pyramid_channels : int
        Channels of the feature pyramid; 256 in Mask R-CNN (arXiv 1703.06870) and torchvision. The numbers below too are
        those of both.
    anchor_sizes : list of 5 int
        Side of the anchors of P2..P6, pixels of the resized photo; 32 to 512.
    proposals : int
        Largest number of regions in a photo that go to the second stage; 1000.
    samples : int
        Number of regions in a photo that train the box head; 512.
    box_channels, mask_channels : int
        Width of the heads; 1024 and 256.
    training_proposals : int, optional
        The same in training; 2000. By default as many as ``proposals``.
    weights : str or Path
        ImageNet weights of the backbone, for :func:`aisi.training.backbones.create_backbone`.
    """

    def __init__(
        self,
        n_categories: int,
        backbone: str,
        image_size: int,
        largest_size: int,
        pyramid_channels: int,
        anchor_sizes: Sequence[int],
        proposals: int,
        samples: int,
        box_channels: int,
        mask_channels: int,
        training_proposals: int | None = None,
        weights: str | Path = "none",
    ) -> None:
        pyramid = Pyramid(create_backbone(backbone, weights), pyramid_channels)
        super().__init__(
            pyramid,
            min_size=image_size,
            max_size=largest_size,
            image_mean=pyramid.backbone.mean.flatten().tolist(),
            image_std=pyramid.backbone.std.flatten().tolist(),
            rpn_anchor_generator=AnchorGenerator([(s,) for s in anchor_sizes], [ANCHOR_RATIOS] * len(anchor_sizes)),
            rpn_pre_nms_top_n_train=2 * proposals,
            rpn_pre_nms_top_n_test=proposals,
            rpn_post_nms_top_n_train=training_proposals or proposals,
            rpn_post_nms_top_n_test=proposals,
            box_batch_size_per_image=samples,
            box_head=TwoMLPHead(pyramid_channels * ROI_SIZE**2, box_channels),
            box_predictor=FastRCNNPredictor(box_channels, n_categories + 1),
            mask_head=MaskRCNNHeads(pyramid_channels, [mask_channels] * MASK_LAYERS, 1),
            mask_predictor=MaskRCNNPredictor(mask_channels, mask_channels, n_categories + 1),
            _skip_resize=True,  # in training, since the samples have their final size
        )
        self.rpn.__class__, self.roi_heads.__class__ = Float32Proposals, Float32Heads
        for pool in (self.roi_heads.box_roi_pool, self.roi_heads.mask_roi_pool):
            # torchvision would infer them from the first photo, and wrongly if it is narrow
            pool.scales = [2.0**-level for level in PYRAMID_LEVELS]
            pool.map_levels = initLevelMapper(PYRAMID_LEVELS[0], PYRAMID_LEVELS[-1])


def load_segmenter(weights_path: str | Path, device: torch.device, n_categories: int) -> InstanceSegmenter:
    """Read a trained :class:`InstanceSegmenter`, ready to predict."""
    return load_network(weights_path, "mask_rcnn", InstanceSegmenter, device, n_categories)


def save_segmenter(weights_path: str | Path, model: InstanceSegmenter, architecture: dict[str, Any]) -> None:
    """Write a trained :class:`InstanceSegmenter` with the arguments that build it."""
    save_weights(weights_path, model.state_dict(), {"network": "mask_rcnn"} | architecture)


def instance_loss(model: nn.Module, batch: dict[str, list]) -> torch.Tensor:
    """Sum of Mask R-CNN's five losses of a batch from :meth:`InstancePhotos.collate`."""
    model.train()  # torchvision's detectors give losses only in training mode; held-out samples need losses too
    return sum(model([photo.float() for photo in batch["photos"]], batch["targets"]).values())


def find_instances(
    photos: pd.DataFrame, instances: dict[str, tuple], names: Sequence[str]
) -> list[tuple[str, list[int], list[Rle]]]:
    """Find the photos that have tagged instances.

    Prints how many instances have no pixel, which are left out, and which categories have no instance.

    Parameters
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    instances : dict
        As from :func:`aisi.formats.coco.read_instances`.
    names : list of str
        Of the categories.

    Returns
    -------
    list of (str, list of int, list of dict)
        Path, labels and masks (COCO compressed RLE) of each photo that has an instance.

    Raises
    ------
    ValueError
        If no photo has one.
    """
    found, empty = [], 0
    for image_id, path in zip(photos["image_id"], photos["path"], strict=True):
        labels, _, masks = instances.get(image_id, ([], [], []))
        kept = [number for number, mask in enumerate(masks) if area(mask)]
        empty += len(masks) - len(kept)
        if kept:
            found.append((path, [labels[number] for number in kept], [masks[number] for number in kept]))
    if empty:
        print(f"{empty} instances have no pixel and are left out.")
    if not found:
        raise ValueError(
            f"None of the {len(photos)} photos has an instance with a tag, so there is nothing to train on. "
            "Lower salient_instances.score_threshold, or raise partition.r."
        )
    seen = {label for _, labels, _ in found for label in labels}
    if unseen := [name for label, name in enumerate(names, start=1) if label not in seen]:
        print(f"Categories without an instance to learn from: {', '.join(unseen)}.")
    return found


def fitted_size(size: tuple[int, int], image_size: int, largest_size: int, scale: float = 1.0) -> tuple[int, int]:
    """Width and height to which a photo of this size is resized, in training and in prediction.

    The shorter side becomes ``image_size`` times ``scale``, unless the longer one would then exceed ``largest_size``.
    """
    factor = min(image_size / min(size) * scale, largest_size / max(size))
    return max(1, round(factor * size[0])), max(1, round(factor * size[1]))


class InstancePhotos:
    """Training samples: a photo, randomly rescaled and mirrored, with jittered colours, and its instances.

    Parameters
    ----------
    photos : list of (str, list of int, list of dict)
        As from :func:`find_instances`.
    image_size, largest_size : int
        As in :class:`InstanceSegmenter`.
    scales : (float, float)
        Bounds of the rescaling, which is drawn evenly on a logarithmic scale.
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    """

    def __init__(
        self,
        photos: Sequence[tuple[str, list[int], list[Rle]]],
        image_size: int,
        largest_size: int,
        scales: Sequence[float],
        colour_jitter: float,
    ) -> None:
        self.photos, self.image_size, self.largest_size = photos, image_size, largest_size
        self.scales, self.colour_jitter = scales, colour_jitter

    def __len__(self) -> int:
        return len(self.photos)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, Target]:
        """Draw one sample: photo (3, H, W) uint8, and boxes (n, 4) XYXY, labels (n,) and masks (n, H, W) uint8."""
        path, labels, masks = self.photos[index]
        photo = Image.fromarray(read_photo(path))
        low, high = self.scales
        size = fitted_size(photo.size, self.image_size, self.largest_size, low * (high / low) ** rng.random())
        mirrored = rng.random() < 0.5
        photo = _resize(photo, size, Image.Resampling.BILINEAR, mirrored)
        resized = [
            np.array(_resize(Image.fromarray(decode(mask).astype(np.uint8)), size, Image.Resampling.NEAREST, mirrored))
            for mask in masks
        ]
        kept = [number for number, mask in enumerate(resized) if mask.any()]
        boxes = [_box(resized[number]) for number in kept]
        target = {
            "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            "labels": torch.tensor([labels[number] for number in kept], dtype=torch.int64),
            "masks": torch.from_numpy(np.array([resized[n] for n in kept], np.uint8).reshape(-1, *size[::-1])),
        }
        return to_tensor(jitter_colours(photo, self.colour_jitter, rng)), target

    @staticmethod
    def collate(samples: Sequence[tuple[torch.Tensor, Target]]) -> dict[str, list]:
        """A batch for :func:`instance_loss`."""
        photos, targets = zip(*samples, strict=True)
        return {"photos": list(photos), "targets": list(targets)}


def _resize(photo: Image.Image, size: tuple[int, int], method: Image.Resampling, mirrored: bool) -> Image.Image:
    photo = photo.resize(size, method)
    return mirror(photo) if mirrored else photo


def _box(mask):
    """Tight box XYXY, half-open, of a mask (H, W)."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@torch.inference_mode()
def predict(
    model: InstanceSegmenter, photo: np.ndarray, score_threshold: float, nms_iou: float, max_instances: int
) -> tuple[list[int], list[float], list[Rle]]:
    """Find the instances of one photo of any size.

    Parameters
    ----------
    model : InstanceSegmenter
    photo : (H, W, 3) uint8
    score_threshold : float
        Instances with a lower score are left out, in [0, 1].
    nms_iou : float
        If two boxes of a category overlap by more than this IoU, the one with the lower score is left out.
    max_instances : int

    Returns
    -------
    labels : list of int
        1..C.
    scores : list of float
        Descending.
    masks : list of dict
        COCO compressed RLE, none empty.
    """
    heads = model.roi_heads
    heads.score_thresh, heads.nms_thresh, heads.detections_per_img = score_threshold, nms_iou, max_instances
    device = next(model.parameters()).device
    size = fitted_size(photo.shape[1::-1], model.transform.min_size[0], model.transform.max_size)
    resized = to_tensor(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR)).to(device)
    resized = ImageList(model.transform.batch_images([model.transform.normalize(resized.float())]), [size[::-1]])
    maps = model.backbone(resized.tensors)
    [found], _ = heads(maps, model.rpn(resized, maps)[0], resized.image_sizes)
    boxes = resize_boxes(found["boxes"], resized.image_sizes[0], photo.shape[:2])
    labels, scores, masks = [], [], []
    # One at a time: all masks of a large photo, at its full size, would fill the memory.
    for label, score, box, small in zip(found["labels"], found["scores"], boxes, found["masks"], strict=True):
        [[mask]] = paste_masks_in_image(small[None], box[None], photo.shape[:2]) >= 0.5
        if mask.any():
            labels.append(int(label))
            scores.append(float(score))
            masks.append(encode(mask.cpu().numpy()))
    return labels, scores, masks


def coco_results(
    image_id: int | str,
    labels: Sequence[int],
    scores: Sequence[float],
    masks: Sequence[Rle],
    category_ids: Sequence[int],
) -> list[dict[str, Any]]:
    """The instances of one photo, from :func:`predict`, as entries of COCO's results.

    ``image_id`` is the dataset's own id of the image, or ours. ``category_ids`` are the dataset's own ids of the labels
    1..C.
    """
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[label - 1],
            "bbox": coco_box(mask),
            "score": round(score, 6),
            "segmentation": to_json(mask),
        }
        for label, score, mask in zip(labels, scores, masks, strict=True)
    ]


def panel_of(model: InstanceSegmenter, found: Sequence[tuple[str, list[int], list[Rle]]]) -> np.ndarray:
    """Picture of a few photos with tagged instances and predictions, as from :func:`aisi.segmenters.panel.panel`.

    ``found`` is as from :func:`find_instances`. Predictions with a score of at least 0.5 are drawn.
    """

    def painted_prediction(photo):
        labels, _, masks = predict(model, photo, score_threshold=0.5, nms_iou=0.5, max_instances=20)
        return painted(photo.shape[:2], labels, [decode(mask) for mask in masks])

    def tagged(labels, masks):
        return lambda photo: painted(photo.shape[:2], labels, [decode(mask) for mask in masks])

    return panel([(path, tagged(labels, masks)) for path, labels, masks in shown(found)], painted_prediction)
