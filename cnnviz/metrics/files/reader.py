"""Uploaded bytes to a data set: which format it is, by content, and what of it could be read.

Nothing is written to disk. Whatever arrives, :func:`read` returns a :class:`Reading` or raises an
:class:`~cnnviz.errors.AnnotationError`.
"""

from collections import Counter

from cnnviz.errors import AnnotationError
from cnnviz.messages import N_
from cnnviz.metrics.files import coco, plain, table, voc, yolo
from cnnviz.metrics.files.collecting import Collector, Problem, Reading, Refused, stem
from cnnviz.metrics.files.opening import Bundle, beginning, decode, open_upload

__all__ = ["FORMATS", "Problem", "Reading", "read"]

FORMATS = "COCO JSON, VOC XML, YOLO txt, CSV"
"""The formats, as named to the reader."""

_LINES = 200  # enough lines to tell the text formats apart

Upload = tuple[str, bytes]
"""A file's name and its bytes."""


def read(truths: Upload, detections: Upload | None = None, size: tuple[int, int] = (640, 640)) -> Reading:
    """Read ground truths, and the detections from a second file or from the first.

    Args:
        truths: COCO JSON (also with detections), a zip of VOC XML, of YOLO txt or of text in absolute
            pixels, or a CSV (also with detections).
        detections: COCO results, a CSV, the VOC devkit's txt, or a zip of YOLO txt or of text. None
            where the first file holds them. Images and categories must be the truths'; where they have
            names, any format of detections goes with any of truths.
        size: width and height of images whose size YOLO's files don't tell.

    Raises:
        AnnotationError: nothing of a file can be read.
    """
    collector = Collector(size)
    bundle = open_upload(*truths, collector)
    formats = [_read_truths(collector, bundle, both=detections is None)]
    title = bundle.name
    if detections is not None:
        collector.closed = True
        bundle = open_upload(*detections, collector)
        formats.append(_read_detections(collector, bundle))
    return collector.finish(title, tuple(formats))


def _read_truths(collector: Collector, bundle: Bundle, *, both: bool) -> str:
    kind, piece = _kind(bundle)
    if kind == coco.TITLE:
        file = bundle.label(piece)
        coco.read_truths(collector, file, coco.parse(file, _text(bundle, piece)), with_detections=both)
    elif kind == voc.TITLE:
        voc.read_truths(collector, bundle)
    elif kind == table.TITLE:
        table.read(collector, bundle.label(piece), _text(bundle, piece), truths=True, detections=both)
    else:
        kind = _text_kind(collector, bundle)
        if kind == yolo.TITLE:
            yolo.read_truths(collector, bundle)
        elif kind == plain.TITLE:
            plain.read(collector, bundle, detections=False)
        else:
            raise _unknown(bundle)
    return kind


def _read_detections(collector: Collector, bundle: Bundle) -> str:
    kind, piece = _kind(bundle)
    if kind == coco.TITLE:
        file = bundle.label(piece)
        coco.read_detections(collector, file, coco.parse(file, _text(bundle, piece)))
    elif kind == voc.TITLE:
        raise AnnotationError(
            N_("{file} holds VOC XML, which has no scores; expected detections."), file=bundle.name
        )
    elif kind == table.TITLE:
        table.read(collector, bundle.label(piece), _text(bundle, piece), truths=False, detections=True)
    else:
        kind = _text_kind(collector, bundle)
        if kind == yolo.TITLE:
            yolo.read_detections(collector, bundle)
        elif kind == plain.TITLE:
            plain.read(collector, bundle, detections=True)
        elif kind == voc.DEVKIT:
            voc.read_detections(collector, bundle)
        else:
            raise _unknown(bundle)
    return kind


def _text(bundle: Bundle, piece: str) -> str:
    try:
        return decode(bundle.pieces[piece])
    except Refused as why:
        raise AnnotationError(
            N_("{file} is in none of the encodings UTF-8, UTF-16 and CP949."), file=bundle.label(piece)
        ) from why


def _kind(bundle: Bundle) -> tuple[str, str]:
    """The format that a piece's first characters show, and the piece; ``""`` for lines of values."""
    seen: dict[str, str] = {}
    for piece, data in bundle.pieces.items():
        text = beginning(data).lstrip()
        if text.startswith(("{", "[")):
            seen.setdefault(coco.TITLE, piece)
        elif text.startswith("<"):
            seen.setdefault(voc.TITLE, piece)
        elif table.header(text):
            seen.setdefault(table.TITLE, piece)
    for kind in (coco.TITLE, voc.TITLE, table.TITLE):
        if kind in seen and (kind != coco.TITLE or voc.TITLE not in seen):
            return kind, seen[kind]
    return "", ""


def _text_kind(collector: Collector, bundle: Bundle) -> str:
    """Which of the text formats most lines look like; ``""``: none."""
    labels = [piece for piece in bundle.pieces if not bundle.archive or yolo.is_label(piece)]
    votes: Counter[str] = Counter()
    for piece in labels:
        for row in beginning(bundle.pieces[piece]).splitlines()[:_LINES]:
            if row.strip():
                votes[_line_kind(collector, piece, row.split())] += 1
        if votes.total() >= _LINES:
            break
    if not votes:
        return plain.TITLE if labels and bundle.archive else ""  # images in which nothing is
    return votes.most_common(1)[0][0]


def _line_kind(collector: Collector, piece: str, row: list[str]) -> str:
    try:
        tail = [float(value) for value in row[-4:]]
    except ValueError:
        return ""
    if len(row) in (5, 6) and row[0].isdigit() and all(0 <= value <= 1 for value in tail):
        return yolo.TITLE
    if len(row) not in (5, 6):
        return ""
    # The devkit's files are named after a class, and their lines begin with an image.
    by_class = collector.find_image(stem(piece)) is None and collector.find_category(row[0]) is None
    return voc.DEVKIT if collector.closed and by_class else plain.TITLE


def _unknown(bundle: Bundle) -> AnnotationError:
    return AnnotationError(
        N_("{file} is in none of the formats that are read; expected one of {formats}."),
        file=bundle.name,
        formats=FORMATS,
    )
