"""Mask R-CNN: instance segmentation, torchvision's network on any of our backbones."""

from collections import OrderedDict

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from aisi.masks import area, coco_box, decode, encode, to_json
from aisi.photos import read_photo
from aisi.training.augmentation import jitter_colours, mirror, to_tensor
from aisi.training.backbones import create_backbone
from aisi.training.weights import load_network, save_weights

ANCHOR_RATIOS = (0.5, 1.0, 2.0)
ROI_SIZE = 7
"""Side of the grid that the box head sees; torchvision's."""
MASK_LAYERS = 4


class Pyramid(nn.Module):
    """A backbone and torchvision's feature pyramid: P2..P5 by name, and P6 pooled from P5."""

    def __init__(self, backbone, channels):
        super().__init__()
        self.backbone = backbone
        self.fpn = FeaturePyramidNetwork(backbone.channels, channels, LastLevelMaxPool())
        self.out_channels = channels

    def forward(self, images):
        """Normalised images (B, 3, H, W) float -> maps (B, channels, h, w) at strides 4 to 64."""
        maps = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return self.fpn(OrderedDict((str(level), each) for level, each in enumerate(maps)))


class InstanceSegmenter(MaskRCNN):
    """Torchvision's Mask R-CNN, with the sizes of its parts as arguments.

    Parameters
    ----------
    n_categories : int
        Without background.
    backbone : str
        Name for :func:`aisi.training.backbones.create_backbone`.
    image_size, largest_size : int
        Photos are resized so that the shorter side is ``image_size``, the longer at most ``largest_size`` pixels.
    pyramid_channels : int
        256 in the paper (arXiv 1703.06870), as torchvision's default; so are the following numbers.
    anchor_sizes : list of 5 int
        Side of the anchors of P2..P6, pixels of the resized photo; 32 to 512.
    proposals : int
        Regions a photo that the second stage sees at most; 1000.
    samples : int
        Regions a photo on which the box head is trained; 512.
    box_channels, mask_channels : int
        Width of the heads; 1024 and 256.
    weights : str
        ImageNet weights of the backbone.
    """

    def __init__(
        self,
        n_categories,
        backbone,
        image_size,
        largest_size,
        pyramid_channels,
        anchor_sizes,
        proposals,
        samples,
        box_channels,
        mask_channels,
        weights="none",
    ):
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
            rpn_post_nms_top_n_train=proposals,
            rpn_post_nms_top_n_test=proposals,
            box_batch_size_per_image=samples,
            box_head=TwoMLPHead(pyramid_channels * ROI_SIZE**2, box_channels),
            box_predictor=FastRCNNPredictor(box_channels, n_categories + 1),
            mask_head=MaskRCNNHeads(pyramid_channels, [mask_channels] * MASK_LAYERS, 1),
            mask_predictor=MaskRCNNPredictor(mask_channels, mask_channels, n_categories + 1),
            _skip_resize=True,  # in training: the samples have their size already
        )


def load_segmenter(path, device, n_categories):
    """Read a trained :class:`InstanceSegmenter`, ready to predict."""
    return load_network(path, "mask_rcnn", InstanceSegmenter, device, n_categories)


def save_segmenter(path, model, architecture):
    """Write a trained :class:`InstanceSegmenter` with the arguments that build it."""
    save_weights(path, model.state_dict(), {"network": "mask_rcnn"} | architecture)


def instance_loss(model, batch):
    """Sum of Mask R-CNN's five losses of a batch from :meth:`InstancePhotos.collate`."""
    model.train()  # torchvision's networks have losses in training alone, also of held-out samples
    return sum(model([image.float() for image in batch["images"]], batch["targets"]).values())


def find_instances(images, instances, names):
    """Photos and their tagged instances.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    instances : dict
        As from :func:`aisi.formats.coco.read_instances`.
    names : list of str
        Of the categories; those of which there is no instance are told, and nothing else happens to them.

    Returns
    -------
    list of (str, list of int, list of dict)
        Path, labels and masks (COCO compressed RLE) of the photos that have an instance. Instances without a pixel are
        left out, and told.

    Raises
    ------
    ValueError
        If no photo has one.
    """
    found, empty = [], 0
    for photo in images.itertuples():
        labels, _, masks = instances.get(photo.image_id, ([], [], []))
        kept = [number for number, mask in enumerate(masks) if area(mask)]
        empty += len(masks) - len(kept)
        if kept:
            found.append((photo.path, [labels[number] for number in kept], [masks[number] for number in kept]))
    if empty:
        print(f"{empty} instances have no pixel: left out.")
    if not found:
        raise ValueError(
            f"None of the {len(images)} photos has an instance with a tag, so there is nothing to train on. "
            "Lower salient_instances.score_threshold, or raise partition.r."
        )
    seen = {label for _, labels, _ in found for label in labels}
    if unseen := [name for label, name in enumerate(names, start=1) if label not in seen]:
        print(f"No instance to learn from: {', '.join(unseen)}.")
    return found


class InstancePhotos:
    """Training samples: a photo, rescaled and mirrored at random, with jittered colours, and its instances.

    Parameters
    ----------
    photos : list of (str, list of int, list of dict)
        As from :func:`find_instances`.
    image_size, largest_size : int
        Of the network.
    scales : (float, float)
        Bounds of the rescaling, drawn evenly on a logarithmic scale.
    colour_jitter : float
        Largest relative change of brightness, contrast and saturation.
    """

    def __init__(self, photos, image_size, largest_size, scales, colour_jitter):
        self.photos, self.image_size, self.largest_size = photos, image_size, largest_size
        self.scales, self.colour_jitter = scales, colour_jitter

    def __len__(self):
        return len(self.photos)

    def sample(self, index, rng):
        """One sample: image (3, H, W) uint8 and target: boxes (n, 4) XYXY, labels (n,), masks (n, H, W) uint8."""
        path, labels, masks = self.photos[index]
        photo = Image.fromarray(read_photo(path))
        size = self._size(photo.size, rng)
        turned = mirror if rng.random() < 0.5 else lambda picture: picture
        image = jitter_colours(turned(photo.resize(size, Image.Resampling.BILINEAR)), self.colour_jitter, rng)
        masks = [
            np.array(turned(Image.fromarray(decode(mask).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)))
            for mask in masks
        ]
        kept = [number for number, mask in enumerate(masks) if mask.any()]
        boxes = [_box(masks[number]) for number in kept]
        target = {
            "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            "labels": torch.tensor([labels[number] for number in kept], dtype=torch.int64),
            "masks": torch.from_numpy(np.array([masks[number] for number in kept], np.uint8).reshape(-1, *size[::-1])),
        }
        return to_tensor(image), target

    def _size(self, size, rng):
        """Width and height that a photo of this size gets."""
        low, high = self.scales
        scale = self.image_size / min(size) * low * (high / low) ** rng.random()
        scale = min(scale, self.largest_size / max(size))
        return tuple(max(1, round(scale * side)) for side in size)

    @staticmethod
    def collate(samples):
        """A batch for :func:`instance_loss`."""
        images, targets = zip(*samples, strict=True)
        return {"images": list(images), "targets": list(targets)}


def _box(mask):
    """Tight box XYXY, half-open, of a mask (H, W)."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@torch.inference_mode()
def predict(model, photo, score_threshold, nms_iou, max_instances):
    """Find the instances of one photo of any size.

    Parameters
    ----------
    model : InstanceSegmenter
    photo : (H, W, 3) uint8
    score_threshold : float
        Instances of a lower score are left out, in [0, 1].
    nms_iou : float
        Of two boxes of a category that overlap by more, the lower score goes.
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
    images, _ = model.transform([to_tensor(photo).to(device).float()])
    maps = model.backbone(images.tensors)
    [found], _ = heads(maps, model.rpn(images, maps)[0], images.image_sizes)
    boxes = resize_boxes(found["boxes"], images.image_sizes[0], photo.shape[:2])
    labels, scores, masks = [], [], []
    # One at a time: at the photo's size, all masks of a large photo would fill the memory.
    for label, score, box, small in zip(found["labels"], found["scores"], boxes, found["masks"], strict=True):
        [[mask]] = paste_masks_in_image(small[None], box[None], photo.shape[:2]) >= 0.5
        if mask.any():
            labels.append(int(label))
            scores.append(float(score))
            masks.append(encode(mask.cpu().numpy()))
    return labels, scores, masks


def coco_results(image_id, labels, scores, masks, category_ids):
    """One photo's instances, as from :func:`predict`, as entries of COCO's results; ``category_ids`` of labels 1..C."""
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
