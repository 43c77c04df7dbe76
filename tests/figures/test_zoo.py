"""The zoo's pictures: what stands in them is what was counted."""

import math
import re

import pytest

from cnnviz.figures.zoo import (
    Milestone,
    Point,
    Row,
    ScalingLabels,
    ScatterLabels,
    dot,
    graph_style,
    scaling_figure,
    scatter_figure,
    short,
    sides_figure,
    table,
    timeline_figure,
)
from cnnviz.zoo.diagram import Diagram, Node

POINTS = (
    Point("a", "Net A", "First", "#111111", 1e6, 80.0, 1_000_000),
    Point("b", "Net B", "First", "#111111", 1e7, 90.0, 4_000_000),
    Point("c", "Net C", "Second", "#222222", 1e8, 70.0, 100_000_000),
)
LABELS = ScatterLabels("size", "top-5", "memory", "a person")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (999_600, "1 M"),
        (25_557_032, "25.6 M"),
        (4.1e9, "4.1 G"),
        (100e6, "100 M"),
    ],
)
def test_short(number: float, text: str) -> None:
    assert short(number) == text


def test_scatter() -> None:
    figure = scatter_figure(POINTS, "b", 94.9, LABELS)
    first, second = figure.data
    assert (list(first.x), list(first.y), first.name) == ([1e6, 1e7], [80.0, 90.0], "First")
    sizes = [*first.marker.size, *second.marker.size]
    assert sizes[2] / sizes[1] == pytest.approx(math.sqrt(25)), "area is memory"
    assert sizes[0] == 8, "small ones can still be pointed at"
    assert list(first.marker.line.width) == [0, 3]
    assert [shape.y0 for shape in figure.layout.shapes] == [94.9]
    assert {note.text for note in figure.layout.annotations} == {"<b>Net B</b>", "a person"}
    named = next(note for note in figure.layout.annotations if "Net B" in note.text)
    assert named.x == pytest.approx(7), "annotations on logarithmic axes take exponents"
    low, high = figure.layout.yaxis.range
    assert low < 70
    assert high > 94.9


def test_axes_stay_while_points_come() -> None:
    few, all_ = scatter_figure(POINTS[:1], "", None, LABELS, POINTS), scatter_figure(POINTS, "", None, LABELS)
    assert few.layout.xaxis.range == all_.layout.xaxis.range
    assert few.layout.yaxis.range == all_.layout.yaxis.range
    assert few.data[0].marker.size[0] == all_.data[0].marker.size[0]
    low, high = few.layout.xaxis.range
    assert low < 6
    assert high > 8


def test_scatter_without_the_line() -> None:
    figure = scatter_figure(POINTS, "nobody", None, LABELS)
    assert not figure.layout.shapes
    assert not figure.layout.annotations


def test_timeline() -> None:
    rows = [Milestone("Old", 1998, "first of all", "#111111"), Milestone("New", 2019, "last", "#222222")]
    figure = timeline_figure(rows, "New", 2000)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(trace.x[0], trace.y[0]) for trace in dots] == [(1998, "Old"), (2019, "New")]
    assert [trace.marker.line.width for trace in dots] == [0, 3]
    assert [trace.opacity for trace in dots] == [1.0, 0.25]
    assert "first of all" in dots[0].hovertemplate


def test_dot() -> None:
    graph = Diagram(
        (
            Node("input", "", "input", (3, 8, 8), 1),
            Node('stage.a"b', "3×3, 64", "conv", (64, 8, 8), 3),
            Node("output", "", "output", None, 1),
        ),
        ((0, 1), (1, 2)),
    )
    text = dot(graph, {"input": "In", "output": "Out"}, "stage")
    assert 'n0 [label="In\\n3 × 8 × 8", class="ends"];' in text
    assert 'n1 [label="a\\"b\\n3×3, 64\\n64 × 8 × 8", class="conv"];' in text
    assert 'n2 [label="Out", class="ends"];' in text
    assert re.findall(r"n\d -> n\d", text) == ["n0 -> n1", "n1 -> n2"]
    assert text.count("{") == text.count("}")


def test_graph_style_magnifies() -> None:
    assert "zoom: 1.5" in graph_style("key", 1.5)
    assert ".st-key-key .conv" in graph_style("key", 1.5)


def test_table() -> None:
    html = table("A <table>", ("Name", "Count"), [Row(("x & y", "1")), Row(("all", "2"), "total")])
    assert 'aria-label="A &lt;table&gt;"' in html
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == ["x &amp; y", "1", "all", "2"]
    assert html.count("<tr class=total>") == 1
    assert 'tabindex="0"' in html


def test_scaling() -> None:
    labels = ScalingLabels("P", "M", "own", "predicted")
    variants = {"B0": (4, 5), "B1": (7, 8)}
    figure = scaling_figure(variants, (6, 9), [(4.0, 5.0), (40.0, 50.0)], labels)
    assert [trace.name for trace in figure.data] == ["predicted", "EfficientNet", "own"]
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([4, 7], [5, 8])
    assert (figure.data[2].x[0], figure.data[2].y[0]) == (6, 9)
    assert len(scaling_figure(variants, None, [(4.0, 5.0)], labels).data) == 2


def test_sides() -> None:
    figure = sides_figure(["8 × 8", "1 × 1"], {"A": [1000, 0, 5, 6]}, {"B": [1, 2, 3, 4]}, ("P", "M"))
    a, a_macs, b, b_macs = figure.data
    assert (list(a.x), list(a_macs.x)) == ([1000, 0], [5, 6])
    assert (list(b.x), list(b_macs.x)) == ([1, 2], [3, 4])
    assert list(a.text) == ["1 k", ""]
    assert (a.showlegend, a_macs.showlegend) == (True, False)
    assert figure.layout.xaxis2.title.text == "M"
