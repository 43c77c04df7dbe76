"""Pictures of the Convolution lesson: the one-dimensional sum, and sheets of learned kernels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.layers.convolution import Floats, OneDResult

SIGNAL, KERNEL, PRODUCT, QUIET = "#2478d8", "#e67700", "#12906a", "rgba(128, 136, 150, 0.4)"


@dataclass(frozen=True)
class LineLabels:
    """Words of :func:`line_figure`, in the reader's language; each may be notation as well.

    Attributes:
        signal, kernel: names of the bars in the upper panel.
        product: title of the middle panel.
        result: title of the lower panel.
    """

    signal: str
    kernel: str
    product: str
    result: str


def line_figure(
    sums: OneDResult, index: int, kind: Literal["convolution", "correlation"], labels: LineLabels
) -> go.Figure:
    """Signal and kernel on one axis, their products, and all sums, with the one at `index` marked.

    Args:
        sums: all positions.
        index: which of them, from 0 to n + m − 2; both kinds then lie over the same samples.
        kind: with the kernel running backwards (convolution), or as it is written.
        labels: the words.
    """
    steps = sums.convolution if kind == "convolution" else sums.correlation
    step, n, m = steps[index], len(sums.f), len(sums.g)
    under = range(index - m + 1, index + 1)
    weights = sums.g[::-1] if kind == "convolution" else sums.g
    products = {term.i: term.product for term in step.terms}
    totals = {each.t: each.total for each in steps}
    marked = [PRODUCT if t == step.t else QUIET for t in totals]
    panels = (
        ("y", (0.7, 0.93), np.concatenate([sums.f, sums.g])),
        ("y2", (0.36, 0.58), np.outer(sums.f, sums.g)),
        ("y3", (0.0, 0.24), np.array([*totals.values()])),
    )
    titles = (
        f'<b style="color:{SIGNAL}">{labels.signal}</b>   <b style="color:{KERNEL}">{labels.kernel}</b>',
        f'<b style="color:{PRODUCT}">{labels.product}</b>',
        f"<b>{labels.result}</b>",
    )
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": True, "fixedrange": True}
    return go.Figure(
        [
            _bars(dict(enumerate(sums.f)), "y", SIGNAL, -0.42, 0.4),
            _bars(dict(zip(under, weights, strict=True)), "y", KERNEL, 0.02, 0.4),
            _bars(products, "y2", PRODUCT),
            _bars(totals, "y3", marked),
        ],
        {
            "barmode": "overlay",
            "height": 400,
            "margin": {"l": 4, "r": 4, "t": 4, "b": 28},
            "showlegend": False,
            "dragmode": False,
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "xaxis": {
                "range": [0.4 - m, n + m - 1.4],
                "anchor": "y3",
                "dtick": 1,
                "tickangle": 0,
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
            **{
                axis.replace("y", "yaxis"): {"domain": domain, "range": _room(values), **hidden}
                for axis, domain, values in panels
            },
            "annotations": [
                {
                    "text": title,
                    "x": 0,
                    "y": domain[1] + 0.02,
                    "xref": "paper",
                    "yref": "paper",
                    "xanchor": "left",
                    "yanchor": "bottom",
                    "showarrow": False,
                    "font": {"size": 15},
                }
                for title, (_axis, domain, _values) in zip(titles, panels, strict=True)
            ],
        },
    )


def _bars(
    heights: Mapping[int, float],
    axis: str,
    colour: str | list[str],
    offset: float = -0.35,
    width: float = 0.7,
) -> go.Bar:
    """Bars at whole numbers, each with its number at its end."""
    return go.Bar(
        x=list(heights),
        y=[float(height) for height in heights.values()],
        text=[f"{height:.3g}" for height in heights.values()],
        yaxis=axis,
        offset=offset,
        width=width,
        marker={"color": colour, "line": {"width": 0}},
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )


def _room(values: Floats) -> list[float]:
    """A range that holds `values` and zero, with room for the numbers at the bars' ends."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (high - low) or 1.0
    return [low - 0.3 * span if low < 0 else 0.0, high + 0.3 * span]


def kernel_sheet(
    kernels: NDArray[np.floating], columns: int, pixel: int = 14, gap: int = 8, ground: int = 128
) -> NDArray[np.uint8]:
    """RGB kernels as small colour pictures in a sheet.

    Each is scaled by its own largest weight, so that all patterns show; only kernels next to nothing
    beside the strongest (below 1 %) stay as grey as they are.

    Args:
        kernels: (N, 3, kh, kw); 0 becomes middle grey.
        columns: pictures in a row.
        pixel: side of a weight, in pixels.
        gap: around each picture, half of it on each side, in pixels.
        ground: grey level between the pictures.

    Returns:
        (H, W, 3) uint8, cut into ``ceil(N / columns)`` × `columns` equal cells.
    """
    count, _, height, width = kernels.shape
    rows = -(-count // columns)
    cell = (height * pixel + gap, width * pixel + gap)
    sheet = np.full((rows * cell[0], columns * cell[1], 3), ground, np.uint8)
    least = max(float(np.abs(kernels).max()) / 100, 1e-12)
    for index, kernel in enumerate(kernels):
        largest = max(float(np.abs(kernel).max()), least)
        colours = np.rint(127.5 + 127.5 * kernel / largest).astype(np.uint8).transpose(1, 2, 0)
        picture = colours.repeat(pixel, axis=0).repeat(pixel, axis=1)
        top, left = (index // columns) * cell[0] + gap // 2, (index % columns) * cell[1] + gap // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
