"""What a classifier says of a photo, what it saw of it, and the shape of its maps from stage to stage."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import Picture, outline

BLUE, ORANGE = "#0072b2", "#d55e00"
INK = {"light": "#111111", "dark": "#f2f4f8"}
"""Text on a figure: the themes' own, because Streamlit draws annotations in a grey too pale to project."""


def bars(names: Sequence[str], probabilities: Sequence[float], ink: str) -> go.Figure:
    """Probabilities, 0 to 1, as horizontal bars, the first at the top; each name stands on its bar in `ink`."""
    rows = list(range(len(names)))
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=rows,
            orientation="h",
            width=0.86,
            marker={"color": BLUE, "opacity": 0.42},
            customdata=list(names),
            hovertemplate="%{customdata}: %{x:.2%}<extra></extra>",
        )
    )
    text = {"showarrow": False, "font": {"size": 17, "color": ink}, "yanchor": "middle"}
    said = []
    for row, name, probability in zip(rows, names, probabilities, strict=True):
        said.append({"x": 0, "y": row, "xanchor": "left", "xshift": 4, "text": name, **text})
        share = f"<b>{100 * probability:.1f} %</b>"
        said.append({"x": 1, "y": row, "xanchor": "right", "text": share, **text})
    figure.update_layout(
        annotations=said,
        height=46 * len(rows) + 34,
        margin={"l": 2, "r": 2, "t": 4, "b": 30},
        xaxis={
            "range": [0, 1],
            "tickvals": [0.25, 0.5, 0.75],
            "tickformat": ".0%",
            "tickfont": {"size": 13, "color": ink},
            "fixedrange": True,
        },
        yaxis={"range": [len(rows) - 0.5, -0.5], "visible": False, "fixedrange": True},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def silhouette(
    names: Sequence[str], sides: Sequence[int], channels: Sequence[int], selected: int, hover: str, ink: str
) -> go.Figure:
    """Each stage as a slab: as high as its maps, as wide as there are maps, both on a square-root scale.

    Args:
        names: of the stages, short.
        sides: cells along each side of a map.
        channels: how many maps.
        selected: index of the stage that stands out.
        hover: words on a slab, with plotly's fields %{customdata[0]} side, [1] channels, [2] name.
        ink: colour of the text.
    """
    heights = [side**0.5 for side in sides]
    widths = [count**0.5 for count in channels]
    gap = 5.0
    centres = [sum(widths[:i]) + gap * i + width / 2 for i, width in enumerate(widths)]
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=heights,
            base=[-height / 2 for height in heights],
            width=widths,
            marker={"color": [ORANGE if i == selected else BLUE for i in range(len(names))], "line_width": 0},
            customdata=list(zip(sides, channels, names, strict=True)),
            hovertemplate=hover + "<extra></extra>",
        )
    )
    top = max(heights) / 2
    said = []
    for name, side, count, centre, height in zip(names, sides, channels, centres, heights, strict=True):
        text = {"x": centre, "showarrow": False, "font": {"size": 14, "color": ink}}
        said.append({"y": height / 2, "yanchor": "bottom", "text": str(side), **text})
        said.append({"y": -height / 2, "yanchor": "top", "text": str(count), **text})
        said.append({"y": -top - 1.8, "yanchor": "top", "text": f"<b>{name}</b>", **text})
    figure.update_layout(
        annotations=said,
        height=300,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        xaxis={"visible": False, "fixedrange": True},
        yaxis={"visible": False, "fixedrange": True, "range": [-top - 3.6, top + 1.8]},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
    )
    return figure


def resized(picture: Picture, width: int, height: int) -> Picture:
    """`picture` in another size: averaged where it shrinks, cubic where it grows."""
    import cv2

    shrinks = width * height < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def crop(photo: Picture, box: tuple[int, int, int, int], side: int = 448) -> Picture:
    """The part of a photo in `box` (left, top, right, bottom), as a square of `side` pixels."""
    left, top, right, bottom = box
    return resized(photo[top:bottom, left:right], side, side)


def marked(photo: Picture, box: tuple[int, int, int, int], long_side: int = 480) -> Picture:
    """A photo, small, with what lies outside `box` dimmed and a frame around it."""
    height, width = photo.shape[:2]
    scale = long_side / max(height, width)
    small = resized(photo, max(1, round(width * scale)), max(1, round(height * scale)))
    left, top, right, bottom = (edge * scale for edge in box)
    return outline(small, (left, top, right, bottom), dim=0.4)


def kernel(weight: NDArray[np.floating]) -> Picture:
    """A first-layer kernel as a picture: (3, k, k) weights, zero as mid-grey, its largest as 0 or 255."""
    largest = float(np.abs(weight).max()) or 1.0
    return np.rint(127.5 + 127.5 * weight / largest).astype(np.uint8).transpose(1, 2, 0)


def pixels(normalised: NDArray[np.floating]) -> Picture:
    """What a network reads, (3, h, w) of (RGB − 127) / 128, as the colours that it was."""
    return np.rint(np.clip(normalised * 128 + 127, 0, 255)).astype(np.uint8).transpose(1, 2, 0)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], selected: int) -> str:
    """A Markdown table, numbers (all columns but the first two) to the right, one row in bold."""
    ruler = [":--", ":--", *["--:"] * (len(head) - 2)]
    bold = [[f"**{cell}**" for cell in row] if i == selected else row for i, row in enumerate(rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ruler, *bold))
