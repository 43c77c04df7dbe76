"""A count as a table for other programs."""

import csv
import io

from cnnviz.zoo.counting.results import NetworkCount

COLUMNS = (
    "layer",
    "kind",
    "output_shape",
    "calls",
    "weights",
    "biases",
    "buffers",
    "macs",
    "inference_bytes",
    "training_bytes",
)


def to_csv(counted: NetworkCount) -> str:
    """One line a layer, under a line of names; sizes of a shape are joined by x.

    >>> from cnnviz.zoo.counting import count_named
    >>> to_csv(count_named("alexnet")).splitlines()[1]
    'features.0,Conv2d,1x64x55x55,1,23232,64,0,70276800,1376512,774400'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in counted.rows:
        shape = "x".join(map(str, row.output_shape or ()))
        numbers = (getattr(row, name) for name in COLUMNS[3:])
        writer.writerow((row.name, row.kind, shape, *numbers))
    return text.getvalue()
