"""Attributions as pictures over the photo, and how well their sum agrees with what it should be."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures import maps
from cnnviz.figures.maps import Numbers, Picture

SPIKES = 99.5
"""Of a map of all pixels, so many percent lie within the colours; single pixels can be ten times as strong."""
_PIXELS = 10_000
BLUE, ORANGE = "#0072b2", "#d55e00"


def limit(values: Numbers) -> float:
    """The magnitude at which a map's colours end: the largest, or :data:`SPIKES` percent of many pixels.

    >>> limit(np.array([[-3.0, 2.0]])), limit(np.zeros((2, 2)))
    (3.0, 1.0)
    """
    magnitudes = np.abs(values)
    end = np.percentile(magnitudes, SPIKES) if values.size > _PIXELS else magnitudes.max()
    return float(end) or float(magnitudes.max()) or 1.0


def coloured(values: Numbers) -> Picture:
    """A map in colours: red for the class and blue against it, or from black to yellow where nothing is below 0."""
    palette, end = maps.palette_for(values), limit(values)
    return maps.colour(values, palette, (-end if palette == maps.DIVERGING else 0.0, end))


def over(photo: Picture, values: Numbers, opacity: float) -> Picture:
    """A map over the part of the photo that it is about, with a frame around its strongest place.

    Args:
        photo: (H, W, 3).
        values: (h, w), spread over the whole photo.
        opacity: 0 to 1.
    """
    heat = maps.overlay(photo, coloured(values), opacity)
    row, column = np.unravel_index(values.argmax(), values.shape)
    height, width = photo.shape[0] / values.shape[0], photo.shape[1] / values.shape[1]
    return maps.outline(heat, (column * width, row * height, (column + 1) * width, (row + 1) * height))


def levels(values: Numbers) -> NDArray[np.uint8]:
    """A map in 256 levels up to its :func:`limit`: 0 is 0, or 128 where there are numbers of both signs.

    >>> levels(np.array([[-1.0, 0.0, 1.0]])).tolist(), levels(np.array([[0.0, 2.0]])).tolist()
    ([[1, 128, 255]], [[0, 255]])
    """
    shares = np.clip(values / limit(values), -1, 1)
    signed = maps.palette_for(values) == maps.DIVERGING
    return np.rint(128 + 127 * shares if signed else 255 * shares).astype(np.uint8)


def strip(photo: Picture, every: Sequence[Numbers], columns: int, side: int = 112) -> Picture:
    """Maps over the photo side by side, in equal tiles of `side` pixels.

    Args:
        photo: square.
        every: square maps.
        columns: in a row.
    """
    import cv2

    small = np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    tiles = [maps.overlay(small, coloured(values), 0.65) for values in every]
    return maps.montage(tiles, columns, side=side)


def sums(
    steps: Sequence[int],
    found: Sequence[float],
    expected: float,
    x_title: str,
    found_title: str,
    expected_title: str,
) -> go.Figure:
    """Sums of the attributions by number of steps, and the line on which they should lie.

    Args:
        steps: on a logarithmic scale.
        found: one sum each.
        expected: the difference of the logits.
    """
    style: dict[str, Any] = {"hovertemplate": "%{x}: %{y:.3f}<extra></extra>"}
    figure = go.Figure(
        [
            go.Scatter(
                x=[min(steps), max(steps)],
                y=[expected, expected],
                mode="lines",
                line={"color": ORANGE, "width": 3, "dash": "dash"},
                name=expected_title,
                hoverinfo="skip",
            ),
            go.Scatter(
                x=list(steps),
                y=list(found),
                mode="lines+markers",
                line={"color": BLUE, "width": 3},
                marker={"size": 11},
                name=found_title,
                **style,
            ),
        ]
    )
    figure.update_layout(
        height=330,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={
            "type": "log",
            "tickvals": list(steps),
            "tickfont": {"size": 14},
            "title": x_title,
            "automargin": True,
            "fixedrange": True,
        },
        yaxis={"tickfont": {"size": 14}, "automargin": True, "fixedrange": True, "zeroline": True},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
