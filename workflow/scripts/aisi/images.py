"""Reading photos of every common kind, always upright and RGB."""

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""File names that count as photos, in lower case."""


class BadImageError(ValueError):
    """A file that cannot be read as a picture."""


def read_photo(path):
    """Read a picture.

    Parameters
    ----------
    path : str or Path
        JPEG, PNG or WebP; grey, palette, CMYK, 16-bit or with alpha.

    Returns
    -------
    (H, W, 3) uint8
        RGB in the EXIF-upright frame; transparent pixels over white.

    Raises
    ------
    BadImageError
        If the file is missing, empty, truncated or no picture.
    """
    try:
        with Image.open(path) as image:
            return np.array(_rgb(ImageOps.exif_transpose(image)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImageError(f"{path}: cannot be read as a picture ({error}). Replace the file or leave it out.") from error


def _rgb(image):
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would clip them at 255
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
