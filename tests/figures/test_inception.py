"""Bars and gradients of the lesson on Inception: what is drawn is what the core computed."""

import re

import numpy as np

from cnnviz.blocks.inception import TABLE, InceptionSettings, costs
from cnnviz.figures.inception import BranchBars, GradientWords, branch_bars, gradient_figure

WORDS = GradientWords("without", "with", "module", "norm", "head")


def test_bars_are_to_one_scale() -> None:
    widths = TABLE["3a"].widths
    naive, reduced = (costs(InceptionSettings(192, widths, each), 28) for each in (True, False))
    drawn = [
        BranchBars(f"<{name}>", (("naive", naive[name].design, "1"), ("reduced", reduced[name].design, "2")))
        for name in naive
    ]
    html = branch_bars(drawn, "a & b")
    shares = [float(each) for each in re.findall(r"width:([\d.]+)%", html)]
    longest = naive["three"].macs
    wanted = [
        100 * layer.macs / longest
        for name in naive
        for found in (naive, reduced)
        for layer in found[name].design.layers
    ]
    assert np.allclose(shares, wanted, atol=1e-3)
    assert max(shares) == 100
    assert 'aria-label="a &amp; b"' in html
    assert "&lt;three&gt;" in html


def test_gradients() -> None:
    without = np.array([[1e-7, 1e-4, 0.3], [3e-7, 2e-4, 0.5], [2e-7, 3e-4, 0.4]])
    with_heads = np.maximum(without, 1e-3)
    figure = gradient_figure(without, with_heads, [1, 2], WORDS)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert lines == {"without": [2e-7, 2e-4, 0.4], "with": [1e-3, 1e-3, 0.4]}
    assert len(figure.data) == 2 + 2 * 3
    assert [shape.x0 for shape in figure.layout.shapes] == [1.5, 2.5]
    assert figure.layout.yaxis.type == "log"
    assert tuple(figure.layout.yaxis.range) == (-7, 0)


def test_small_differences_look_small() -> None:
    norms = np.array([[0.2, 0.4]])
    figure = gradient_figure(norms, norms, [], WORDS)
    assert tuple(figure.layout.yaxis.range) == (-3, 0)
    assert figure.layout.yaxis.dtick == 1
    assert len(figure.data) == 2
