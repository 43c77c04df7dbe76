"""Every upload becomes an RGB array or one clear error, in time and in bounds."""

import json
import math
import struct
import subprocess
import sys
import threading
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cnnviz import images
from cnnviz.errors import (
    PhotoDamagedError,
    PhotoEmptyError,
    PhotoError,
    PhotoFormatError,
    PhotoTooLargeError,
)
from cnnviz.images import encode_jpeg, encode_png, fit, read_photo

# Pillow warns of broken EXIF, of which there is plenty here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
EXACT = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "GIF": {},
}
# Every kind of lossy coding leaves flat 16-pixel blocks within this many levels of what went in.
LOSSY = {"JPEG": {"quality": 95, "subsampling": 0}, "AVIF": {"quality": 95, "subsampling": "4:4:4"}}
TOLERANCE = 8


def save(im, kind, **options):
    buffer = BytesIO()
    im.save(buffer, kind, **options)
    return buffer.getvalue()


def blocks():
    """32 × 48 pixels of six flat colours, no two alike, so that every flip and turn shows."""
    colours = np.array(
        [[[250, 10, 20], [30, 240, 10], [20, 30, 230]], [[240, 230, 20], [128, 128, 128], [0, 0, 0]]],
        np.uint8,
    )
    return np.kron(colours, np.ones((16, 16, 1), np.uint8))


def close(result, expected, tolerance):
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).max() <= tolerance


def valid(rgb, max_side=images.MAX_SIDE):
    return (
        rgb.dtype == np.uint8
        and rgb.ndim == 3
        and rgb.shape[2] == 3
        and min(rgb.shape[:2]) >= 1
        and max(rgb.shape[:2]) <= max_side
        and rgb.flags.c_contiguous
        and rgb.flags.writeable
    )


def attempt(data):
    """What becomes of `data`: a valid array or a PhotoError with a sentence; None is neither."""
    try:
        rgb = read_photo(data)
    except PhotoError as error:
        return error if str(error) else None  # the template and its values fit
    return rgb if valid(rgb) else None


# What arrives intact


@pytest.mark.parametrize("kind", EXACT)
def test_lossless_formats_are_read_exactly(kind):
    close(read_photo(save(Image.fromarray(blocks()), kind, **EXACT[kind])), blocks(), 0)


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_are_read_closely(kind):
    close(read_photo(save(Image.fromarray(blocks()), kind, **LOSSY[kind])), blocks(), TOLERANCE)


def test_progressive_jpeg():
    close(
        read_photo(save(Image.fromarray(blocks()), "JPEG", progressive=True, **LOSSY["JPEG"])),
        blocks(),
        TOLERANCE,
    )


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_compressions(compression, big):
    data = save(Image.fromarray(blocks()), "TIFF", compression=compression, big_tiff=big)
    close(read_photo(data), blocks(), 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame_or_page_counts(kind):
    first, second = Image.fromarray(blocks()), Image.new("RGB", (48, 32), "white")
    options = EXACT.get(kind, LOSSY.get(kind))
    data = save(first, kind, save_all=True, append_images=[second], **options)
    close(read_photo(data), blocks(), 0 if kind in EXACT else TOLERANCE)


# Row and column of the stored picture in which each pixel of the shown one stands, from the definition
# of tag 274 in the EXIF specification ("the 0th row is at the visual ... , the 0th column at ...").
ORIENTATIONS = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored[::-1].swapaxes(0, 1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save(Image.fromarray(blocks()), kind, exif=exif, **EXACT.get(kind, LOSSY.get(kind)))
    expected = ORIENTATIONS[orientation](blocks())
    close(read_photo(data), expected, 0 if kind in EXACT else TOLERANCE)


def test_orientation_agrees_with_opencv():
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        data = save(Image.fromarray(blocks()), "JPEG", exif=exif, **LOSSY["JPEG"])
        theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        close(read_photo(data), theirs, 2)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0garbage" * 9])
def test_broken_exif_turns_nothing(exif):
    data = save(Image.fromarray(blocks()), "JPEG", exif=exif, **LOSSY["JPEG"])
    close(read_photo(data), blocks(), TOLERANCE)


# Modes


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_alpha_is_composed_on_white(kind):
    rgba = np.zeros((16, 48, 4), np.uint8)
    rgba[:, :16] = 200, 100, 0, 255
    rgba[:, 16:32] = 0, 0, 0, 102  # 40 % of black on white: 153
    rgba[:, 32:] = 9, 9, 9, 0
    rgb = read_photo(save(Image.fromarray(rgba), kind, **EXACT.get(kind, LOSSY.get(kind))))
    expected = np.zeros((16, 48, 3), np.uint8)
    expected[:, :16], expected[:, 16:32], expected[:, 32:] = (200, 100, 0), 153, 255
    close(rgb, expected, 1 if kind in EXACT else TOLERANCE)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "LA"), ("TIFF", "LA"), ("TIFF", "PA")])
def test_grey_and_palette_with_alpha(kind, mode):
    grey = Image.new("L", (3, 1))
    grey.putdata([40, 40, 40])
    alpha = Image.new("L", (3, 1))
    alpha.putdata([255, 102, 0])
    la = Image.merge("LA", (grey, alpha))
    im = la if mode == "LA" else la.convert("RGBA").convert("PA")
    if mode == "PA":
        im.putalpha(alpha)
    red = read_photo(save(im, kind))[0, :, 0].astype(int)
    assert np.abs(red - [40, round(0.4 * 40 + 0.6 * 255), 255]).max() <= (1 if mode == "LA" else 26)


def test_transparent_palette_colours_and_gif_background():
    im = Image.new("P", (4, 1))
    im.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    im.putdata([0, 1, 2, 1])
    expected = [[255, 0, 0], [255, 255, 255], [0, 0, 255], [255, 255, 255]]
    for data in (save(im, "PNG", transparency=1), save(im, "GIF", transparency=1)):
        assert read_photo(data)[0].tolist() == expected
    partly = save(im, "PNG", transparency=bytes([255, 51, 255]))
    assert read_photo(partly)[0, 1].tolist() == [204, 255, 204]


def test_a_colour_that_stands_for_nothing():
    rgb = Image.fromarray(blocks())
    data = save(rgb, "PNG", transparency=(250, 10, 20))
    expected = blocks()
    expected[:16, :16] = 255
    close(read_photo(data), expected, 0)
    grey = Image.fromarray(np.array([[0, 100, 200]], np.uint8))
    assert read_photo(save(grey, "PNG", transparency=100))[0, :, 0].tolist() == [0, 255, 200]
    deep = Image.fromarray(np.array([[0, 25700, 65535]], np.uint16))
    assert read_photo(save(deep, "PNG", transparency=25700))[0, :, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palettes(kind, mode):
    grey = np.kron(np.array([[0, 255, 0]], np.uint8), np.ones((16, 16), np.uint8))
    im = Image.fromarray(grey).convert(mode)
    if kind in ("JPEG", "WEBP", "AVIF"):
        im = im.convert("L")
    close(read_photo(save(im, kind)), np.stack([grey] * 3, axis=2), 0 if kind in EXACT else TOLERANCE)


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_sixteen_bits_keep_the_upper_eight(kind):
    ramp = np.arange(0, 65536, 256, np.uint16).reshape(16, 16)
    deep = ramp + np.uint16(255)  # every 8-bit level, as high as it goes
    for values in (ramp, deep):
        grey = cv2.imencode(kind, values)[1].tobytes()
        expected = np.arange(256).reshape(16, 16)
        assert (read_photo(grey) == expected[..., None]).all()
        colour = cv2.imencode(kind, np.stack([values, values[::-1], values.T], 2))[1].tobytes()  # B, G, R
        expected = np.stack([expected.T, expected[::-1], expected], 2)
        assert (read_photo(colour) == expected).all()


def test_big_endian_sixteen_bits():
    values = np.array([[0, 257 * 77, 65535]], np.uint16)
    for mode in ("I;16", "I;16B"):
        raw = values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
        assert read_photo(save(Image.frombytes(mode, (3, 1), raw), "TIFF"))[0, :, 0].tolist() == [0, 77, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),  # a float picture's white is 1
        (np.array([[0, 77, 255]], np.float32), [0, 77, 255]),
        (np.array([[0, 257 * 77, 65535]], np.float32), [0, 77, 255]),
        (np.array([[-10, 0, 10]], np.float32), [0, 128, 255]),
        (np.array([[0, 5e30, 1e31]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1]], np.float32), [0, 0, 255]),
        (np.array([[-3, -3, -3]], np.float32), [0, 0, 0]),
        (np.array([[0, 77, 255]], np.int32), [0, 77, 255]),
        (np.array([[0, 257 * 77, 65535]], np.int32), [0, 77, 255]),
        (np.array([[-(2**31), 0, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_long_integers(values, expected):
    data = save(Image.fromarray(values), "TIFF")
    assert read_photo(data).tolist() == [[[level] * 3 for level in expected]]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    ink = np.zeros((16, 64, 4), np.uint8)
    ink[:, :16, 0] = ink[:, 16:32, 1] = ink[:, 32:48, 2] = ink[:, 48:, 3] = 255
    im = Image.frombytes("CMYK", (64, 16), ink.tobytes())
    expected = np.zeros((16, 64, 3), np.uint8)
    expected[:, :16], expected[:, 16:32], expected[:, 32:48] = (0, 255, 255), (255, 0, 255), (255, 255, 0)
    close(read_photo(save(im, kind, **({"quality": 95} if kind == "JPEG" else {}))), expected, 6)


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
def test_other_colour_spaces(mode):
    grey = Image.fromarray(np.full((4, 4, 3), 120, np.uint8))
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        im = ImageCms.profileToProfile(grey, *profiles, outputMode="LAB")
    else:
        im = grey.convert(mode)
    close(read_photo(save(im, "TIFF")), np.full((4, 4, 3), 120, np.uint8), 3)


# Sizes


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("size", "expected"),
    [((300, 200), (67, 100)), ((200, 300), (100, 67)), ((100, 100), (100, 100)), ((990, 3), (1, 100))],
)
def test_long_side_is_bounded(kind, size, expected):
    ramp = np.tile(np.linspace(0, 255, size[0]).astype(np.uint8), (size[1], 1))
    rgb = read_photo(save(Image.fromarray(ramp).convert("RGB"), kind), max_side=100)
    assert valid(rgb, 100)
    assert rgb.shape[:2] == expected
    assert abs(rgb.mean() - ramp.mean()) < 3  # averaged, so the mean brightness stays


def test_downscaling_averages_instead_of_dropping():
    fine = np.zeros((400, 400, 3), np.uint8)
    fine[:, ::2] = 255
    for kind in ("PNG", "JPEG"):
        close(read_photo(save(Image.fromarray(fine), kind), max_side=100), np.full((100, 100, 3), 128), 2)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "I;16", "I", "F", "CMYK"])
def test_every_mode_is_downscaled(mode):
    im = Image.new("L", (500, 250), 255)
    im = Image.fromarray(np.full((250, 500), 65535, np.uint16)) if mode == "I;16" else im.convert(mode)
    rgb = read_photo(save(im, "TIFF"), max_side=100)
    assert rgb.shape == (50, 100, 3)
    assert (rgb == 255).all()


def test_transparent_pixels_do_not_bleed_when_averaged():
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[:, ::2] = 255, 0, 0, 255  # red, and between it black that nobody sees
    rgb = read_photo(save(Image.fromarray(rgba), "PNG"), max_side=100)
    close(rgb, np.full((100, 100, 3), (255, 128, 128)), 2)


@pytest.mark.parametrize(("height", "width", "side"), [(7, 5, 7), (7, 5, 70), (1, 1, 1)])
def test_fit_never_enlarges(height, width, side):
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert fit(rgb, side) is rgb


def test_fit_is_the_area_mean():
    rgb = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    expected = rgb.reshape(20, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(fit(rgb, 30) - expected).max() <= 0.5 + 1e-9


# What is refused


def test_empty():
    with pytest.raises(PhotoEmptyError, match="empty; expected a photo as JPEG, PNG"):
        read_photo(b"")


def zipped():
    import zipfile

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", b"no photo")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "arrived"),
    [
        (zipped(), "ZIP"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "MP4"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn by hand -->\n<svg/>', "SVG"),
        (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "HTML"),
        (b"To whom it may concern\r\n", "TXT"),
        ("사진이 아닙니다. ".encode() * 100, "TXT"),
        (b"   \n", "TXT"),
        (b"BMW is a car", "TXT"),
        (b"8BPS\0\1", "PSD"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\x1f\x8b\x08\0", "GZIP"),
        (b"7z\xbc\xaf'\x1c", "7z"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\x1aE\xdf\xa3", "WebM"),
        (b"ID3\x04", "MP3"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\0\0\1\0\1\0", "ICO"),
    ],
)
def test_other_files_are_named(data, arrived):
    with pytest.raises(PhotoFormatError) as caught:
        read_photo(data)
    assert str(caught.value) == (
        "Expected a photo as JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF; "
        f"this file is {arrived}, whatever its name says."
    )


@pytest.mark.parametrize("data", [b"\0", b"\0" * 5000, b"\x80abc", b"\x7fELF\x02\1\1", b"\xff\xd8"])
def test_unknown_bytes(data):
    with pytest.raises(PhotoFormatError, match=r"^Expected a photo as .* is not known here\.$"):
        read_photo(data)


@pytest.mark.parametrize("extra", [1, 10 * 2**20])
def test_too_many_bytes(extra):
    data = save(Image.fromarray(blocks()), "PNG").ljust(images.MAX_BYTES + extra, b"\0")
    with pytest.raises(PhotoTooLargeError) as caught:
        read_photo(data)
    arrived = 10.1 if extra == 1 else 20.0
    assert str(caught.value) == f"The file has {arrived} MB; at most 10 MB are read."


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_anywhere(kind):
    """A cut file is refused, unless all that was cut comes after the picture itself."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    data = save(Image.fromarray(noise), kind)
    whole = read_photo(data)
    cuts = {*range(1, 40), *np.linspace(40, len(data) - 1, 60).astype(int), *range(len(data) - 12, len(data))}
    refused = 0
    for cut in sorted(cuts):
        result = attempt(data[:cut])
        if isinstance(result, PhotoError):
            assert isinstance(result, (PhotoDamagedError, PhotoFormatError))
            refused += 1
        else:
            assert len(data) - cut <= 12  # an end marker
            assert (result == whole).all()
    assert refused >= len(cuts) - 12
    with pytest.raises(PhotoDamagedError, match=f"(?i)^Expected a complete {kind} photo"):
        read_photo(data[: len(data) // 2])


@pytest.mark.parametrize("kind", FORMATS)
def test_right_magic_wrong_rest(kind):
    data = save(Image.fromarray(blocks()), kind)
    with pytest.raises(PhotoDamagedError):
        read_photo(data[:32] + bytes(range(256)) * 10)


# Bombs


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, *chunks, depth=8, colour=2):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def zeros(count):
    """`count` zero bytes, compressed, without ever holding them."""
    packer = zlib.compressobj(1)
    piece = bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & 0xFFFFF)), packer.flush()])


def tiff(*entries, order="<", pad=0):
    """A TIFF's header and only directory: (tag, type, count, value or offset) of each entry."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    table = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + (struct.pack(order + ("H" if kind == 3 and count == 1 else "I"), value).ljust(4, b"\0"))
        for tag, kind, count, value in entries
    )
    return head + struct.pack(order + "H", len(entries)) + table + bytes(4) + bytes(pad)


UPRIGHT = b"Exif\0\0" + tiff((0x0112, 3, 1, 1))


def tiny(kind, **options):
    return save(Image.fromarray(blocks()), kind, **options)


def patched(data, old, new):
    assert data.count(old) == 1
    return data.replace(old, new)


def jpeg_claiming(width, height):
    return patched(tiny("JPEG"), struct.pack(">HH", 32, 48), struct.pack(">HH", height, width))


CLAIMS = {
    "png header of 400 megapixels": lambda: png(20000, 20000, chunk(b"IDAT", zlib.compress(b""))),
    "png header of the largest size": lambda: png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b"")),
    "png that really holds 100 megapixels": lambda: png(
        10000, 10000, chunk(b"IDAT", zeros(10000 * 10001)), depth=8, colour=0
    ),
    "jpeg header of 400 megapixels": lambda: jpeg_claiming(20000, 20000),
    "jpeg that really holds 100 megapixels": lambda: save(Image.new("L", (10000, 10000)), "JPEG", quality=1),
    "gif screen of 400 megapixels": lambda: tiny("GIF")[:6] + struct.pack("<HH", 20000, 20000) + tiny("GIF")[10:],
    "gif frame of 400 megapixels": lambda: patched(
        tiny("GIF"), b",\0\0\0\0" + struct.pack("<HH", 48, 32), b",\0\0\0\0" + struct.pack("<HH", 20000, 20000)
    ),
    "bmp header of 400 megapixels": lambda: tiny("BMP")[:18] + struct.pack("<ii", 20000, 20000) + tiny("BMP")[26:],
    "tiff header of 400 megapixels": lambda: tiff(
        (256, 4, 1, 20000), (257, 4, 1, 20000), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (273, 4, 1, 8)
    ),
    "webp canvas of 268 megapixels": lambda: patched(
        tiny("WEBP", exif=UPRIGHT), b"\x2f\0\0\x1f\0\0", b"\xff\x3f\0\xff\x3f\0"
    ),
    "webp header of 144 megapixels": lambda: patched(
        tiny("WEBP", lossless=True), struct.pack("<I", 47 | 31 << 14), struct.pack("<I", 11999 | 11999 << 14)
    ),
    "webp that really holds 30 megapixels": lambda: save(Image.new("L", (6000, 5000)), "WEBP", lossless=True, method=0),
    "avif header of 256 megapixels": lambda: patched(
        tiny("AVIF"), b"ispe\0\0\0\0" + struct.pack(">II", 48, 32), b"ispe\0\0\0\0" + struct.pack(">II", 16000, 16000)
    ),
}  # fmt: skip


def flood(piece, count=None):
    """As many copies of `piece` as an upload may hold, less room for the rest."""
    return piece * (count or (images.MAX_BYTES - 100_000) // len(piece))


def rationals(tag=0x011A):
    """EXIF with a tag of 1.2 million values, each of which Pillow would make a Fraction of."""
    return (
        b"Exif\0\0"
        + tiff((tag, 5, 1_200_000, 8 + 2 + 12 + 4), order=">")
        + flood(b"\0\0\0\7\0\0\0\3", 1_200_000)
    )


def jpeg_with_exif(exif):
    body = exif[6:]
    parts = (b"Exif\0\0" + body[at : at + 65000] for at in range(0, len(body), 65000))
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    return tiny("JPEG")[:2] + segments + tiny("JPEG")[2:]


def jpeg_of_scans():
    """Twelve megapixels whose last refinement is repeated thousands of times."""
    data = save(Image.new("L", (4000, 3000), 99), "JPEG", progressive=True, quality=50)
    last, end = data.rindex(b"\xff\xda"), len(data) - 2
    return data[:end] + flood(data[last:end], 5_000) + data[end:]


def bmp_of_runs():
    """Run-length coded, which Pillow decodes byte by byte in Python: runs of one pixel."""
    runs = flood(b"\1\7")
    header = struct.pack("<IiiHHIIiiII", 40, 3000, 3000, 1, 8, 1, len(runs), 0, 0, 256, 0)
    offset = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + header + bytes(1024) + runs


FLOODS = {
    "jpeg of empty comments": lambda: tiny("JPEG")[:2] + flood(b"\xff\xfe\0\2") + tiny("JPEG")[2:],
    "jpeg of exif pieces": lambda: tiny("JPEG")[:2] + flood(b"\xff\xe1\0\x09Exif\0\0\0") + tiny("JPEG")[2:],
    "jpeg with a million rationals": lambda: jpeg_with_exif(rationals(0x0112)),
    "jpeg of scans": jpeg_of_scans,
    "jpeg of comments between scans": lambda: jpeg_of_scans()[:-2] + flood(b"\xff\xfe\0\2", 1_000_000) + b"\xff\xd9",
    "png of empty chunks": lambda: png(48, 32, flood(chunk(b"teSt", b""))),
    "png of chunks after the picture": lambda: png(
        1, 1, chunk(b"IDAT", zlib.compress(bytes(4))), flood(chunk(b"teSt", b""))
    ),
    "png with a million rationals": lambda: png(
        1, 1, chunk(b"eXIf", rationals(0x0112)[6:]), chunk(b"IDAT", zlib.compress(bytes(4)))
    ),
    "png of texts": lambda: png(48, 32, flood(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 19))), 2000)),
    "gif of comments": lambda: patched(tiny("GIF"), b",\0\0\0\0", flood(b"!\xfe\1a\0") + b",\0\0\0\0"),
    "bmp of runs": bmp_of_runs,
    "tiff of ten million strips": lambda: tiff(
        (256, 4, 1, 1), (257, 4, 1, 9_000_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 1, 9_000_000, 8), (278, 3, 1, 1), pad=9_000_000,
    ),
    "tiff of ten million tiles": lambda: tiff(
        (256, 4, 1, 4000), (257, 4, 1, 4000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (322, 3, 1, 1), (323, 3, 1, 1), (324, 1, 9_000_000, 8), pad=9_000_000,
    ),
    "tiff whose tags all share one value": lambda: tiff(
        *((tag, 7, 9_000_000, 8) for tag in range(900)), pad=9_000_000
    ),
    "tiff of endless tags": lambda: b"II*\0\x08\0\0\0\xff\xff" + flood(b"\1\0\3\0\1\0\0\0\1\0\0\0"),
    "tiff headers within a tiff": lambda: flood(b"II*\0"),
}  # fmt: skip


LARGEST = {
    "rgba.png": lambda: png(8000, 6500, chunk(b"IDAT", zeros(6500 * 32001)), colour=6),
    "grey.png": lambda: png(7200, 7200, chunk(b"IDAT", zeros(7200 * 7201)), colour=0),
    "progressive.jpg": lambda: save(Image.new("RGB", (8000, 6000)), "JPEG", progressive=True),
    "rgb.webp": lambda: save(Image.new("RGB", (5200, 5000)), "WEBP", lossless=True, method=0),
}

READ_ALL = """
import json, pathlib, resource, sys, time
import cv2, numpy
from cnnviz.errors import PhotoError
from cnnviz.images import fit, read_photo

fit(numpy.zeros((9, 9, 3), numpy.uint8), 3)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
before, report = peak(), {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    began, error = time.thread_time(), None
    try:
        read_photo(data)
    except PhotoError as caught:
        error = [type(caught).__name__, str(caught), caught.values]
    report[path.name] = {"bytes": len(data), "seconds": time.thread_time() - began, "error": error}
report["megabytes"] = peak() - before
print(json.dumps(report))
"""


@pytest.mark.timeout(300)  # ten of them are cut off only after a second and a half of work
def test_bombs_and_giants(tmp_path):
    """One fresh process reads every bomb and the largest photos that are allowed, in time and in bounds."""
    for name, make in (CLAIMS | FLOODS | LARGEST).items():
        (tmp_path / name).write_bytes(make())
    command = [sys.executable, "-W", "ignore", "-c", READ_ALL, str(tmp_path)]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert report.pop("megabytes") < 600
    assert max(read["bytes"] for read in report.values()) <= images.MAX_BYTES
    assert {name: read["seconds"] for name, read in report.items() if read["seconds"] > 2} == {}
    assert {name: report[name]["error"] for name in LARGEST} == dict.fromkeys(LARGEST)
    assert [name for name in FLOODS if report[name]["error"] is None] == []
    for name in CLAIMS:
        kind, sentence, values = report[name]["error"]
        assert kind == "PhotoTooLargeError", name
        limit = 26 if name.startswith(("webp", "avif")) else 52
        assert f"megapixels; at most {limit} are read from" in sentence
        claimed = next((int(word) for word in name.split() if word.isdigit()), 2**62 / 1e6)
        assert math.isclose(values["megapixels"], claimed, rel_tol=0.01), name
        assert report[name]["seconds"] < 0.5, name  # refused by its header


# Whatever arrives


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", *(tiny(kind)[:24] for kind in FORMATS)]))
def test_random_bytes(data, magic):
    assert attempt(magic + data) is not None


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_random_damage(kind, data):
    """A few bytes of a real file are changed, cut out or doubled."""
    exif = {} if kind in ("GIF", "BMP") else {"exif": rationals()[:200]}
    photo = bytearray(tiny(kind, **exif) if kind != "AVIF" else tiny(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(12, len(photo) - 1))
        length = data.draw(st.integers(0, 8))
        photo[at : at + length] = data.draw(st.binary(max_size=8))
    assert attempt(bytes(photo)) is not None


@pytest.mark.parametrize(
    "make", [lambda: tiny("PNG")[:99], lambda: jpeg_claiming(20000, 20000), jpeg_of_scans]
)
def test_a_kept_error_keeps_no_photo_alive(make):
    """A page keeps the error to show it again; without its traceback nothing else hangs on it."""
    with pytest.raises(PhotoError) as caught:
        read_photo(make())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    inner = caught.traceback[-1]
    assert inner.name == "read_photo"  # not a frame of the decoder, with its picture


def test_pillow_is_left_as_it_was():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN)
    for data in [b"", b"%PDF", tiny("JPEG"), tiny("JPEG")[:300], jpeg_claiming(20000, 20000)]:
        attempt(data)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN)) == before


def test_many_threads_read_at_once():
    photos = [tiny(kind) for kind in FORMATS] * 3 + [tiny("JPEG")[:300]] * 3
    results = [None] * len(photos)

    def work(at):
        results[at] = attempt(photos[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(photos))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at, result in enumerate(results):
        alone = attempt(photos[at])
        assert type(result) is type(alone)
        assert np.array_equal(result, alone) if isinstance(alone, np.ndarray) else str(result) == str(alone)


# To the browser


def test_jpeg_out():
    data = encode_jpeg(blocks(), 95)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert theirs.shape == blocks().shape
    assert np.abs(theirs.astype(int) - blocks()).mean() < 6
    assert len(encode_jpeg(blocks(), 30)) < len(data)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_png_out_is_exact(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    theirs = cv2.imdecode(np.frombuffer(encode_png(array), np.uint8), cv2.IMREAD_UNCHANGED)
    if len(shape) == 3:
        theirs = cv2.cvtColor(theirs, cv2.COLOR_BGR2RGB if shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    assert (theirs == array).all()
