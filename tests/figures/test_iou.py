"""The chart of four measures, from its spec."""

from cnnviz.figures.iou import STYLES, slide_lines


def test_lines_marks_and_gaps() -> None:
    values: dict[str, list[float | None]] = {"iou": [0.5, 0.0, None], "giou": [0.5, -0.2, -0.6]}
    figure = slide_lines(values, {"iou": "IoU", "giou": "GIoU"}, 2, "left")
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(line.name, list(line.y)) for line in lines] == [
        ("IoU", [0.5, 0.0, None]),
        ("GIoU", [0.5, -0.2, -0.6]),
    ]
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(list(mark.x), list(mark.y)) for mark in marks] == [([2], [-0.6])], "nothing is marked in a gap"
    assert figure.layout.xaxis.title.text == "left"
    assert figure.layout.yaxis.range == (-1.05, 1.05)


def test_no_two_lines_look_alike_without_colour() -> None:
    assert len({dash for _colour, dash in STYLES.values()}) == len(STYLES)
