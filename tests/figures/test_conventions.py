"""Pictures of the switchboard and of an evaluation: what goes in stands in them."""

from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from cnnviz.figures.conventions import Dot, scene_svg, strip_figure
from cnnviz.figures.evaluate import confusion_picture, lines_figure, lines_picture

LINES = {"cup": ([0.0, 1.0], [1.0, 0.5]), "병 $x_": ([0.0, 1.0], [0.75, 0.25])}


def test_strip() -> None:
    dots = [Dot(0.5, 0, "a"), Dot(0.25, 0, "b"), Dot(0.75, 1, "c")]
    figure = strip_figure(dots, ["off", "on"], dots[1], {"COCO": dots[2]}, "mAP", "now")
    assert [list(trace.x) for trace in figure.data] == [[50, 25], [75], [75], [25]]
    first = figure.data[0].y
    assert -0.5 < first[0] < first[1] < 0.5
    assert figure.data[3].y[0] == first[1], "the ring is around its dot"
    assert [trace.name for trace in figure.data[2:]] == ["COCO 75.00", "now 25.00"]


def test_scene_tells_truths_and_detections_apart() -> None:
    svg = scene_svg((160, 120), {"T<1": (10, 10, 50, 50)}, {"D1": (20, 0, 160, 120)})
    root = ElementTree.fromstring(svg)
    boxes = [each for each in root if each.get("fill") == "none"]
    assert [("stroke-dasharray" in box.attrib) for box in boxes] == [True, False]
    assert [float(boxes[0].get(name) or 0) for name in ("x", "y", "width", "height")] == [10, 10, 40, 40]
    assert [each.text for each in root if each.text] == ["T<1", "D1"]


def test_lines() -> None:
    figure = lines_figure(LINES, "recall", "precision")
    assert [list(trace.y) for trace in figure.data] == [[1.0, 0.5], [0.75, 0.25]]
    assert len({trace.line.dash for trace in figure.data}) == 2


@pytest.mark.parametrize("classes", [1, 2, 60])
def test_pictures_to_keep(classes: int) -> None:
    matrix = np.arange((classes + 1) ** 2).reshape(classes + 1, -1)
    labels = [*(f"$class_{index}" for index in range(classes)), "배경"]
    for made in (
        lambda form: lines_picture(LINES, "recall", "precision", form),
        lambda form: confusion_picture(matrix, labels, "detection", "ground truth", form),
    ):
        with Image.open(BytesIO(made("png"))) as image:
            assert image.format == "PNG"
            assert min(image.size) > 300
        assert ElementTree.fromstring(made("svg")).tag.endswith("svg")


def test_a_picture_without_lines() -> None:
    assert ElementTree.fromstring(lines_picture({}, "recall", "precision", "svg")) is not None
