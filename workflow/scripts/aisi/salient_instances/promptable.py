"""A promptable segmenter of SAM's type (arXiv 2304.02643), run by ONNX Runtime.

It is two networks. The encoder sees a photo once. The decoder gives the mask for a prompt: points, a box, a rough mask.
SAM learned from a billion masks. So instances that it makes have another supervision than those of the paper.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from PIL import Image

from aisi.masks import Rle, decode

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
"""Of ImageNet's pixels, as in SAM."""
DECODER_INPUTS = {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
DECODER_OUTPUTS = {"masks", "iou_predictions"}
"""Of the decoder that SAM's own script exports."""
POINT, PADDING, BOX_CORNERS = 1.0, -1.0, (2.0, 3.0)
"""What SAM calls the label of a point: on the object, none (there is no box), left upper and right lower corner."""
MASK_SIDE = 256
"""Side of the map of logits by which a mask is prompted."""
MASK_LOGIT = 8.0
"""Logit of the pixels of a prompted mask. ASSUME: SAM expects its own logits there, and these are of this order."""
STABILITY_OFFSET = 1.0
"""Stability compares the masks above and below the threshold by this logit (arXiv 2304.02643, appendix B)."""


class Answer(NamedTuple):
    """What the segmenter answers to a prompt.

    Attributes
    ----------
    mask : (H, W) bool
        In the photo's frame. It may be empty.
    stability : float
        IoU of the masks at a higher and at a lower threshold, in [0, 1]; 0 if both are empty.
    predicted_iou : float
        What the network expects the IoU with the true mask to be, cut to [0, 1].
    """

    mask: np.ndarray
    stability: float
    predicted_iou: float


class PromptableSegmenter:
    """Encoder and decoder, and the embedding of the photo that was seen last.

    Parameters
    ----------
    encoder_path : str or Path
        ONNX. It takes (1, 3, S, S) float32: RGB minus ``MEAN``, divided by ``DEVIATION``, the longer side of the photo
        resized to S, the rest 0.
    decoder_path : str or Path
        ONNX, as SAM's own script exports it.
    threads : int

    Raises
    ------
    ValueError
        If a file is missing, is not ONNX, or has other inputs or outputs.
    """

    def __init__(self, encoder_path: str | Path, decoder_path: str | Path, threads: int) -> None:
        self._encoder, self._decoder = _session(encoder_path, threads), _session(decoder_path, threads)
        self._input = self._encoder.get_inputs()[0]
        shape = self._input.shape
        if len(shape) != 4 or shape[1] != 3 or len(self._encoder.get_inputs()) != 1:
            raise ValueError(
                f"{encoder_path}: found inputs {[(one.name, one.shape) for one in self._encoder.get_inputs()]}, "
                "expected one of shape [1, 3, S, S]. Export it as docs/salient_instances.md says."
            )
        self._side = shape[2] if isinstance(shape[2], int) else 1024
        inputs, outputs = (
            {one.name for one in ends} for ends in (self._decoder.get_inputs(), self._decoder.get_outputs())
        )
        if inputs != DECODER_INPUTS or not outputs >= DECODER_OUTPUTS:
            raise ValueError(
                f"{decoder_path}: found inputs {sorted(inputs)} and outputs {sorted(outputs)}, expected "
                f"{sorted(DECODER_INPUTS)} and {sorted(DECODER_OUTPUTS)}. Export it as docs/salient_instances.md says."
            )

    def see(self, photo: np.ndarray) -> None:
        """Encode a photo, (H, W, 3) uint8; the prompts that follow are about it."""
        self._size = height, width = photo.shape[:2]
        self._scale = self._side / max(height, width)
        self._seen = h, w = max(1, round(height * self._scale)), max(1, round(width * self._scale))
        small = np.asarray(Image.fromarray(photo).resize((w, h), Image.Resampling.BILINEAR), np.float32)
        image = np.zeros((1, 3, self._side, self._side), np.float32)
        image[0, :, :h, :w] = ((small - MEAN) / DEVIATION).transpose(2, 0, 1)
        [self._embedding] = self._encoder.run(None, {self._input.name: image})

    def at_point(self, x: float, y: float) -> Answer:
        """Segment what is at a point, in pixels of the photo."""
        return self._answer([(x, y), (0, 0)], [POINT, PADDING])

    def in_box(self, box: np.ndarray, mask: Rle) -> Answer:
        """Segment the object in a box XYXY, in pixels of the photo, of which a rough mask (RLE) is known."""
        return self._answer([box[:2], box[2:]], BOX_CORNERS, self._logits(mask))

    def _logits(self, mask):
        """A mask (RLE) as a map (1, 1, MASK_SIDE, MASK_SIDE) of logits in the encoder's frame."""
        scale = MASK_SIDE / max(self._size)
        w, h = (max(1, round(side * scale)) for side in self._size[::-1])
        soft = Image.fromarray(decode(mask).astype(np.float32)).resize((w, h), Image.Resampling.BILINEAR)
        logits = np.full((1, 1, MASK_SIDE, MASK_SIDE), -MASK_LOGIT, np.float32)
        logits[0, 0, :h, :w] = (2 * np.asarray(soft) - 1) * MASK_LOGIT
        return logits

    def _answer(self, points, labels, logits=None):
        size = self._size if self._scale > 1 else self._seen  # large photos: at the encoder's size, then enlarged
        masks, quality = self._decoder.run(
            ["masks", "iou_predictions"],
            {
                "image_embeddings": self._embedding,
                "point_coords": np.array([points], np.float32) * self._scale,
                "point_labels": np.array([labels], np.float32),
                "mask_input": np.zeros((1, 1, MASK_SIDE, MASK_SIDE), np.float32) if logits is None else logits,
                "has_mask_input": np.array([logits is not None], np.float32),
                "orig_im_size": np.array(size, np.float32),
            },
        )
        best = int(quality[0].argmax())  # one, unless the decoder was exported with all of its masks
        found = masks[0, best]
        lower = (found > -STABILITY_OFFSET).sum()
        stability = (found > STABILITY_OFFSET).sum() / lower if lower else 0.0
        if found.shape != self._size:
            found = np.asarray(Image.fromarray(found).resize(self._size[::-1], Image.Resampling.BILINEAR))
        return Answer(found > 0, float(stability), float(np.clip(quality[0, best], 0, 1)))


def _session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors alone
    ours = ("CUDAExecutionProvider", "CPUExecutionProvider")
    available = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(path, options, providers=[name for name in ours if name in available])
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ValueError(
            f"{path}: cannot be read as ONNX ({str(error).splitlines()[0]}). Export it again, as "
            "docs/salient_instances.md says."
        ) from error
