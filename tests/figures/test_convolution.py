"""The Convolution lesson's pictures: what stands in them is what the core computed."""

import numpy as np
import pytest

from cnnviz.figures.convolution import PRODUCT, LineLabels, kernel_sheet, line_figure
from cnnviz.layers.convolution import convolve_1d

LABELS = LineLabels("signal", "kernel", "product", "result")
SUMS = convolve_1d([1, -2, 3], [4, 5])


@pytest.mark.parametrize("index", range(4))
def test_convolution_bars(index: int) -> None:
    signal, kernel, products, totals = line_figure(SUMS, index, "convolution", LABELS).data
    assert (signal.x, signal.y) == ((0, 1, 2), (1, -2, 3))
    # g(t − i): the first number of g lies at i = t, the second one before.
    assert dict(zip(kernel.x, kernel.y, strict=True)) == {index: 4, index - 1: 5}
    assert totals.y == (4, -3, 2, 15)
    assert sum(products.y) == totals.y[index]
    assert [colour == PRODUCT for colour in totals.marker.color] == [at == index for at in range(4)]
    assert totals.text[index] == f"{totals.y[index]:g}"


@pytest.mark.parametrize("index", range(4))
def test_correlation_bars(index: int) -> None:
    figure = line_figure(SUMS, index, "correlation", LABELS)
    _signal, kernel, products, totals = figure.data
    lag = index - 1
    # g(i − t): as it is written, starting at i = t.
    assert dict(zip(kernel.x, kernel.y, strict=True)) == {lag: 4, lag + 1: 5}
    assert totals.x == (-1, 0, 1, 2)
    assert totals.y == (5, -6, 7, 12)
    assert sum(products.y) == totals.y[index]
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert all(any(word in title for title in titles) for word in ("signal", "kernel", "product", "result"))


def test_ranges_hold_every_bar_at_every_position() -> None:
    ranges = set()
    for index in range(4):
        figure = line_figure(SUMS, index, "convolution", LABELS)
        for bars in figure.data:
            low, high = figure.layout[bars.yaxis.replace("y", "yaxis")].range
            assert all(low <= y <= high for y in bars.y)
            start, stop = figure.layout.xaxis.range
            assert all(start < x < stop for x in bars.x)
        ranges.add(str([figure.layout[axis].range for axis in ("yaxis", "yaxis2", "yaxis3", "xaxis")]))
    assert len(ranges) == 1, "nothing jumps while t moves"


def test_all_zero_has_a_range() -> None:
    figure = line_figure(convolve_1d([0, 0], [0]), 0, "convolution", LABELS)
    assert figure.layout.yaxis.range[0] < figure.layout.yaxis.range[1]


def test_kernel_sheet() -> None:
    kernels = np.zeros((5, 3, 2, 2))
    kernels[0, 0, 0, 0] = 4  # red, the largest
    kernels[1, 2, 1, 1] = -2  # minus blue, the largest of its kernel
    kernels[2] = 1e-9  # nothing beside the others
    sheet = kernel_sheet(kernels, columns=3, pixel=2, gap=2, ground=7)
    assert sheet.shape == (2 * 6, 3 * 6, 3)
    assert sheet[0, 0].tolist() == [7, 7, 7]
    assert sheet[1, 1].tolist() == [255, 128, 128]
    assert sheet[4, 10].tolist() == [128, 128, 0]
    assert sheet[1:5, 13:17].min() == sheet[1:5, 13:17].max() == 128
    assert (sheet[6:, 12:] == 7).all(), "no sixth kernel"
