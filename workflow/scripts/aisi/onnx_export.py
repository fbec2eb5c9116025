"""Networks as ONNX files, which run without PyTorch (docs/predict.md)."""

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.transform import resize_boxes

from aisi.files import atomic
from aisi.masks import decode
from aisi.predict import Model
from aisi.segmenters.deeplab import DeepLab
from aisi.segmenters.mask_rcnn import InstanceSegmenter, fitted_size

OPSET = 18
"""Version of ONNX's operators. ONNX Runtime knows it since 1.14."""
LARGEST_DIFFERENCE = 0.001
"""Share of the pixels that may differ between the file and the network."""
TRIED_SIZES = (96, 128), (61, 97), (150, 45)
"""Heights and widths of the photos on which the file is compared with the network. The first is also traced."""
_PADDED_TO = 32
"""torchvision pads photos for Mask R-CNN to multiples of it."""


class SemanticGraph(nn.Module):
    """DeepLab with all of :func:`aisi.segmenters.deeplab.predict` but the resizing of the photo."""

    def __init__(self, network: DeepLab, flip: bool) -> None:
        super().__init__()
        self.network, self.flip = network, flip

    def forward(self, size: torch.Tensor, *photos: torch.Tensor) -> torch.Tensor:
        """Size (2,) int64 and the photo (h, w, 3) uint8 at each scale -> labels (H, W) uint8."""
        total: Any = 0
        for resized in photos:
            photo = resized.permute(2, 0, 1)[None]
            for mirrored in (False, True) if self.flip else (False,):
                logits = self.network(photo.flip(3) if mirrored else photo)
                logits = F.interpolate(logits, (size[0], size[1]), mode="bilinear", align_corners=False)[0]  # type: ignore[arg-type]
                total = total + (logits.flip(2) if mirrored else logits).softmax(0)
        return total.argmax(0).to(torch.uint8)


class InstanceGraph(nn.Module):
    """Mask R-CNN with all of :func:`aisi.segmenters.mask_rcnn.predict` but the resizing of the photo."""

    def __init__(self, network: InstanceSegmenter, score_threshold: float, nms_iou: float, max_instances: int) -> None:
        super().__init__()
        self.network, heads = network, network.roi_heads
        heads.score_thresh, heads.nms_thresh, heads.detections_per_img = score_threshold, nms_iou, max_instances

    def forward(self, size: torch.Tensor, resized: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Size (2,) int64 and the photo (h, w, 3) uint8 -> labels (n,), scores (n,), masks (n, H, W) uint8."""
        network: Any = self.network
        height, width = resized.shape[:2]
        photo = network.transform.normalize(resized.permute(2, 0, 1).float())[None]
        padded = F.pad(photo, (0, -width % _PADDED_TO, 0, -height % _PADDED_TO))
        photos = ImageList(padded, [(height, width)])
        maps = network.backbone(padded)
        [found], _ = network.roi_heads(maps, network.rpn(photos, maps)[0], photos.image_sizes)
        whole: Any = size[0], size[1]
        boxes = resize_boxes(found["boxes"], photos.image_sizes[0], whole)  # type: ignore[arg-type]
        masks = paste_masks_in_image(found["masks"], boxes, whole)[:, 0] >= 0.5
        kept = masks.flatten(1).any(1)
        return found["labels"][kept], found["scores"][kept], masks[kept].to(torch.uint8)


def export_onnx(model: Model, onnx_path: str | Path) -> None:
    """Write a model as ONNX for photos of any size, with its categories and preprocessing in the metadata.

    Its inputs are ``size`` (2,) int64, the height and width of the photo, and the resized photos (h, w, 3) uint8 RGB:
    ``photo_1``, ... at the factors of the metadata's ``scales`` for DeepLab, ``photo_1`` at the fitted size for Mask
    R-CNN. Outputs are ``labels`` (H, W) uint8 for DeepLab, or ``labels`` (n,), ``scores`` (n,) and ``masks`` (n, H, W)
    uint8. The file is compared with the network on noise before it is written.

    Parameters
    ----------
    model : Model
        On the CPU.
    onnx_path : str or Path

    Raises
    ------
    ValueError
        If more than :data:`LARGEST_DIFFERENCE` of the pixels have another label.
    """
    settings = model.prediction
    if model.kind == "deeplab":
        graph: nn.Module = SemanticGraph(model.network, settings["flip"])  # type: ignore[arg-type]
        outputs = {"labels": {0: "height", 1: "width"}}
    else:
        graph = InstanceGraph(model.network, **settings)  # type: ignore[arg-type]
        outputs = {"labels": {0: "n"}, "scores": {0: "n"}, "masks": {0: "n", 1: "height", 2: "width"}}
    feeds = inputs_of(model, _noise(*TRIED_SIZES[0]))
    axes = {name: {0: f"height_{name}", 1: f"width_{name}"} for name in feeds if name != "size"} | outputs
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter, torch.export, works out the sizes of all layers as formulas, for tens of minutes.
        warnings.simplefilter("ignore")
        file = Path(folder, "traced.onnx")
        torch.onnx.export(
            graph.eval(),
            tuple(map(torch.from_numpy, feeds.values())),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(feeds),
            output_names=list(outputs),
            dynamic_axes=axes,
        )
        traced = onnx.load(file)
    onnx.helper.set_model_props(traced, metadata_of(model))
    content = traced.SerializeToString()
    _compare(model, onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]))
    with atomic(onnx_path) as temporary:
        temporary.write_bytes(content)


def metadata_of(model: Model) -> dict[str, str]:
    """What the file says about itself: texts by name, JSON where there are several values."""
    sizes: dict[str, Any] = {"scales": model.prediction.get("scales")}
    if model.kind == "mask_rcnn":
        transform: Any = model.network.transform
        sizes = {"image_size": transform.min_size[0], "largest_size": transform.max_size}
    return {
        "network": model.kind,
        "categories": json.dumps(["background", *model.categories.names], ensure_ascii=False),
        "category_ids": json.dumps([0, *model.categories.ids]),
        "preprocessing": "upright RGB photo, resized with Pillow's bilinear filter, uint8; the file normalises it",
        "model_sha256": model.digest,
        **{name: json.dumps(value) for name, value in sizes.items()},
    }


def inputs_of(model: Model, photo: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of the file, by name, for a photo (H, W, 3) uint8."""
    size = photo.shape[1::-1]
    if model.kind == "deeplab":
        sizes = [
            (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))) for scale in model.prediction["scales"]
        ]
    else:
        transform: Any = model.network.transform
        sizes = [fitted_size(size, transform.min_size[0], transform.max_size)]
    resized = [np.array(Image.fromarray(photo).resize(new, Image.Resampling.BILINEAR)) for new in sizes]
    names = {f"photo_{number}": array for number, array in enumerate(resized, start=1)}
    return {"size": np.array(photo.shape[:2], np.int64)} | names


def _noise(height, width):
    coarse = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def _compare(model, session):
    """Raise ValueError if the file and the network see different things in noise."""
    for size in TRIED_SIZES:
        photo = _noise(*size)
        found = session.run(None, inputs_of(model, photo))
        labels, (_, _, masks) = model.segment(photo)
        if model.kind == "deeplab":
            different = (found[0] != labels).mean()
        else:
            same = len(found[2]) == len(masks)
            different = (
                np.mean([(a != decode(b)).mean() for a, b in zip(found[2], masks, strict=True)] or [0]) if same else 1
            )
        if different > LARGEST_DIFFERENCE:
            raise ValueError(
                f"The ONNX file differs from the network at {different:.2%} of the pixels of a photo of {size[1]} x "
                f"{size[0]}, expected at most {LARGEST_DIFFERENCE:.1%}. The exporter does not know a layer of this "
                "backbone. Use model.safetensors with aisi.predict."
            )
