"""The drawings of a matching, read back as a browser reads them."""

import re
from xml.etree import ElementTree

from cnnviz.figures import matching as figures
from cnnviz.figures.matching import CurveLabels, Marked, Point

LABELS = CurveLabels("Recall", "Precision")
BOXES = (
    Marked((10, 20, 40, 60), "truth", "T1", "ground truth <1>"),
    Marked((12, 20, 44, 60), "fp", "0.80 ✗", "detection", strong=True),
    Marked((60, 20, 44, 60), "ignored", ""),
)


def parse(html: str) -> ElementTree.Element:
    """Well-formed, so that no browser has to guess."""
    return ElementTree.fromstring(html)


def test_truths_are_solid_and_detections_dashed() -> None:
    root = parse(figures.picture(None, (160, 120), BOXES, "a <picture>", caption="image & more"))
    drawing = root.find("svg")
    assert drawing is not None
    assert drawing.get("aria-label") == "a <picture>"
    assert drawing.get("viewBox") == "0 0 160 120"
    groups = drawing.findall("g")
    assert [group.findtext("title") for group in groups] == ["ground truth <1>", "", "detection"]
    dashes = [group.findall("rect")[1].get("stroke-dasharray") for group in groups]
    assert dashes == ["none", "2 3", "7 3"], "the strong one last, on top"
    outline = groups[0].findall("rect")[1]
    assert [float(outline.get(name, "")) for name in ("x", "y", "width", "height")] == [10, 20, 30, 40]
    assert groups[1].findall("rect")[1].get("width") == "0", "a box that ends before it begins has no width"
    assert root.findtext("div") == "image & more"


def test_labels_stay_in_the_picture() -> None:
    at_the_rim = (
        Marked((150, 0, 160, 2), "truth", "T1 ✓"),
        Marked((0, 118, 3, 120), "tp", "0.95 ✓"),
    )
    root = parse(figures.picture(None, (160, 120), at_the_rim, "rim"))
    for text in root.iter("text"):
        x, y, font = (float(text.get(name, "")) for name in ("x", "y", "font-size"))
        assert x >= 0
        assert x + 0.62 * font * len(text.text or "") <= 160 + 0.1
        assert font <= y <= 120


def test_labels_make_room_for_one_another() -> None:
    close = (
        Marked((30, 30, 70, 70), "found truth", "T3 ✓"),
        Marked((40, 30, 80, 70), "truth", "T4"),
        Marked((30, 30, 70, 70), "tp", "0.91 ✓"),
        Marked((34, 30, 74, 70), "open", "0.76 ?", strong=True),
    )
    drawn = list(parse(figures.picture(None, (160, 120), close, "close")).iter("text"))
    spans = [
        (float(text.get("x", "")), float(text.get("y", "")), 0.62 * 8 * len(text.text or ""))
        for text in drawn
    ]
    for index, (x, y, width) in enumerate(spans):
        for other_x, other_y, other in spans[:index]:
            assert abs(y - other_y) > 7.9 or x > other_x + other - 0.1 or other_x > x + width - 0.1


def test_a_picture_is_carried_within() -> None:
    html = figures.picture(b"\xff\xd8jpeg", (10, 10), (), "alt")
    image = parse(html).find("svg/image")
    assert image is not None
    assert image.get("href", "").startswith("data:image/jpeg;base64,/9hqcGVn")


def test_the_curve_grows_point_by_point() -> None:
    points = [Point(0.25, 1.0, True, "one"), Point(0.25, 0.5, False, "two"), Point(0.5, 2 / 3, True, "three")]
    root = parse(figures.growing_curve(points, LABELS, "curve", picked=points[-1]))
    assert [title.text for title in root.iter("title")] == ["one", "two", "three", "three"]
    path = next(path.get("d", "") for path in root.iter("path") if path.get("stroke") == figures.RIGHT)
    places = [[float(value) for value in pair.split()] for pair in path[1:].split("L")]
    assert places[0][0] == places[1][0], "a false positive falls straight down"
    assert places[2][0] > places[1][0]
    assert places[2][1] < places[1][1]


def test_a_long_curve_stays_light() -> None:
    points = [Point(n / 20000, 1 - n / 40000, True) for n in range(20000)]
    assert len(figures.growing_curve(points, LABELS, "curve", faint=points)) < 20_000
    assert "<path" in figures.growing_curve([], LABELS, "nothing yet")


def test_the_table_marks_where_we_are() -> None:
    root = parse(figures.table(["#", "a<b"], [["1", "x"], ["2", "y"]], "steps", 1))
    assert (root.get("role"), root.get("tabindex"), root.get("aria-label")) == ("region", "0", "steps")
    current = [row for row in root.iter("tr") if row.get("aria-current")]
    assert [[cell.text for cell in row] for row in current] == [["2", "y"]]


def test_the_confusion_matrix_has_no_corner() -> None:
    root = parse(figures.confusion_table([[8, 1], [2, 0]], ["cup"], "corner", "background", "matrix"))
    assert [cell.text for cell in root.iter("td")] == ["8", "1", "2", "·"]
    shades = [
        float(alpha)
        for alpha in re.findall(r"rgba\(\d+,\d+,\d+,([\d.]+)\)", ElementTree.tostring(root).decode())
    ]
    assert max(shades) == 0.45
    nothing = figures.confusion_table([[0, 0], [0, 0]], ["cup"], "", "background", "matrix")
    assert parse(nothing).findtext(".//td") == "0"


def test_tiles_and_legend_name_what_they_show() -> None:
    assert "F1" in "".join(parse(figures.tiles([("F1", "0.8")])).itertext())
    kinds = parse(figures.legend((("truth", "Ground truth"), ("fp", "False positive"))))
    assert len(list(kinds.iter("svg"))) == 2
