"""Read photos of every common format, always upright and RGB."""

import io
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import ExifTags, Image, IptcImagePlugin, PngImagePlugin, UnidentifiedImageError

from aisi.jpeg import has_all_scans

GREY = (124, 116, 104)
"""Mean colour of ImageNet: for pixels that are not part of a photo, and for backgrounds that are faded out."""

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
"""Pillow's names of what is read, beside HEIC; MPO is JPEG. Pillow knows many more, and runs Ghostscript for one."""
_OTHER_FORMATS = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"BM": "a BMP",
    b"%!": "PostScript",
    b"%PDF": "a PDF",
    b"<": "HTML, SVG or XML",
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
_FILLERS = (b"\x00", b"\x5a", b"\xa5", b"\x33", b"\xcc", b"\x6d", b"\xdb", b"\xb6", b"\xfe")
"""Bytes that a decoder of JPEG takes for different data."""
_IPTC_KEYWORDS = (2, 25)
_XMP_SUBJECTS = ".//{http://purl.org/dc/elements/1.1/}subject//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_DEPTHS = (8, 10, 12, 14, 16)
"""Bits of a grey value that cameras and scanners store in 16."""

Image.MAX_IMAGE_PIXELS = None  # the limit is dataset.max_megapixels, checked where photos are indexed
PngImagePlugin.MAX_TEXT_CHUNK = 2**26  # programs put megabytes of history and colour profiles into PNGs
PngImagePlugin.MAX_TEXT_MEMORY = 2**28


class BadImageError(ValueError):
    """A file that cannot be read as a photo."""


def read_photo(
    photo_path: str | Path, max_megapixels: float | None = None, notes: list[str] | None = None
) -> np.ndarray:
    """Read a photo.

    Parameters
    ----------
    photo_path : str or Path
        JPEG (also MPO), PNG, WebP, AVIF or HEIC; grey, palette, CMYK, 16-bit or with alpha.
    max_megapixels : float, optional
        Largest size, million pixels. None: any size.
    notes : list of str, optional
        What was not as it should be, but could be read, is appended to it.

    Returns
    -------
    (H, W, 3) uint8
        RGB in the EXIF-upright frame; transparent pixels over white. Of 16 bits the upper 8 are kept. Grey photos that
        use only 10, 12 or 14 of the 16 bits are scaled by these. Of an animation, the first photo.

    Raises
    ------
    BadImageError
        If the file is missing, empty, truncated, of another format, or larger than ``max_megapixels``.
    """
    try:
        image = _open(photo_path, max_megapixels, [] if notes is None else notes)
        return np.array(_rgb(_upright(image), [] if notes is None else notes))
    except _UNREADABLE as error:
        raise BadImageError(f"{photo_path}: {_reason(photo_path, error)}") from error


def read_keywords(photo_path: str | Path) -> list[str]:
    """Read the keywords in a photo's metadata: IPTC keywords, XMP subjects, the keywords of Windows.

    Raises
    ------
    BadImageError
        If the file cannot be read as a photo.
    """
    try:
        with open(photo_path, "rb") as file:
            image = _identified(file.read())
        iptc = (IptcImagePlugin.getiptcinfo(image) or {}).get(_IPTC_KEYWORDS, [])
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        windows = image.getexif().get(ExifTags.Base.XPKeywords) or b""
    except _UNREADABLE as error:
        raise BadImageError(f"{photo_path}: {_reason(photo_path, error)}") from error
    texts = [_decoded(text) for text in (iptc if isinstance(iptc, list) else [iptc])]
    texts += _xmp_subjects(xmp.encode() if isinstance(xmp, str) else xmp)
    texts += bytes(windows).decode("utf-16-le", "replace").strip("\0").split(";") if windows else []
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _decoded(text):
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _xmp_subjects(xmp):
    try:
        root = ElementTree.fromstring(xmp.strip(b"\0 \r\n\t")) if xmp else None
    except ElementTree.ParseError:
        return []
    return [] if root is None else [item.text or "" for item in root.iterfind(_XMP_SUBJECTS)]


def _open(path, max_megapixels, notes):
    with open(path, "rb") as file:
        content = file.read()
    image = _identified(content)
    megapixels = image.width * image.height / 1e6
    if max_megapixels is not None and megapixels > max_megapixels:
        raise _RefusedError(
            f"found {megapixels:.3g} million pixels, expected at most {max_megapixels:g}. Make the photo smaller, or "
            "raise dataset.max_megapixels."
        )
    try:
        image.load()
    except OSError:
        image = _without_end(content)
        if image is None:
            raise
        notes.append("JPEG without its end marker")
    if image.format == "PNG" and image.mode in ("1", "L", "RGB") and "transparency" in image.info:
        image.info["transparency"] = _as_8_bits(image.info["transparency"], depth=content[24])
    return image


def _identified(content):
    if is_heif := _is_heif(content):
        _register_heif()
    return Image.open(io.BytesIO(content), formats=("HEIF",) if is_heif else FORMATS)


def _as_8_bits(value, depth):
    """The transparent grey value or colour of a PNG, in the 8 bits to which Pillow converts the pixels."""
    if isinstance(value, tuple):
        return tuple(_as_8_bits(part, depth) for part in value)
    return value >> 8 if depth == 16 else value * 255 // (2**depth - 1)


class _RefusedError(ValueError):
    """A photo that is whole, but not read; with the reason as a sentence."""


def _is_heif(content):
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS


def _register_heif():
    try:
        from pi_heif import register_heif_opener
    except ImportError as error:
        raise _RefusedError(
            "found HEIC, which needs the package pi-heif. Install it, or convert the photo to JPEG."
        ) from error
    register_heif_opener()


def _without_end(content):
    """A JPEG that lacks only its end marker; None if it lacks more.

    The decoder takes whatever follows for data. So if the last scan has all its data, photos with different fillers are
    equal. If a whole scan is missing, they are equal too.
    """
    if not content.startswith(b"\xff\xd8") or not has_all_scans(content):
        return None
    first = None
    for filler in (b"", *_FILLERS):
        image = Image.open(io.BytesIO(content.removesuffix(b"\xff") + filler * 64 + b"\xff\xd9"), formats=("JPEG",))
        image.load()
        if first is None:
            first = image
        elif image.tobytes() != first.tobytes():
            return None
    return first


def _reason(path, error):
    if isinstance(error, FileNotFoundError):
        return "not found. Add the photo."
    if isinstance(error, _RefusedError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        with open(path, "rb") as file:
            head = file.read(16)
        unknown = "an unknown format" if head else "an empty file"
        found = next((name for start, name in _OTHER_FORMATS.items() if head.startswith(start)), unknown)
        return f"found {found}, expected JPEG, PNG, WebP, AVIF or HEIC. Replace or convert it, or leave it out."
    return f"cannot be read as a photo ({error}). Replace it or leave it out."


def _upright(image):
    # Not ImageOps.exif_transpose: it rewrites the EXIF block, and fails on a broken one that still has the rotation.
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except SyntaxError:  # an unreadable EXIF block: no rotation
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image, notes):
    if image.mode.startswith("I"):  # 16 bits per pixel; Pillow's own conversion would clip them at 255
        return _grey_16_bit(image, notes)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _grey_16_bit(image, notes):
    values = np.asarray(image).astype(np.uint32)
    bits = next(depth for depth in _DEPTHS if values.max() < 2**depth or depth == 16)
    if bits < 16:
        notes.append(f"grey values of {bits} bits, stored in 16")
    grey = (values >> (bits - 8)).astype(np.uint8)
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey).convert("RGB")
