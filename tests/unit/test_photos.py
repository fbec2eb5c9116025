"""Photos of every common format are read upright and as RGB; broken ones are recognised."""

import base64
import io
import re
import struct
import sys
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from aisi.photos import BadImageError, read_photo

RED, WHITE = [255, 0, 0], [255, 255, 255]


def save(path, image, **options):
    image.save(path, **options)
    return path


def quarters(dtype=np.uint8, scale=1):
    """(4, 6) with a different value in each quarter: 0 50 / 100 200."""
    values = np.zeros((4, 6), dtype)
    values[:2, 3:], values[2:, :3], values[2:, 3:] = 50, 100, 200
    return values * dtype(scale)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_rgb(tmp_path, suffix):
    photo = read_photo(save(tmp_path / f"a{suffix}", Image.new("RGB", (6, 4), (200, 100, 0)), quality=95))
    assert photo.shape == (4, 6, 3)
    assert photo.dtype == np.uint8
    assert np.abs(photo.astype(int) - [200, 100, 0]).max() <= 4


def test_png_pixels_are_exact(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert np.array_equal(read_photo(save(tmp_path / "a.png", Image.fromarray(pixels))), pixels)


def test_grey(tmp_path):
    photo = read_photo(save(tmp_path / "a.png", Image.fromarray(quarters())))
    assert np.array_equal(photo, np.repeat(quarters()[..., None], 3, axis=2))


def test_black_and_white(tmp_path):
    photo = read_photo(save(tmp_path / "a.png", Image.fromarray(quarters() > 60)))
    assert np.array_equal(photo[..., 0], np.where(quarters() > 60, 255, 0))


def test_16_bit_grey_keeps_its_upper_bits(tmp_path):
    path = save(tmp_path / "a.png", Image.fromarray(quarters(np.uint16, 257)))
    assert np.array_equal(read_photo(path)[..., 0], quarters())


def test_16_bit_rgb_keeps_its_upper_bits(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(2, 16, bytes.fromhex("ff12 8034 0056") * 2, 2))
    assert read_photo(path).tolist() == [[[255, 128, 0]] * 2]


def test_16_bit_with_alpha_is_laid_over_white(tmp_path):
    path = tmp_path / "a.png"
    opaque, clear = bytes.fromhex("ff12 8034 0056 ffff"), bytes.fromhex("ff12 8034 0056 0000")
    path.write_bytes(png(6, 16, opaque + clear, 2))
    assert read_photo(path).tolist() == [[[255, 128, 0], WHITE]]


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(colour, depth, row, width, *chunks):
    """A PNG of one row, built by hand: Pillow does not write all kinds. ``chunks`` stand before the pixels."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    rest = png_chunk(b"IDAT", zlib.compress(b"\0" + row)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(png_chunk(*chunk) for chunk in chunks) + rest


@pytest.mark.parametrize(("ink", "colour"), [((0, 255, 255, 0), RED), ((0, 0, 0, 0), WHITE), ((0, 0, 0, 255), [0] * 3)])
def test_cmyk(tmp_path, ink, colour):
    photo = read_photo(save(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), ink), quality=100))
    assert np.abs(photo.astype(int) - colour).max() <= 4


@pytest.mark.parametrize(("mode", "red"), [("RGBA", (255, 0, 0)), ("LA", (0,))])
def test_alpha_is_laid_over_white(tmp_path, mode, red):
    image = Image.new(mode, (3, 1), (*red, 255))
    image.putpixel((1, 0), (*red, 0))
    image.putpixel((2, 0), (*red, 102))  # 40 % opaque
    row = read_photo(save(tmp_path / "a.png", image))[0]
    half = 255 * 0.6
    assert row[1].tolist() == WHITE
    assert np.abs(row[2] - np.where(np.array(row[0]) == 255, 255, half)).max() <= 1


def test_palette(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert read_photo(save(tmp_path / "a.png", image)).tolist() == [[RED, [0, 0, 255]]]


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
def test_palette_with_transparency_is_laid_over_white(tmp_path, transparency):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    path = save(tmp_path / "a.png", image, transparency=transparency)
    assert read_photo(path).tolist() == [[RED, WHITE]]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, suffix, orientation):
    # What each value does to the stored photo, from the EXIF standard, without Pillow
    upright = [
        *(lambda a: a, np.fliplr, lambda a: np.rot90(a, 2), np.flipud),
        *(lambda a: a.T, lambda a: np.rot90(a, -1), lambda a: np.rot90(a, 2).T, np.rot90),
    ][orientation - 1](quarters())
    stored = np.repeat(quarters()[..., None], 3, axis=2).repeat(8, 0).repeat(8, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(save(tmp_path / f"a{suffix}", Image.fromarray(stored), exif=exif, quality=100))
    assert photo.shape == (upright.shape[0] * 8, upright.shape[1] * 8, 3)
    assert np.abs(photo[4::8, 4::8, 0].astype(int) - upright).max() <= 6


def test_exif_that_cannot_be_written_again_still_turns(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0100] = 4
    data = bytearray(exif.tobytes())
    data[data.index(b"\x01\x00\x00") + 3] = 2  # the width is a number but its type says text
    path = save(tmp_path / "a.jpg", Image.fromarray(quarters()), exif=bytes(data))
    assert read_photo(path).shape == (6, 4, 3)


def test_exif_that_cannot_be_read_turns_nothing(tmp_path):
    path = save(tmp_path / "a.png", Image.fromarray(quarters()), exif=b"Exif\0\0nonsense")
    assert read_photo(path).shape == (4, 6, 3)


def test_animation_gives_its_first_photo(tmp_path):
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    path = save(tmp_path / "a.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert read_photo(path)[0, 0].tolist() == RED


def test_one_pixel(tmp_path):
    assert read_photo(save(tmp_path / "a.png", Image.new("L", (1, 1), 7))).tolist() == [[[7, 7, 7]]]


def test_name_with_spaces_and_letters_of_any_script(tmp_path):
    path = save(tmp_path / "Größe 10 % 写真 #1.JPEG", Image.new("RGB", (2, 2), "red"))
    assert read_photo(str(path)).shape == (2, 2, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
def test_empty_and_truncated_files(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = save(tmp_path / f"a{suffix}", Image.fromarray(noise))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BadImageError, match=f"a{suffix}.*Replace"):
        read_photo(path)


def test_files_that_are_not_photos(tmp_path):
    (tmp_path / "a.jpg").write_text("<html>404</html>")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("a.jpg", "folder.jpg", "missing.jpg"):
        with pytest.raises(BadImageError, match=name):
            read_photo(tmp_path / name)


def test_damaged_files_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (24, 20, 3), np.uint8))
    for kind in ("JPEG", "PNG", "WEBP"):
        content = save(tmp_path / "whole", photo, format=kind).read_bytes()
        for _ in range(200):
            damaged = bytearray(content)
            for position in rng.integers(0, len(content), 3):
                damaged[position] = rng.integers(256)
            (tmp_path / "damaged").write_bytes(damaged)
            with suppress(BadImageError):
                assert read_photo(tmp_path / "damaged").ndim == 3


# ------------------------------------------------------------------ what is nearly right


def test_16_bit_grey_that_uses_12_bits_is_scaled_by_them(tmp_path):
    path, notes = tmp_path / "a.png", []
    for bits in (8, 10, 12, 14, 16):
        Image.fromarray(np.array([[0, 2**bits // 2, 2**bits - 1]], np.uint16)).save(path)
        assert read_photo(path, notes=notes)[0, :, 0].tolist() == [0, 128, 255]
    assert notes == [f"grey values of {bits} bits, stored in 16" for bits in (8, 10, 12, 14)]


@pytest.mark.parametrize(
    ("colour", "depth", "row", "transparent"),
    [
        (0, 1, b"\x40", b"\0\1"),
        (0, 2, b"\x10", b"\0\1"),
        (0, 4, b"\x03", b"\0\3"),
        (0, 8, b"\x07\x09", b"\0\x09"),
        (0, 16, b"\x80\x00\x09\x09", b"\x09\x09"),
        (2, 8, b"\1\2\3\4\5\6", b"\0\4\0\5\0\6"),
        (2, 16, b"\1\0\2\0\3\0\4\1\5\1\6\1", b"\4\1\5\1\6\1"),
    ],
)
def test_transparent_colour_of_any_depth_is_laid_over_white(tmp_path, colour, depth, row, transparent):
    (tmp_path / "a.png").write_bytes(png(colour, depth, row, 2, (b"tRNS", transparent)))
    photo = read_photo(tmp_path / "a.png")
    assert photo[0, 1].tolist() == WHITE
    assert photo[0, 0].tolist() != WHITE


LONG = b"x" * 5_000_000


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"Comment\0" + LONG),
        (b"zTXt", b"Raw\0\0" + zlib.compress(LONG)),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        (b"iCCP", b"profile\0\0" + zlib.compress(LONG)),
    ],
    ids=lambda chunk: chunk[0].decode(),
)
def test_png_with_megabytes_of_text(tmp_path, chunk):
    (tmp_path / "a.png").write_bytes(png(0, 8, b"\7\x09", 2, *[chunk] * (1 if chunk[0] == b"iCCP" else 3)))
    assert read_photo(tmp_path / "a.png")[0, :, 0].tolist() == [7, 9]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [30, 85, 95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_without_its_end_marker_is_whole_and_with_less_it_is_not(tmp_path, progressive, quality, mode):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)).convert(mode)
    path = save(tmp_path / "a.jpg", noise, quality=quality, progressive=progressive)
    content, photo = path.read_bytes(), read_photo(path)
    for missing in (1, 2):
        path.write_bytes(content[:-missing])
        assert np.array_equal(read_photo(path), photo)
    for missing in (3, 4, 5, 7, 11):
        path.write_bytes(content[:-missing])
        with suppress(BadImageError):  # the last bits may belong to no pixel
            assert np.array_equal(read_photo(path), photo)
    for missing in (50, 500):
        path.write_bytes(content[:-missing])
        with pytest.raises(BadImageError, match="truncated"):
            read_photo(path)


def not_interleaved():
    """A sequential JPEG with a scan for each of its three components, made of three grey ones."""
    grey = []
    for seed in range(3):
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 56), np.uint8)).save(file, "JPEG")
        grey.append(file.getvalue())
    frame, scan = (grey[0].index(marker) for marker in (b"\xff\xc0", b"\xff\xda"))
    huffman = grey[0][frame + 13 : scan]
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    three = b"\xff\xc0\0\x11" + grey[0][frame + 4 : frame + 9] + b"\3" + components
    scans = [b"\xff\xda\0\x08\1" + bytes([number]) for number in (1, 2, 3)]
    data = [content[content.index(b"\xff\xda") + 6 : -2] for content in grey]
    sent = b"".join(head + body for head, body in zip(scans, data, strict=True))
    return grey[0][:frame] + three + huffman + sent + b"\xff\xd9"


def progressive(mode, size, quality=85):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)).convert(mode)
    file = io.BytesIO()
    noise.save(file, "JPEG", progressive=True, quality=quality)
    return file.getvalue()


MODES = "RGB", "L", "CMYK"
SEVERAL_SCANS = {
    "not_interleaved": not_interleaved(),
    **{
        f"{mode}_{quality}": progressive(mode, (61, 83), quality)
        for mode in ("RGB", "L", "CMYK")
        for quality in (20, 95)
    },
    "one_colour": progressive("RGB", (1, 1)),
}


@pytest.mark.parametrize("name", SEVERAL_SCANS)
def test_jpeg_cut_between_two_scans_is_refused(tmp_path, name):
    """At each marker, within each marker's segment, and with what follows a cut: zeros, another file's end."""
    content, path = SEVERAL_SCANS[name], tmp_path / "a.jpg"
    path.write_bytes(content)
    whole = read_photo(path)
    cuts = [found.start() for found in re.finditer(rb"\xff[\xc4\xda]", content)]
    last = content.rindex(b"\xff\xda")
    assert len(cuts) >= 3
    for cut in cuts:
        for end in (b"", b"\xff", content[cut : cut + 2], content[cut : cut + 5], bytes(1000)):
            path.write_bytes(content[:cut] + end)
            with pytest.raises(BadImageError, match="truncated|cannot identify|unknown|cannot be read"):
                read_photo(path)
    for cut in range(last, len(content)):  # each of the last bytes
        path.write_bytes(content[:cut])
        with suppress(BadImageError):
            assert np.array_equal(read_photo(path), whole)
    path.write_bytes(content[:-2])
    assert np.array_equal(read_photo(path), whole)


def test_a_missing_end_marker_is_noted(tmp_path):
    path, notes = save(tmp_path / "a.jpg", Image.new("RGB", (64, 64), "red")), []
    path.write_bytes(path.read_bytes()[:-2])
    assert read_photo(path, notes=notes).shape == (64, 64, 3)
    assert notes == ["JPEG without its end marker"]


def test_mpo_gives_its_first_photo(tmp_path):
    two = [Image.new("RGB", size, colour) for size, colour in (((8, 8), "red"), ((4, 4), "blue"))]
    path = save(tmp_path / "a.jpg", two[0], format="MPO", save_all=True, append_images=two[1:])
    assert b"MPF" in path.read_bytes()
    assert read_photo(path).shape == (8, 8, 3)


def test_avif(tmp_path):
    photo = read_photo(save(tmp_path / "a.avif", Image.new("RGB", (6, 4), (200, 100, 0)), quality=95))
    assert photo.shape == (4, 6, 3)
    assert np.abs(photo.astype(int) - [200, 100, 0]).max() <= 6


HEIC = {
    "plain": (
        "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
        "bG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAP4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
        "AAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
        "AQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAA"
        "AAAUaXNwZQAAAAAAAABgAAAAQAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAQZtZGF0AAAA+igBrwY48ZDx"
        "HLxX/fhii7qFVv/iHx//+fD7L3fqxmrGUHHi8a1UZMoI3ImTXN0PVKFNJd8VCnxoQ7mPqElqRxHywPnwfCpsCGikkd+JqdMy1ciUiF0P"
        "cXdzNI6OQ8P1bYHNyP//623e4f+cGsuCDsZBIBigdm6ca4rqXiKf+zss//9rHP//nmP+RS//8E4H/6CyfOg5EC0M9d74TOU87HqpGwi2"
        "k6PLxKrkmmY5TMXOH+w8kJ5YtlVvmaPcP4cvf/r0WiWb2TEgrL2F8+C/KPPOcC5eXxzbM6aX11os9R/qs6gX5IiEGaceiU1jZ6yIdL6Y"
        "BTUwTUcXobw="
    ),
    "turned": (
        "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRp"
        "bG9jAAAAAERAAAIAAQAAAAABxQABAAAAAAAAAP4AAgAAAAACwwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABo"
        "dmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA"
        "/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbqSSmubgIaDAgAAAMA"
        "yAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAABBwaXhpAAAAAAMICAgAAAAJ"
        "aXJvdAMAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAASptZGF0AAAA+igBrwY48ZDxHLxX"
        "/fhii7qFVv/iHx//+fD7L3fqxmrGUHHi8a1UZMoI3ImTXN0PVKFNJd8VCnxoQ7mPqElqRxHywPnwfCpsCGikkd+JqdMy1ciUiF0PcXdz"
        "NI6OQ8P1bYHNyP//623e4f+cGsuCDsZBIBigdm6ca4rqXiKf+zss//9rHP//nmP+RS//8E4H/6CyfOg5EC0M9d74TOU87HqpGwi2k6PL"
        "xKrkmmY5TMXOH+w8kJ5YtlVvmaPcP4cvf/r0WiWb2TEgrL2F8+C/KPPOcC5eXxzbM6aX11os9R/qs6gX5IiEGaceiU1jZ6yIdL6YBTUw"
        "TUcXobwAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
    ),
}
"""A photo of 96 x 64 with a white, a dark red, a green and a blue quarter; the second one says: turn to the right."""


def test_heic(tmp_path):
    for name, corners in (("plain", [WHITE, [50, 0, 0], [0, 200, 0], [0, 0, 220]]), ("turned", None)):
        (tmp_path / f"{name}.heic").write_bytes(base64.b64decode(HEIC[name]))
        photo = read_photo(tmp_path / f"{name}.heic").astype(int)
        if corners is None:
            assert photo.shape == (96, 64, 3)
            corners = [[0, 200, 0], WHITE, [0, 0, 220], [50, 0, 0]]
        found = [photo[y, x] for y in (5, -5) for x in (5, -5)]
        assert np.abs(np.array(found) - corners).max() <= 12


def test_heic_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    (tmp_path / "IMG 0061.HEIC").write_bytes(base64.b64decode(HEIC["plain"]))
    with pytest.raises(BadImageError, match="IMG 0061.HEIC: found HEIC, which needs the package pi-heif"):
        read_photo(tmp_path / "IMG 0061.HEIC")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("GIF", "a GIF"),
        ("TIFF", "a TIFF"),
        ("BMP", "a BMP"),
        ("PDF", "a PDF"),
        ("EPS", "PostScript"),
        ("TGA", "an unk"),
    ],
)
def test_other_formats_are_named_whatever_the_suffix(tmp_path, kind, found, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (8, 8), "red").save(path, format=kind)
    with pytest.raises(BadImageError, match=f"a{suffix}: found {found}.*, expected JPEG, PNG, WebP, AVIF or HEIC"):
        read_photo(path)


def test_messages_are_the_same_in_every_run(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing known")
    messages = set()
    for _ in range(2):
        with pytest.raises(BadImageError) as caught:
            read_photo(tmp_path / "a.jpg")
        messages.add(str(caught.value))
    assert len(messages) == 1 and "0x" not in messages.pop()


def test_limit_of_pixels(tmp_path):
    path = save(tmp_path / "a.png", Image.new("1", (1000, 3000)))
    assert read_photo(path, max_megapixels=3).shape == (3000, 1000, 3)
    with pytest.raises(BadImageError, match="found 3 million pixels, expected at most 2.9. .*dataset.max_megapixels"):
        read_photo(path, max_megapixels=2.9)


def test_a_panorama_above_the_limit_of_pillow(tmp_path):
    path = tmp_path / "a.png"
    width = 200_000_000
    path.write_bytes(png(0, 1, bytes(width // 8), width))
    with pytest.raises(BadImageError, match="found 200 million pixels, expected at most 100"):
        read_photo(path, max_megapixels=100)
    assert Image.MAX_IMAGE_PIXELS is None
