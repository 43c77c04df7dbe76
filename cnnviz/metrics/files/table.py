"""CSV: a header, then a row a truth or a detection; corners in pixels.

Columns, in any order: ``image, category, x1, y1, x2, y2`` and, if wanted, ``score, crowd, difficult``.
A row with a score is a detection, one without is a truth, and one with an image alone says that the
image is there. Commas, semicolons or tabs stand between the values.
"""

import csv
import io
from collections.abc import Iterator

from cnnviz.errors import AnnotationError
from cnnviz.messages import N_
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.files.collecting import Collector, Refused, corners, flag, name, number

TITLE = "CSV"
REQUIRED = ("image", "category", "x1", "y1", "x2", "y2")
OPTIONAL = ("score", "crowd", "difficult")


def header(text: str) -> tuple[list[str], str] | None:
    """Columns and delimiter, if the first line is a header with an image and a corner or a category."""
    first = text.lstrip().split("\n", 1)[0][:2000]
    for delimiter in ",;\t":
        columns = [column.strip().strip('"').lower() for column in first.split(delimiter)]
        if "image" in columns and {"category", "x1"} & set(columns):
            return columns, delimiter
    return None


def read(collector: Collector, file: str, text: str, *, truths: bool, detections: bool) -> None:
    """Read truths, detections or both; a row that is neither wanted is passed over.

    Where only detections are wanted, a row without a score is a problem.
    """
    found = header(text)
    if found is None:
        raise AnnotationError(
            N_("{file} has no header; expected the columns {columns}."),
            file=file,
            columns=", ".join(REQUIRED),
        )
    columns, delimiter = found
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise AnnotationError(
            N_("{file} has no column {missing}; expected {columns}."),
            file=file,
            missing=", ".join(missing),
            columns=", ".join(REQUIRED),
        )
    if len(set(columns)) < len(columns):
        raise AnnotationError(
            N_("{file} has two columns of one name: {columns}."), file=file, columns=", ".join(columns)[:200]
        )
    rows = _rows(collector, file, text, delimiter)
    next(rows, None)
    later: list[tuple[int, dict[str, str]]] = []
    for line, row in rows:
        try:
            if len(row) != len(columns):
                raise Refused(
                    N_("the row has {count} values; the header has {expected}"),
                    count=len(row),
                    expected=len(columns),
                )
            record = {column: value.strip() for column, value in zip(columns, row, strict=True)}
            if record.get("score"):
                later.append((line, record))
            elif truths:
                _truth(collector, record)
            else:
                raise Refused(N_("{field} is missing"), field="score")
        except Refused as why:
            collector.report(file, line, why)
    # Then the detections, which may come before the truths of their image.
    if detections:
        for line, record in later:
            try:
                image, category, box = _placed(collector, record)
                collector.detection(image, category, box, number(record["score"], "score"))
            except Refused as why:
                collector.report(file, line, why)


def _rows(collector: Collector, file: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not blank."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            collector.report(file, rows.line_num, Refused(N_("the row's quotation marks don't match")))
            continue
        if any(value.strip() for value in row):
            yield rows.line_num, row


def _truth(collector: Collector, record: dict[str, str]) -> None:
    if record["image"] and not any(record[column] for column in REQUIRED[1:]):
        collector.image(name(record["image"], "image"))
        return
    image, category, box = _placed(collector, record)
    crowd, difficult = (flag(record.get(key), key) for key in ("crowd", "difficult"))
    collector.truth(image, category, box, crowd=crowd, difficult=difficult)


def _placed(collector: Collector, record: dict[str, str]) -> tuple[int, int, list[float]]:
    """The checks first, so that a refused row leaves no image and no category behind."""
    image, category = name(record["image"], "image"), name(record["category"], "category")
    box = corners([number(record[corner], corner) for corner in REQUIRED[2:]])
    return collector.image(image), collector.category(category), box


def write_csv(data: DetectionSet) -> bytes:
    """All images, truths and detections as one table, which :func:`cnnviz.metrics.files.reader.read` reads.

    Masks, areas that are not the box's, ids, sizes, and categories that nothing shows have no column.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(REQUIRED + OPTIONAL)
    images = [image.name for image in data.images]
    if len(set(images)) < len(images):
        images = [str(image.id) for image in data.images]
    categories = [category.name for category in data.categories]
    table.writerows([image, *[""] * 8] for image in images)
    truths, found = data.truths, data.detections
    for i in range(len(truths)):
        where = images[truths.image[i]], categories[truths.category[i]]
        table.writerow(
            [*where, *truths.boxes[i].tolist(), "", int(truths.crowd[i]), int(truths.difficult[i])]
        )
    for i in range(len(found)):
        where = images[found.image[i]], categories[found.category[i]]
        table.writerow([*where, *found.boxes[i].tolist(), float(found.score[i]), "", ""])
    return out.getvalue().encode()
