"""The drawings of cost, read back as a browser reads them: lengths, areas, colours, words."""

import math
import re
from xml.etree import ElementTree

import pytest

from cnnviz.figures import small_kernels as figures
from cnnviz.figures.small_kernels import Bars, CrossoverLabels, Panel
from cnnviz.layers import cost

Node = ElementTree.Element


def panel(title: str, design: cost.Design) -> Panel:
    slabs = (design.layers[0].in_channels, *(layer.out_channels for layer in design.layers))
    return Panel(title, design, slabs, tuple(layer.kind for layer in design.layers), title)


def parse(html: str) -> Node:
    """Well-formed, so that no browser has to guess."""
    return ElementTree.fromstring(html)


def sheets(root: Node) -> list[tuple[float, float]]:
    """(width, height) of every sheet, in percent of a panel."""
    found = []
    for node in root.iter("svg"):
        style = node.get("style", "")
        if match := re.match(r"width:max\(3px,([\d.]+)cqw\);height:max\(3px,([\d.]+)cqw\)", style):
            found.append((float(match[1]), float(match[2])))
    return found


def test_sheets_are_areas_to_one_scale() -> None:
    pair = cost.bottleneck(256, 64, 56)
    root = parse(figures.panels((panel("plain", pair.plain), panel("neck", pair.factored)), "alt words"))
    assert root.get("aria-label") == "alt words"
    layers = pair.plain.layers + pair.factored.layers
    drawn = sheets(root)
    scale = drawn[0][0] * drawn[0][1] / layers[0].weights
    for (width, height), layer in zip(drawn, layers, strict=True):
        assert math.isclose(width * height, scale * layer.weights, rel_tol=2e-3)
    for side in (drawn[:2], drawn[2:]):
        assert sum(width for width, _height in side) < 100, "the sheets of a panel fit into it"
    assert [node.text for node in root.iter("span")] == [f"{layer.weights:,}" for layer in layers]


def test_slabs_are_as_thick_as_their_channels() -> None:
    pair = cost.bottleneck(256, 64, 56)
    root = parse(figures.panels((panel("neck", pair.factored),), "", sheets=False))
    thick = [float(node.get("height", 0)) for node in root.iter("rect")]
    assert thick == [2.0, 0.5, 0.5, 2.0]
    assert not sheets(root), "no weights while the learner is asked"
    assert [node.text for node in root.iter("text")][-4:] == ["256", "64", "64", "256"]


@pytest.mark.parametrize("groups", [2, 8, 64, 128])
def test_groups_fill_their_part_of_the_sheet(groups: int) -> None:
    layer = cost.grouped(128, 128, 3, groups, 7).factored.layers[0]
    root = parse(figures.panels((panel("grouped", cost.Design((layer,))),), ""))
    rows, columns = layer.sheet
    path = next(node for node in root.iter("path")).get("d", "")
    if groups <= figures.MOST_SQUARES:
        blocks = re.findall(r"h([\d.]+)v([\d.]+)", path)
        assert len(blocks) == groups
        assert sum(float(width) * float(height) for width, height in blocks) == layer.weights
    else:
        assert path == f"M0 0V{rows / groups:g}L{columns} {rows}V{rows - rows / groups:g}z"
    assert len(list(root.iter("polygon"))) == min(groups, figures.MOST_LANES)


def test_kernels_show_where_channels_are_few() -> None:
    few, many = (cost.small_kernels(2, 3, channels, 7).plain for channels in (4, 64))
    path = next(parse(figures.panels((panel("few", few),), "")).iter("path")).get("d", "")
    assert len(re.findall("M", path)) == 3 + 3
    assert not list(parse(figures.panels((panel("many", many),), "")).iter("path"))


def test_bars_are_to_one_scale_a_measure() -> None:
    pair = cost.depthwise_separable(32, 64, 3, 112)
    drawn = (panel("plain", pair.plain), panel("separable", pair.factored))
    parts = tuple(tuple(layer.weights for layer in p.design.layers) for p in drawn)
    measure = Bars("Weights", parts, ("18,432", "2,336 · <b>12.7 %</b>"))
    root = parse(figures.bars([measure], drawn, "18,432 and 2,336"))
    pieces = re.findall(r"width:([\d.]+)%;background:(#\w+)", ElementTree.tostring(root, encoding="unicode"))
    assert [(round(float(width), 1), colour) for width, colour in pieces] == [
        (100.0, figures.SPATIAL),
        (1.6, figures.SPATIAL),
        (11.1, figures.POINTWISE),
    ]
    assert "12.7 %" in "".join(root.itertext())


LABELS = CrossoverLabels("channels", "parameters", "memory", "more", "less")


@pytest.mark.parametrize("inputs", [None, 3])
def test_crossover_is_where_the_line_is_one(inputs: int | None) -> None:
    curve = cost.sweep(2, 3, 56, False, inputs, most=4096)
    found = cost.crossover(2, 3, 64, 56, False, inputs)
    at = [None if c is None else float(c) for c in (found.parameters, found.memory)]
    root = parse(figures.crossover(curve, 64, at, LABELS, "alt"))
    chart = next(node for node in root.iter("svg") if node.get("preserveAspectRatio") == "none")
    one = float(next(chart.iter("rect")).get("height", 0))
    dots = list(root.iter("circle"))
    assert len(dots) == sum(c is not None and c >= 1 for c in at)
    for dot in dots:
        assert float(dot.get("cy", 0)) == one
        x = float(dot.get("cx", "").rstrip("%"))
        assert any(math.isclose(x, 100 * math.log(c) / math.log(4096), abs_tol=0.01) for c in at if c)
    # The line runs through its dot: above the line of 1 on one side, below on the other.
    line = list(chart.iter("polyline"))[1 if inputs is None else 0]
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert (points[0][1] < one) == (inputs is None)
    assert (points[-1][1] > one) == (inputs is None)
    assert "C = 64" in "".join(root.itertext())


def test_channel_fan_draws_what_counts() -> None:
    fan = cost.channel_fan(12, 3, 2, True, 1)
    root = parse(figures.channel_fan(fan, ("in", "conv", "shuffle", "out"), 12, 3, "alt"))
    colours = [node.get("fill") for node in root.iter("rect")]
    assert len(colours) == 4 * 12
    assert colours.count(figures.MAP) == 1
    assert colours.count(figures.SPATIAL) == 12 + 4 + 4
    assert len(list(root.iter("line"))) == 4 * 4 + 4 + 4, "a line for every connection"


def test_many_channels_are_drawn_as_runs() -> None:
    fan = cost.channel_fan(240, 3, 2, True, 1)
    root = parse(figures.channel_fan(fan, ("in", "conv", "shuffle", "out"), 240, 3, "alt"))
    assert not list(root.iter("line"))
    heights = [
        float(node.get("height", 0)) for node in root.iter("rect") if node.get("fill") == figures.SPATIAL
    ]
    assert [round(height / heights[0] * 240) for height in heights] == [240, 27, 27, 26, 80]
