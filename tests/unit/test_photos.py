"""Photos of every common format are read upright and as RGB; broken ones are recognised."""

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
    path.write_bytes(png_16_bit(channels=3, row=bytes.fromhex("ff12 8034 0056") * 2, width=2, height=1))
    assert read_photo(path).tolist() == [[[255, 128, 0]] * 2]


def test_16_bit_with_alpha_is_laid_over_white(tmp_path):
    path = tmp_path / "a.png"
    opaque, clear = bytes.fromhex("ff12 8034 0056 ffff"), bytes.fromhex("ff12 8034 0056 0000")
    path.write_bytes(png_16_bit(channels=4, row=opaque + clear, width=2, height=1))
    assert read_photo(path).tolist() == [[[255, 128, 0], WHITE]]


def png_16_bit(channels, row, width, height):
    """Build a PNG by hand, since Pillow writes no 16-bit colour."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    kind = {3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    data = zlib.compress((b"\0" + row) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


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
