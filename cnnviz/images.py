"""Uploaded bytes to a checked RGB array, or one clear error; and arrays to JPEG and PNG.

Whatever arrives, :func:`read_photo` returns a photo or raises a :class:`~cnnviz.errors.PhotoError`,
within about two seconds and 500 MB. Nothing touches the disk, and nothing of Pillow's global state
is changed, so that many visitors' threads can read at once.

Colour profiles are not applied: the numbers are those that stand in the file.
"""

import codecs
import logging
import math
import re
import struct
import threading
import time
from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from cnnviz.errors import (
    PhotoDamagedError,
    PhotoEmptyError,
    PhotoError,
    PhotoFormatError,
    PhotoTooLargeError,
)
from cnnviz.messages import N_

_log = logging.getLogger(__name__)

MAX_BYTES = 10 * 2**20
"""Largest file, the same 10 MB as ``server.maxUploadSize``."""

MAX_SIDE = 1280
"""Usual long side of what is kept: sharp on a projector, small in a session's memory."""

# The plugins themselves instead of Image.open: that warns about, or refuses, a large picture before
# its size can be named, and reads its list of plugins from global state.
_READERS: dict[str, Callable[[BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
FORMATS = ", ".join(_READERS)
"""The formats that are read, as named to the reader."""

MAX_PIXELS = dict.fromkeys(_READERS, 52_000_000) | {"WebP": 26_000_000, "AVIF": 26_000_000}
"""Largest photo of each format: what "50-megapixel" cameras make, some of which make 51.

WebP and AVIF take twice the time and memory per pixel, and no camera writes them that large.
"""

# What a file's first bytes say that it is; the first that matches counts.
_KINDS = [
    (name, re.compile(magic, re.DOTALL))
    for name, magic in {
        "JPEG": rb"\xff\xd8\xff",
        "PNG": rb"\x89PNG\r\n\x1a\n",
        "WebP": rb"RIFF.{4}WEBP",
        "GIF": rb"GIF8[79]a",
        "BMP": rb"BM.{4}\0{4}",
        "TIFF": rb"II[*+]\0|MM\0[*+]",
        "AVIF": rb".{4}ftyp(avi[fs]|mif1.{4,60}?avi[fs])",
        "HEIC": rb".{4}ftyp(he[iv]|mif1|msf1)",
        "MP4": rb".{4}ftyp",
        "JPEG XL": rb"\xff\x0a|\0{3}\x0cJXL ",
        "JPEG 2000": rb"\0{3}\x0cjP  |\xff\x4f\xff\x51",
        "PSD": rb"8BPS",
        "ICO": rb"\0\0[\x01\x02]\0",
        "PDF": rb"%PDF-",
        "ZIP": rb"PK(\x03\x04|\x05\x06|\x07\x08)",
        "GZIP": rb"\x1f\x8b",
        "RAR": rb"Rar!",
        "7z": rb"7z\xbc\xaf",
        "WebM": rb"\x1aE\xdf\xa3",
        "AVI": rb"RIFF.{4}AVI ",
        "WAV": rb"RIFF.{4}WAVE",
        "MP3": rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]",
        "HTML": rb"(?i)(\xef\xbb\xbf)?\s*<(html|!doctype html)",
        "SVG": rb"(\xef\xbb\xbf)?\s*<(svg|[?!].*<svg)",
        "TXT": rb"[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f]+$",
    }.items()
]

# Two at a time, so that a class that uploads at once stays within bounds.
_DECODERS = threading.BoundedSemaphore(2)
_SECONDS = 1.5  # of this thread's work, spent on reading
_TABLE, _ENTRIES = 65_536, 200_000  # numbers in one table of a TIFF directory; entries of all directories
_SCANNED = 1_000_000_000  # pixels times scans of a JPEG

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _TooMuchWork(Exception):
    """The file is built so that reading it takes far longer than a photo does."""


def read_photo(data: bytes, *, max_side: int = MAX_SIDE) -> NDArray[np.uint8]:
    """Read an uploaded photo.

    JPEG, PNG, WebP, GIF and animations (first frame), BMP, TIFF (first page) and AVIF are read.
    EXIF orientation is applied, alpha is composed on white, and whatever the file stores (1, 8, 16
    or 32 bits, grey, palette, CMYK) becomes 8-bit RGB. Of 16 bits the upper 8 are kept. Grey floats
    and 32-bit integers have no agreed white: it is the smallest of 1 (floats only), 255 and 65535
    that holds all values, which must not be negative; otherwise they are stretched from black to
    white. A photo whose long side exceeds `max_side` is averaged down to it.

    Args:
        data: the file's bytes, at most :data:`MAX_BYTES`.
        max_side: longest side of the result in pixels, at least 1.

    Returns:
        (H, W, 3) uint8, rows from the top, channels R, G, B, contiguous and writeable.

    Raises:
        PhotoEmptyError: there are no bytes.
        PhotoTooLargeError: more than :data:`MAX_BYTES` or :data:`MAX_PIXELS`, or built to take very long.
        PhotoFormatError: another format, such as a zip file that is named .jpg.
        PhotoDamagedError: truncated, broken, or of a kind of its format that cannot be decoded.
    """
    if not data:
        raise PhotoEmptyError(N_("The file is empty; expected a photo as {expected}."), expected=FORMATS)
    if len(data) > MAX_BYTES:
        raise PhotoTooLargeError(
            N_("The file has {megabytes} MB; at most {limit} MB are read."),
            megabytes=_tenths(len(data) / 2**20),
            limit=MAX_BYTES // 2**20,
        )
    kind = _sniff(data)
    if kind is None:
        raise PhotoFormatError(
            N_("Expected a photo as {expected}; what this file holds is not known here."), expected=FORMATS
        )
    if kind not in _READERS:
        raise PhotoFormatError(
            N_("Expected a photo as {expected}; this file is {arrived}, whatever its name says."),
            expected=FORMATS,
            arrived=kind,
        )
    failure: PhotoError
    try:
        with _DECODERS:
            return _read(kind, data, max_side)
    except PhotoError as error:
        failure = error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Raised by two plugins before their constructor returns; the first number is the pixel count.
        counts = re.findall(r"\d+", str(error))
        failure = _too_many_pixels(kind, int(counts[0]) if counts else 2 * MAX_PIXELS[kind])
    except (_TooMuchWork, MemoryError):
        failure = PhotoTooLargeError(
            N_("Decoding this {arrived} file takes more time or memory than a photo may; expected less "
               "than {limit} s. Save it again as a plain JPEG."),
            arrived=kind,
            limit=2,
        )  # fmt: skip
    except Exception as error:
        # Pillow has no common base for what broken files raise: OSError, SyntaxError, ValueError,
        # NotImplementedError, struct.error, zlib.error and whatever indexing past the end gives.
        _log.info("%s file not decoded: %r", kind, error)
        failure = PhotoDamagedError(
            N_("Expected a complete {arrived} photo; this one is truncated, damaged or of a kind that "
               "cannot be decoded."),
            arrived=kind,
        )  # fmt: skip
    # Raised here, so that an error that a page keeps doesn't keep the file and the half-decoded picture
    # alive through the frames of a cause.
    raise failure.with_traceback(None)


def fit(rgb: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """`rgb` averaged down (area by area) to a long side of `max_side` pixels; never enlarged.

    >>> fit(np.zeros((600, 800, 3), np.uint8), 400).shape
    (300, 400, 3)
    """
    import cv2  # 90 ms that pages without a photo need not pay

    height, width = rgb.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = 85) -> bytes:
    """(H, W, 3) uint8 as JPEG bytes: for photos on their way to the browser."""
    buffer = BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_png(array: NDArray[np.uint8]) -> bytes:
    """(H, W), (H, W, 3) or (H, W, 4) uint8 as PNG bytes, exactly: for maps and what must not blur."""
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def _sniff(data: bytes) -> str | None:
    """What the first bytes say that the file is."""
    head = data[:1024]
    kind = next((name for name, magic in _KINDS if magic.match(head)), None)
    if kind == "TXT":
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return None
    return kind


class _Source(BytesIO):
    """A file read against the clock: millions of tiny chunks are cut off, however they are read.

    The clock is this thread's own work, so that a busy server refuses nothing that an idle one reads.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._end = time.thread_time() + _SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end:
            raise _TooMuchWork
        return super().read(size)


def _read(kind: str, data: bytes, max_side: int) -> NDArray[np.uint8]:
    _check_tables(data)
    source = _Source(data)
    im = _READERS[kind](source)
    pixels = im.width * im.height
    if pixels > MAX_PIXELS[kind]:
        raise _too_many_pixels(kind, pixels)
    if isinstance(im, JpegImagePlugin.JpegImageFile):
        if _scans(data, source.tell()) * pixels > _SCANNED:
            raise _TooMuchWork
        scale = max_side / max(im.size)
        if scale < 1:  # libjpeg then decodes at a half, a quarter or an eighth, never below this size
            im.draft(None, (math.ceil(im.width * scale), math.ceil(im.height * scale)))
    im.load()
    orientation = _orientation(im)
    im = _to_rgb(im, max_side)
    if orientation in _TURNS:
        im = im.transpose(_TURNS[orientation])
    return fit(np.array(im), max_side)


def _to_rgb(im: Image.Image, max_side: int) -> Image.Image:
    """Any mode as RGB on white, still at least `max_side` long if it was; whole boxes averaged."""
    box = max(1, max(im.size) // max_side)
    if im.mode in ("I", "F"):
        return _grey(np.asarray(im.reduce(box))).convert("RGB")
    if im.mode.startswith("I;16"):
        values = np.asarray(im)
        grey = (values >> 8).astype(np.uint8)
        clear = im.info.get("transparency")  # a PNG's one colour that stands for "nothing here"
        if isinstance(clear, int):
            grey[values == clear] = 255
        return Image.fromarray(grey).reduce(box).convert("RGB")
    mode = "RGBA" if im.has_transparency_data else "RGB"
    if im.mode in ("L", "LA", "RGB", "RGBA", "CMYK") and "transparency" not in im.info:
        im = im.reduce(box)  # before it is converted, which takes memory; palettes cannot be averaged
        box = 1
    if im.mode != mode:
        im = im.convert(mode)
    im = im.reduce(box)
    if mode == "RGBA":
        white = Image.new("RGB", im.size, "white")
        white.paste(im, mask=im)
        return white
    return im


def _grey(values: NDArray[np.generic]) -> Image.Image:
    """Floats or 32-bit integers as 8-bit grey; what is not a number is black."""
    levels = np.asarray(values, np.float64)
    levels = np.where(np.isfinite(levels), levels, 0.0)
    low, high = float(levels.min()), float(levels.max())
    whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    levels = levels / white if white else (levels - low) / ((high - low) or 1.0)
    return Image.fromarray(np.rint(levels * 255).astype(np.uint8))


def _orientation(im: Image.Image) -> int:
    """EXIF orientation 1–8; TIFF's own has been applied by Pillow. Broken EXIF turns nothing."""
    try:
        return int(im.getexif().get(ExifTags.Base.Orientation, 1))
    except _TooMuchWork:
        raise
    except Exception:
        return 1


def _check_tables(data: bytes) -> None:
    """Refuse TIFF directories (also those of EXIF) with tables that Pillow would spend seconds on.

    Pillow turns every number of a table into a Python object, and every strip of a TIFF into a tile;
    ten megabytes of them take gigabytes.
    """
    looked = 0
    for header in re.finditer(rb"II[*+]\0|MM\0[*+]", data):
        at, order = header.start(), "<" if header[0].startswith(b"I") else ">"
        big = b"+" in header[0]
        looked += 1
        if looked > _ENTRIES:
            raise _TooMuchWork
        try:
            (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, at + (8 if big else 4))
            (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at + offset)
            first, size = at + offset + (8 if big else 2), 20 if big else 12
            for entry in range(entries):
                looked += 1
                tag, kind, count = struct.unpack_from(
                    order + ("HHQ" if big else "HHI"), data, first + entry * size
                )
                # Bytes and text stay as they are, unless they say where strips or tiles stand.
                numbers = kind not in (1, 2, 6, 7) or tag in (273, 324)
                if numbers and _TABLE < count <= len(data):  # Pillow skips one that cannot be there
                    raise _TooMuchWork
        except (struct.error, OverflowError):  # no directory: looks like one by chance, or is cut off
            continue


def _scans(data: bytes, at: int) -> int:
    """How many scans a JPEG has, its first one's data starting at `at`.

    A progressive JPEG usually has ten. Each takes a pass over the whole picture but only a few bytes of
    the file, so that a small file can keep a decoder busy for minutes.
    """
    marker = re.compile(rb"\xff([^\0\xff\xd0-\xd7])")
    scans = 1
    for _ in range(10_000):
        found = marker.search(data, at)
        if found is None or found[1] == b"\xd9":
            return scans
        scans += found[1] == b"\xda"
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    raise _TooMuchWork


def _too_many_pixels(kind: str, pixels: int) -> PhotoTooLargeError:
    return PhotoTooLargeError(
        N_("The photo has {megapixels} megapixels; at most {limit} are read from {arrived} files."),
        megapixels=_tenths(pixels / 1e6),
        limit=MAX_PIXELS[kind] // 10**6,
        arrived=kind,
    )


def _tenths(value: float) -> float:
    """Rounded up, so that what exceeds a limit never reads like the limit."""
    return math.ceil(value * 10) / 10
