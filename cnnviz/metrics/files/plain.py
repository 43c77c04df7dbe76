"""The simple layout of Padilla's Object-Detection-Metrics: one text file an image, in absolute pixels.

A truth is ``class left top width height``, a detection ``class score left top width height``.
"""

from cnnviz.messages import N_
from cnnviz.metrics.files.collecting import LIMIT, Collector, Refused, name, number, stem
from cnnviz.metrics.files.opening import Bundle
from cnnviz.metrics.files.yolo import is_label

TITLE = "text"


def read(collector: Collector, bundle: Bundle, *, detections: bool) -> None:
    """Truths make images and categories; detections find theirs among them."""
    fields = ("score", "left", "top", "width", "height")[0 if detections else 1 :]
    for piece, text in bundle.texts(collector):
        if bundle.archive and not is_label(piece):
            continue
        file = bundle.label(piece)
        try:
            image = collector.image(stem(piece)) if detections else collector.add_image(stem(piece))
        except Refused as why:
            collector.report(file, "", why)
            continue
        for line, row in enumerate(text.splitlines(), 1):
            if not row.strip():
                continue
            try:
                title, *values = row.split()
                if len(values) != len(fields):
                    raise Refused(
                        N_("the line has {count} values; expected {expected}"),
                        count=len(values) + 1,
                        expected=" ".join(("class", *fields)),
                    )
                lows = [0 if key in ("width", "height") else -LIMIT for key in fields]
                *score, left, top, width, height = (
                    number(value, key, low) for value, key, low in zip(values, fields, lows, strict=True)
                )
                box = [left, top, left + width, top + height]
                category = collector.category(name(title, "class"))
                if detections:
                    collector.detection(image, category, box, score[0])
                else:
                    collector.truth(image, category, box)
            except Refused as why:
                collector.report(file, line, why)
