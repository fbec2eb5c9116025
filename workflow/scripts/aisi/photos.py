"""Read photos of every common format, always upright and RGB."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
GREY = (124, 116, 104)
"""Mean colour of ImageNet: for pixels that are not part of a photo, and for backgrounds that are faded out."""
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


class BadImageError(ValueError):
    """A file that cannot be read as a photo."""


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo.

    Parameters
    ----------
    path : str or Path
        JPEG, PNG or WebP; grey, palette, CMYK, 16-bit or with alpha.

    Returns
    -------
    (H, W, 3) uint8
        RGB in the EXIF-upright frame. Transparent pixels are drawn over white; of 16 bits the upper 8 are kept; of an
        animation the first frame is read.

    Raises
    ------
    BadImageError
        If the file is missing, empty, truncated or not a photo.
    """
    try:
        with Image.open(path) as image:
            return np.array(_rgb(_upright(image)))
    except _UNREADABLE as error:
        raise BadImageError(f"{path}: cannot be read as a photo ({error}). Replace it or leave it out.") from error


def _upright(image):
    # Not ImageOps.exif_transpose: it rewrites the EXIF block, and fails on a broken one that still has the rotation.
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except SyntaxError:  # an unreadable EXIF block: no rotation
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image):
    if image.mode.startswith("I"):  # 16 bits per pixel; Pillow's own conversion would clip them at 255
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
