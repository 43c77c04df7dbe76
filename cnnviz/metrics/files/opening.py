"""An upload as named pieces of bytes in memory: one file, or the entries of a zip, within bounds."""

import codecs
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath

from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin
from PIL.ImageFile import ImageFile

from cnnviz.errors import AnnotationError
from cnnviz.messages import N_
from cnnviz.metrics.files.collecting import Collector, Refused, clean, shown, stem

MAX_BYTES = 64 * 2**20
"""Largest file. Detections of COCO's 5,000 validation images take about half of it."""

MAX_ENTRIES = 50_000
MAX_TOTAL = 256 * 2**20
"""Most bytes that an archive's entries may unpack to, together."""

MAX_RATIO = 200
"""Most that an entry above :data:`_SMALL` may be compressed: label files reach about 20."""

MAX_DEPTH = 8
_SMALL = 2**20
_HEAD = 2**18  # an image's size stands before its pixels
_TEXT = (".txt", ".xml", ".json", ".csv", ".tsv", ".yaml", ".yml", ".names", "")
_IMAGES: dict[str, Callable[[BytesIO], ImageFile]] = {
    ".jpg": JpegImagePlugin.JpegImageFile,
    ".jpeg": JpegImagePlugin.JpegImageFile,
    ".png": PngImagePlugin.PngImageFile,
    ".bmp": BmpImagePlugin.BmpImageFile,
}


@dataclass
class Bundle:
    """What an upload holds.

    Attributes:
        name: the upload's name.
        pieces: the text files by their path within the archive, or the upload itself.
        sizes: (width, height) of the archive's images, by file name without ending.
    """

    name: str
    pieces: dict[str, bytes]
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    archive: bool = False

    def label(self, piece: str) -> str:
        """The piece's name for a problem."""
        return f"{self.name}/{clean(piece)}" if self.archive else self.name

    def texts(self, collector: Collector) -> Iterator[tuple[str, str]]:
        """Path and text of each piece; what is in no known encoding is reported."""
        for piece, data in self.pieces.items():
            try:
                yield piece, decode(data)
            except Refused as why:
                collector.report(self.label(piece), "", why)


def decode(data: bytes) -> str:
    """Text in UTF-8 or UTF-16 with a byte order mark, UTF-8 without, or CP949, as Korean Windows writes."""
    encodings = ["utf-8-sig", "cp949"]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused(N_("the text is in none of the encodings UTF-8, UTF-16 and CP949"))


def beginning(data: bytes) -> str:
    """The first 16 kB or so as text, without what a cut or another encoding spoils."""
    head = data[:16_384]
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return head.decode(encoding, "replace")


def open_upload(name: str, data: bytes, collector: Collector) -> Bundle:
    """The upload's pieces.

    Raises:
        AnnotationError: it is empty, too large, or an archive that cannot or should not be unpacked.
    """
    name = clean(PurePosixPath(name.replace("\\", "/")).name) or "?"
    if not data.strip():
        raise AnnotationError(N_("{file} is empty."), file=name)
    if len(data) > MAX_BYTES:
        raise AnnotationError(
            N_("{file} has {megabytes} MB; at most {limit} MB are read."),
            file=name,
            megabytes=-(-len(data) // 2**20),
            limit=MAX_BYTES // 2**20,
        )
    if not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Bundle(name, {name: data})
    # Counted before zipfile makes an object of each.
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise _too_many(name)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _unpack(name, archive, collector)
    except AnnotationError:
        raise
    except Exception as error:  # zipfile meets damage with a dozen kinds of exception
        raise AnnotationError(N_("{file} is a damaged zip archive."), file=name) from error


def _unpack(name: str, archive: zipfile.ZipFile, collector: Collector) -> Bundle:
    bundle = Bundle(name, {}, archive=True)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise _too_many(name)
    total = sum(entry.file_size for entry in entries)
    if total > MAX_TOTAL:
        raise AnnotationError(
            N_("{file} unpacks to {megabytes} MB; at most {limit} MB are read."),
            file=name,
            megabytes=-(-total // 2**20),
            limit=MAX_TOTAL // 2**20,
        )
    for entry in entries:
        if entry.flag_bits & 1:
            raise AnnotationError(
                N_("{file} is protected by a password; expected an open archive."), file=name
            )
        if entry.file_size > max(_SMALL, MAX_RATIO * entry.compress_size):
            raise AnnotationError(
                N_("{entry} in {file} is compressed more than {limit} times; no annotations are."),
                entry=shown(entry.filename),
                file=name,
                limit=MAX_RATIO,
            )
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.name.startswith(".") or "__MACOSX" in path.parts:
            continue
        try:
            _take(bundle, archive, entry, path)
        except Refused as why:
            collector.report(bundle.label(entry.filename), "", why)
    return bundle


def _take(bundle: Bundle, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: PurePosixPath) -> None:
    ending = path.suffix.lower()
    if ending == ".zip":
        raise Refused(N_("an archive within the archive is not opened"))
    if ending not in _TEXT and ending not in _IMAGES:
        return
    if path.is_absolute() or ".." in path.parts or len(path.parts) > MAX_DEPTH:
        raise Refused(N_("the path leaves the archive or is deeper than {limit} folders"), limit=MAX_DEPTH)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(N_("the entry is compressed in another way than deflate"))
    try:
        with archive.open(entry) as file:
            data = file.read(_HEAD if ending in _IMAGES else entry.file_size)
    except Exception as error:  # as above, for one entry
        raise Refused(N_("the entry is damaged")) from error
    if ending in _IMAGES:
        try:
            bundle.sizes[stem(path.name)] = _IMAGES[ending](BytesIO(data)).size
        except Exception as error:  # and Pillow has its own dozen
            raise Refused(N_("the image's size cannot be read")) from error
    elif str(path) in bundle.pieces:
        raise Refused(N_("the archive has two entries of this name"))
    else:
        bundle.pieces[str(path)] = data


def _too_many(name: str) -> AnnotationError:
    return AnnotationError(
        N_("{file} has more than {limit} entries; expected at most as many."), file=name, limit=MAX_ENTRIES
    )
