"""PASCAL VOC: ground truths as XML, one file an image; detections as the devkit's text, one file a class.

Corners stay as they stand in the file: the devkit's boxes include their last pixel, which is the
measurement's '+1 pixel', not the data's.
"""

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from cnnviz.messages import N_
from cnnviz.metrics.files.collecting import (
    LONGEST,
    Collector,
    Refused,
    corners,
    flag,
    name,
    number,
    shown,
    stem,
    whole,
)
from cnnviz.metrics.files.opening import Bundle, beginning

TITLE = "VOC XML"
DEVKIT = "VOC devkit"
_DEPTH = 12
_LARGEST = 4 * 2**20


def parse(data: bytes) -> Element:
    """The root of a document that declares no types and no entities, the ways in which XML does harm."""
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise Refused(N_("the XML nests deeper than {limit} elements"), limit=_DEPTH)
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_declaration: Any) -> None:
        raise Refused(N_("the XML declares a DOCTYPE or an entity, which annotations don't need"))

    try:
        parser = expat.ParserCreate()
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = builder.data
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise Refused(
            N_("the XML is not well-formed at line {line}, column {column}"),
            line=error.lineno,
            column=error.offset + 1,
        ) from error
    except (LookupError, ValueError) as error:
        raise Refused(N_("the XML names an encoding that is not known")) from error


def read_truths(collector: Collector, bundle: Bundle) -> None:
    """Every ``.xml`` is an image; its name is its ``filename``, or else the file's own."""
    for piece, data in bundle.pieces.items():
        if not piece.lower().endswith(".xml") and not beginning(data).lstrip().startswith("<"):
            continue
        file = bundle.label(piece)
        try:
            if len(data) > _LARGEST:
                raise Refused(N_("the XML has more than {limit} MB"), limit=_LARGEST // 2**20)
            root = parse(data)
            if root.tag != "annotation":
                raise Refused(N_("the XML's root is {tag}; expected annotation"), tag=shown(root.tag))
            image = collector.add_image(*_image(root, piece))
        except Refused as why:
            collector.report(file, "", why)
            continue
        for index, element in enumerate(root.iterfind("object")):
            try:
                box = element.find("bndbox")
                if box is None:
                    raise Refused(N_("{field} is missing"), field="bndbox")
                sides = [number(_text(box, side), side) for side in ("xmin", "ymin", "xmax", "ymax")]
                collector.truth(
                    image,
                    collector.category(name(_text(element, "name"), "name")),
                    corners(sides),
                    difficult=flag(_text(element, "difficult", ""), "difficult"),
                )
            except Refused as why:
                collector.report(file, f"object[{index}]", why)


def _image(root: Element, piece: str) -> tuple[str, str, int, int]:
    title = (root.findtext("filename") or "").strip() or f"{stem(piece)}.jpg"
    size = root.find("size")
    width, height = (
        (0, 0)
        if size is None
        else (whole(_text(size, side), side, 0, LONGEST) for side in ("width", "height"))
    )
    return name(title, "filename"), stem(piece), width, height


def _text(element: Element, tag: str, default: str | None = None) -> str:
    text = element.findtext(tag)
    if text is None or not text.strip():
        if default is None:
            raise Refused(N_("{field} is missing"), field=tag)
        return default
    return text.strip()


def read_detections(collector: Collector, bundle: Bundle) -> None:
    """Lines ``image score xmin ymin xmax ymax``; the class ends the file's name: ``comp4_det_test_car.txt``."""
    for piece, text in bundle.texts(collector):
        file = bundle.label(piece)
        words = stem(piece).split("_")
        names = ["_".join(words[first:]) for first in range(len(words))]
        known = [collector.find_category(title) for title in names]
        category = next((index for index in known if index is not None), None)
        if category is None:
            why = Refused(N_("the file's name ends in none of the ground truths' categories"))
            collector.report(file, "", why)
            continue
        for line, row in enumerate(text.splitlines(), 1):
            if not row.strip():
                continue
            try:
                image, *values = row.split()
                if len(values) != 5:
                    raise Refused(
                        N_("the line has {count} values; expected image, score, xmin, ymin, xmax, ymax"),
                        count=len(values) + 1,
                    )
                fields = ("score", "xmin", "ymin", "xmax", "ymax")
                score, *box = (number(value, key) for value, key in zip(values, fields, strict=True))
                collector.detection(collector.image(image), category, corners(box), score)
            except Refused as why:
                collector.report(file, line, why)
