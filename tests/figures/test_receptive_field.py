"""What the receptive field's figures draw."""

import re
from itertools import pairwise

import numpy as np
import pytest

from cnnviz.figures import receptive_field as figures
from cnnviz.layers.receptive_field import PRESETS, Layer, trace
from cnnviz.layers.stack import fan, named

LABELS = figures.PyramidLabels(
    input="input",
    pixels="input pixel",
    seen="{map} {cell} counts",
    padding="{map} {cell} pads",
    other="{map} {cell} idle",
    span="{map} {first}..{last}",
    count="cells",
)


def titles(html: str) -> list[str]:
    return re.findall(r"<title>(.*?)</title>", html)


def test_pyramid_draws_every_cell_and_every_weight() -> None:
    html = figures.pyramid(fan(PRESETS["two_3x3"].layers, 9, 4), LABELS, alt='a "fan"')
    assert 'role="img" aria-label="a &quot;fan&quot;"' in html
    said = titles(html)
    assert [said.count(f"{name} 4 counts") for name in ("input", "conv1", "conv2")] == [1, 1, 1]
    assert len(said) == 3 * 9
    assert sum("counts" in title for title in said) == 5 + 3 + 1
    # 3 weights of the top cell, 3 of each of the 3 cells below it; then the two ends of the input.
    assert html.count("<line") == 3 + 9 + 2
    assert re.findall(r'font-weight="600">(\d+)<', html) == ["5", "3", "1"]


def test_pyramid_leaves_padding_empty_and_does_not_look_behind_it() -> None:
    stack = named((Layer("conv", 3, padding=1), Layer("conv", 3, padding=1)))
    said = titles(figures.pyramid(fan(stack, 9, 0), LABELS, alt=""))
    assert "conv1 −1 pads" in said
    assert "input −1 pads" in said
    assert not any("input −2" in title for title in said)


def test_pyramid_shows_the_gaps_of_dilation() -> None:
    said = titles(figures.pyramid(fan(PRESETS["dilated"].layers, 32, 16), LABELS, alt=""))
    assert [t for t in said if t.startswith("dilation 4") and "counts" in t] == [
        f"dilation 4 {cell} counts" for cell in (8, 16, 24)
    ]


def test_pyramid_of_a_deep_network_draws_runs() -> None:
    stack = PRESETS["resnet50_v1_5"].layers
    html = figures.pyramid(fan(stack, 224, 3), LABELS, alt="")
    said = titles(html)
    assert len(said) == len(stack) + 1
    assert said[0] == "input −117..309"
    assert said[-1] == "conv5_3c 3..3"
    assert "427" in re.findall(r'font-weight="600">(\d+)<', html)


@pytest.mark.parametrize(("left", "right"), [(-1, 17), (-0.5, 1.5), (-150, 400), (0, 3e6)])
def test_ticks_are_few_and_round(left: float, right: float) -> None:
    ticks = figures._ticks(left, right)
    assert 1 <= len(ticks) <= 11
    assert all(left <= tick <= right for tick in ticks)
    steps = {second - first for first, second in pairwise(ticks)}
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in ("1", "2", "5")


def growth(*presets: str) -> figures.go.Figure:
    labels = figures.GrowthLabels("layers", "pixels", "field", "jump", "after {layer}: {value}")
    return figures.growth([(name, trace(PRESETS[name].layers)) for name in presets], labels)


def test_growth_begins_at_one_pixel_and_ends_at_the_field() -> None:
    figure = growth("vgg16")
    sizes, jumps = figure.data
    assert (sizes.y[0], sizes.y[-1], jumps.y[-1]) == (1, 212, 32)
    assert len(sizes.x) == len(PRESETS["vgg16"].layers) + 1
    assert sizes.hovertext[-1].startswith("after pool5: 212")
    assert figure.layout.yaxis.type == "log"


def test_growth_compares_two_stacks() -> None:
    figure = growth("three_3x3", "one_7x7")
    assert [trace.name for trace in figure.data] == [
        "field · three_3x3", "jump · three_3x3", "field · one_7x7", "jump · one_7x7",
    ]  # fmt: skip
    assert figure.data[0].y[-1] == figure.data[2].y[-1] == 7
    assert figure.layout.yaxis.type == "linear"


PROFILE = figures.ProfileLabels("pixel", "share", "measured", "Gaussian", "theory")


def test_profile_draws_the_gaussian_as_high_as_it_is() -> None:
    share = np.array([0.25, 0.5, 0.25])
    figure = figures.profile(share, 4, 2.0, 5.0, (4, 7), PROFILE)
    measured, bell = figure.data
    assert list(measured.x) == [4, 5, 6]
    assert list(measured.y) == [0.25, 0.5, 0.25]
    assert max(bell.y) == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), abs=1e-4)
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (3.5, 6.5)
    assert len(figures.profile(share, 4, 0, 5.0, (4, 7), PROFILE).data) == 1


def test_stage_sizes_marks_the_chosen_stage_and_the_image() -> None:
    figure = figures.stage_sizes(["layer3", "layer4"], [267, 427], 1, 224, ("field", "image: 224"))
    (bars,) = figure.data
    assert list(bars.x) == [267, 427]
    assert bars.marker.color == (figures.SEEN, figures.CELL)
    assert figure.layout.shapes[0].x0 == 224
    assert figure.layout.annotations[0].text == "image: 224"


def test_heat_is_bright_where_the_share_is_and_the_circle_is_white() -> None:
    photo = np.full((60, 60, 3), 100, np.uint8)
    share = np.zeros((30, 30), np.float32)
    share[14:16, 14:16] = 0.25
    picture = figures.heat_over(photo, share, centre=(14.5, 14.5), radius=8)
    assert picture.shape == photo.shape
    assert picture.dtype == np.uint8
    assert picture[30, 30].mean() > 150  # a pixel of share covers two of the photo
    assert (picture[0, 0] == 50).all(), "dimmed to half elsewhere"
    assert (picture[30, 30 + 16] == 255).all()


def test_heat_of_a_dead_cell_is_just_the_dimmed_photo() -> None:
    photo = np.full((8, 8, 3), 100, np.uint8)
    assert (figures.heat_over(photo, np.zeros((4, 4)), (1.5, 1.5), 0) == 50).all()
