"""What the figures of a counted network draw."""

import re

import pytest
from torch import nn

from cnnviz.figures import counting as figures
from cnnviz.zoo.counting import NetworkCount, count, count_named
from cnnviz.zoo.counting.shares import KINDS, MEASURES, Measure, amount, by_kind


@pytest.fixture(scope="module")
def alexnet() -> NetworkCount:
    return count_named("alexnet")


@pytest.mark.parametrize("measure", MEASURES)
def test_tiles_fill_their_parents_and_never_overflow(alexnet: NetworkCount, measure: Measure) -> None:
    tiles = figures.tiles(alexnet.tree, measure, "alexnet")
    assert (tiles[0].id, tiles[0].parent, tiles[0].value) == (figures.ROOT, "", amount(alexnet.tree, measure))
    within: dict[str, int] = {}
    for tile in tiles[1:]:
        within[tile.parent] = within.get(tile.parent, 0) + tile.value
    values = {tile.id: tile.value for tile in tiles}
    assert all(total <= values[parent] for parent, total in within.items())
    assert within[figures.ROOT] == tiles[0].value
    assert all(tile.value > 0 for tile in tiles)


def test_a_tile_has_the_colour_of_what_is_most_in_it(alexnet: NetworkCount) -> None:
    kinds = {tile.id: tile.kind for tile in figures.tiles(alexnet.tree, "parameters", "alexnet")}
    assert (kinds["features"], kinds["classifier"], kinds[figures.ROOT]) == ("convolution", "dense", "dense")
    kinds = {tile.id: tile.kind for tile in figures.tiles(alexnet.tree, "macs", "alexnet")}
    assert kinds[figures.ROOT] == "convolution"


def test_treemap(alexnet: NetworkCount) -> None:
    tiles = figures.tiles(alexnet.tree, "parameters", "alexnet")
    trace = figures.treemap(tiles, "classifier", aside="of all").data[0]
    assert (trace.level, trace.branchvalues) == ("classifier", "total")
    place = list(trace.ids).index("classifier.1")
    assert trace.labels[place] == "1 · Linear"
    assert trace.text[place] == "37.8\xa0M · 61.8\xa0%"
    assert trace.parents[place] == "classifier"
    assert trace.hovertext[place] == "classifier.1<br>37.8\xa0M · 61.8\xa0% of all"
    assert trace.marker.colors[place] == figures.COLOURS["dense"]


@pytest.mark.parametrize(
    ("name", "opened", "levels"),
    [
        ("resnet50", figures.ROOT, 3),
        ("resnet50", "layer3", 4),
        ("vit_b_32", figures.ROOT, 4),
        ("lenet5", "C1", 2),
    ],
)
def test_a_treemap_shows_many_areas_but_not_too_many(name: str, opened: str, levels: int) -> None:
    assert figures.depth(figures.tiles(count_named(name).tree, "parameters", name), opened) == levels


def test_nothing_to_draw() -> None:
    assert figures.tiles(count(nn.ReLU(), (3, 4, 4)).tree, "parameters", "relu") == []


def test_bars_of_kinds(alexnet: NetworkCount) -> None:
    sums = {"numbers": by_kind(alexnet, "parameters"), "<work>": by_kind(alexnet, "macs")}
    html = figures.kind_bars(sums, {kind: kind.upper() for kind in KINDS}, 'who "holds" what')
    assert 'role="img" aria-label="who &quot;holds&quot; what"' in html
    assert "&lt;work&gt;" in html
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", html)]
    assert sum(widths) == pytest.approx(200, abs=0.01)
    assert widths[1] == pytest.approx(100 * 58_631_144 / 61_100_840, abs=0.001)
    assert "CONVOLUTION: 4\xa0%" in html
    assert "ATTENTION" not in html, "no kind that nothing is of"


def test_bars_of_nothing() -> None:
    html = figures.kind_bars({"none": dict.fromkeys(KINDS, 0)}, dict(KINDS), "nothing")
    assert "none" in html
    assert "title=" not in html


def test_white_letters_are_readable_on_every_colour() -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 to 1."""
    for colour in figures.COLOURS.values():
        levels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 4.5
