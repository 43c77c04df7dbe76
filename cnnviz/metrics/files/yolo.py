"""YOLO's text: one file an image, a line an object: ``class cx cy w h [score]``, as parts of the image.

Names come from ``classes.txt``, ``obj.names`` or the ``names`` of a ``.yaml``; sizes in pixels from the
images in the archive, or else from the assumed size.
"""

import re

from cnnviz.errors import AnnotationError
from cnnviz.messages import N_
from cnnviz.metrics.files.collecting import Collector, Refused, clean, number, stem, whole
from cnnviz.metrics.files.opening import Bundle, decode

TITLE = "YOLO"
NAME_FILES = ("classes.txt", "obj.names", "coco.names", "predefined_classes.txt")
_LISTS = ("train.txt", "val.txt", "test.txt")
_MAX_CLASS = 10_000
_FARTHEST = 100.0  # image sides: a box may leave the image, but not for another galaxy


def is_label(piece: str) -> bool:
    """Whether a path within an archive can be a label file."""
    base = piece.rsplit("/", 1)[-1].lower()
    return base.endswith(".txt") and base not in NAME_FILES + _LISTS and not base.startswith("readme")


def read_truths(collector: Collector, bundle: Bundle) -> None:
    collector.ids_given = True
    for id, title in class_names(bundle).items():
        try:
            collector.add_category(title, id)
        except Refused as why:
            collector.report(bundle.name, f"names[{id}]", why)
    named = bool(collector.categories)
    for piece, text in _labels(collector, bundle):
        file = bundle.label(piece)
        try:
            image = collector.add_image(stem(piece), None, *bundle.sizes.get(stem(piece), (0, 0)))
        except Refused as why:
            collector.report(file, "", why)
            continue
        for line, row in _rows(text):
            try:
                id, box, _score = _object(collector, image, row, with_score=False)
                collector.truth(image, collector.category_id(id, create=not named), box)
            except Refused as why:
                collector.report(file, line, why)
    for title in sorted(bundle.sizes):  # a picture without labels shows nothing
        if collector.find_image(title) is None:
            collector.add_image(title, None, *bundle.sizes[title])


def read_detections(collector: Collector, bundle: Bundle) -> None:
    """Their class numbers are the truths', unless the archive names its own."""
    names = class_names(bundle)
    if not names and not collector.ids_given:
        raise AnnotationError(
            N_("{file} gives categories by number, but the ground truths give them by name only."),
            file=bundle.name,
        )
    for piece, text in _labels(collector, bundle):
        file = bundle.label(piece)
        for line, row in _rows(text):
            try:
                image = collector.image(stem(piece))
                id, box, score = _object(collector, image, row, with_score=True)
                if names and id not in names:
                    raise Refused(N_("the category id {id} is not among the names of the archive"), id=id)
                category = collector.category(names[id]) if names else collector.category_id(id)
                collector.detection(image, category, box, score)
            except Refused as why:
                collector.report(file, line, why)


def class_names(bundle: Bundle) -> dict[int, str]:
    """Names by class number; empty where no file has them."""
    for piece, data in sorted(bundle.pieces.items()):
        base = piece.rsplit("/", 1)[-1].lower()
        if base not in NAME_FILES and not base.endswith((".yaml", ".yml", ".names")):
            continue
        try:
            text = decode(data)
        except Refused:
            continue
        if base.endswith((".yaml", ".yml")):
            names = _yaml_names(text)
        else:
            names = dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
        names = {id: clean(title)[:100] for id, title in names.items() if clean(title)}
        if names:
            return dict(list(names.items())[:_MAX_CLASS])
    return {}


def _yaml_names(text: str) -> dict[int, str]:
    """``names`` as a list in brackets, a list of dashes, or a mapping of numbers: the forms in use."""
    found = re.search(r"^names[ \t]*:[ \t]*(?:#.*)?(.*)$", text, re.MULTILINE)
    if not found:
        return {}
    rest = text[found.start(1) :]
    bracket = re.match(r"\s*[\[{]([^\]}]*)[\]}]", rest)
    entries = [entry for entry in bracket[1].split(",") if entry.strip()] if bracket else []
    for line in [] if bracket else map(str.strip, rest.splitlines()[1:]):
        if line.startswith("-") or re.match(r"['\"]?\d+['\"]?\s*:", line):
            entries.append(line.removeprefix("-"))
        elif line and not line.startswith("#"):
            break
    names = {}
    for position, entry in enumerate(entries):
        numbered = re.match(r"\s*['\"]?(\d{1,6})['\"]?\s*:\s*(.*)", entry, re.DOTALL)
        id, title = (int(numbered[1]), numbered[2]) if numbered else (position, entry)
        names[id] = title.split(" #")[0].strip().strip("'\"")
    return names


def _labels(collector: Collector, bundle: Bundle) -> list[tuple[str, str]]:
    return [(piece, text) for piece, text in bundle.texts(collector) if not bundle.archive or is_label(piece)]


def _rows(text: str) -> list[tuple[int, list[str]]]:
    return [(line, row.split()) for line, row in enumerate(text.splitlines(), 1) if row.strip()]


def _object(
    collector: Collector, image: int, row: list[str], *, with_score: bool
) -> tuple[int, list[float], float]:
    if len(row) != 5 + with_score:
        raise Refused(
            N_("the line has {count} values; expected {expected}"),
            count=len(row),
            expected="class cx cy w h score" if with_score else "class cx cy w h",
        )
    id = whole(row[0], "class", 0, _MAX_CLASS)
    x, y = (
        number(value, key, -_FARTHEST, _FARTHEST) for value, key in zip(row[1:3], ("cx", "cy"), strict=True)
    )
    w, h = (number(value, key, 0, _FARTHEST) for value, key in zip(row[3:5], "wh", strict=True))
    score = number(row[5], "score") if with_score else 0.0
    width, height = collector.width_height(image)
    box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
    return id, box, score
