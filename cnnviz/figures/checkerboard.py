"""Pictures of the lesson on checkerboards: overlapping stamps, counts, spectra with the grid's peaks marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import Picture, colour, enlarge
from cnnviz.layers.convolution import Floats
from cnnviz.upsampling.checkerboard import Integers, Layer, Spectrum

INK, MARK, QUIET = "#2478d8", "#e67700", "rgba(128, 136, 150, 0.9)"
_WIDTH = 720.0
MOST_MARKED = 24
"""Peaks that a spectrum marks: the strongest ones."""


@dataclass(frozen=True)
class StampWords:
    """Words of :func:`stamps_drawing`, in the reader's language.

    Attributes:
        input: names the row of input cells.
        stamps: names the bars, one a stamp.
        counts: names the row of counts behind each layer.
        alt: what the drawing shows.
    """

    input: str
    stamps: str
    counts: Sequence[str]
    alt: str


def stamps_drawing(layer: Layer, counts: Sequence[Integers], size: int, words: StampWords) -> str:
    """HTML with an SVG: the stamps of the first layer along one axis, and every layer's counts.

    Args:
        layer: the first one.
        counts: of each layer in turn.
        size: cells of the input.
        words: the words.
    """
    k, s = layer.kernel_size, layer.stride
    step = _WIDTH / len(counts[0])
    parts, y = [], 0.0

    def title(text: str) -> None:
        nonlocal y
        parts.append(f'<text x="0" y="{y + 15:g}" font-size="15" fill="currentColor">{escape(text)}</text>')
        y += 22

    title(words.input)
    for cell in range(size):
        centre = (cell * s + k / 2) * step
        parts.append(_cell(centre - step / 2, y, step, 26, 1.0, str(cell + 1)))
    y += 34
    title(words.stamps)
    # Stamps that overlap stand in different rows.
    rows = -(-k // s)
    for cell in range(size):
        x, top = cell * s * step, y + cell % rows * 13
        parts.append(
            f'<rect x="{x + 1.5:g}" y="{top:g}" width="{k * step - 3:g}" height="10" rx="4" fill="{MARK}">'
            f"<title>{cell + 1}</title></rect>"
        )
    y += rows * 13 + 8
    for text, line in zip(words.counts, counts, strict=True):
        title(text)
        wide, most = _WIDTH / len(line), max(int(line.max()), 1)
        for place, count in enumerate(line.tolist()):
            parts.append(_cell(place * wide, y, wide, 30, count / most, str(count) if wide >= 13 else ""))
        y += 38
    return (
        '<div style="overflow-x:auto" role="region" tabindex="0" aria-label="'
        f'{escape(words.stamps)}"><svg role="img" aria-label="{escape(words.alt)}" '
        f'viewBox="0 0 {_WIDTH:g} {y:g}" style="display:block;width:100%;min-width:560px;height:auto">'
        f"{''.join(parts)}</svg></div>"
    )


def _cell(x: float, y: float, width: float, height: float, share: float, text: str) -> str:
    size = min(15.0, 0.6 * width)
    label = (
        f'<text x="{x + width / 2:.2f}" y="{y + height / 2 + 0.36 * size:.2f}" font-size="{size:.3g}" '
        f'text-anchor="middle" fill="currentColor">{text}</text>'
        if text
        else ""
    )
    return (
        f'<rect x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}" fill="{INK}" '
        f'fill-opacity="{0.6 * share:.3f}" stroke="currentColor" stroke-opacity="0.25" stroke-width="0.7"/>{label}'
    )


def counts_picture(counts: Integers, side: int = 420) -> Picture:
    """Counts in two dimensions as a map from black (0) up, each count a square, about `side` pixels high."""
    return enlarge(colour(counts.astype(np.float64)), max(1, side // len(counts)))


def evenness_table(
    table: Sequence[Sequence[str]], chosen: tuple[int, int] | None, corner: str, label: str
) -> str:
    """HTML of a table of k (down, from 1) against s (across, from 1).

    Args:
        table: texts, "1" where it is even.
        chosen: (k, s) that is framed, if any.
        corner: text of the cell above the k and left of the s.
        label: what the table is.
    """
    head = "".join(f'<th scope="col">{s}</th>' for s in range(1, len(table[0]) + 1))
    lines = [f"<tr><th>{escape(corner)}</th>{head}</tr>"]
    for k, row in enumerate(table, start=1):
        cells = "".join(
            f'<td class="{"even" if text == "1" else ""} {"chosen" if (k, s) == chosen else ""}">{text}</td>'
            for s, text in enumerate(row, start=1)
        )
        lines.append(f'<tr><th scope="row">{k}</th>{cells}</tr>')
    style = (
        "<style>.evenness table{border-collapse:separate;border-spacing:3px;font-variant-numeric:tabular-nums}"
        ".evenness th,.evenness td{min-width:3rem;padding:.15rem .4rem;text-align:center;border-radius:4px}"
        f".evenness td{{background:color-mix(in srgb,{MARK} 24%,transparent)}}"
        f".evenness td.even{{background:color-mix(in srgb,{INK} 26%,transparent);font-weight:700}}"
        ".evenness td.chosen{outline:3px solid currentColor}</style>"
    )
    return (
        f'{style}<div class="evenness" style="overflow-x:auto" role="region" tabindex="0" '
        f'aria-label="{escape(label)}"><table>{"".join(lines)}</table></div>'
    )


def levels(picture: Floats) -> Picture:
    """(3, H, W) from 0 to 1 as (H, W, 3) uint8; what lies outside is cut off."""
    return np.ascontiguousarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def detail(picture: Floats, middle: tuple[float, float], side: int, shown: int) -> Picture:
    """A square part of (3, H, W), every pixel a square.

    Args:
        picture: 0 to 1.
        middle: (row, column) of the part's middle, as fractions of height and width.
        side: of the part, in pixels; less where the picture has less.
        shown: about how many pixels high it gets.
    """
    height, width = picture.shape[1:]
    side = min(side, height, width)
    top, left = (
        min(max(round(part * length) - side // 2, 0), length - side)
        for part, length in zip(middle, (height, width), strict=True)
    )
    return enlarge(levels(picture[:, top : top + side, left : left + side]), max(1, shown // side))


def spectrum_picture(spectrum: Spectrum, top: float, shown: int = 320) -> Picture:
    """Power on a logarithmic scale, frequency 0 in the middle, the grid's strongest peaks ringed.

    Args:
        spectrum: it.
        top: power that is drawn brightest; 10 decades below, and less, is black.
        shown: side of the square picture, in pixels.
    """
    height, width = spectrum.power.shape
    # The spectrum is periodic: a little more at each side shows the peaks at the edge whole.
    rows, columns = (max(1, side // 12) for side in (height, width))
    power = np.pad(spectrum.power, ((rows, rows), (columns, columns)), mode="wrap")
    decades = np.log10(np.maximum(power, top * 1e-10) / top)
    picture = cv2.resize(
        colour(decades + 10, limits=(0.0, 10.0)), (shown, shown), interpolation=cv2.INTER_NEAREST
    )
    strongest = sorted(spectrum.peaks, key=lambda peak: -spectrum.power[peak])[:MOST_MARKED]
    for row, column in strongest:
        centre = (
            round((column + columns + 0.5) / power.shape[1] * shown),
            round((row + rows + 0.5) / power.shape[0] * shown),
        )
        for radius, paint in ((9, (0, 0, 0)), (8, (86, 180, 233)), (7, (86, 180, 233))):
            cv2.circle(picture, centre, radius, paint, 1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def beside(first: Picture, second: Picture, gap: int = 8) -> Picture:
    """Two pictures of one height in a row, grey between them."""
    height = max(first.shape[0], second.shape[0])
    line = np.full((height, first.shape[1] + gap + second.shape[1], 3), 128, np.uint8)
    line[: first.shape[0], : first.shape[1]] = first
    line[: second.shape[0], first.shape[1] + gap :] = second
    return line


def profile(spectrum: Spectrum) -> tuple[Floats, Floats]:
    """Power by horizontal frequency, 0 to 1/2: summed over the vertical ones, and over both signs.

    >>> from cnnviz.upsampling.checkerboard import spectrum
    >>> profile(spectrum([[[1, 2, 1, 2]] * 2], 2))[1].round(3).tolist()
    [2.25, 0.0, 0.25]
    """
    frequencies, place = np.unique(np.abs(spectrum.columns), return_inverse=True)
    return frequencies, np.bincount(place.ravel(), spectrum.power.sum(0)).astype(np.float64)


@dataclass(frozen=True)
class ProfileWords:
    """Words of :func:`profile_figure`, in the reader's language."""

    original: str
    upsampled: str
    frequency: str
    power: str


def profile_figure(original: Spectrum, upsampled: Spectrum, period: int, words: ProfileWords) -> go.Figure:
    """Both spectra along the horizontal frequency, multiples of 1 / `period` marked."""
    grid = np.arange(1, period // 2 + 1) / period
    frequencies, power = profile(upsampled)
    peaks = [int(np.argmin(np.abs(frequencies - place))) for place in grid]
    lines: list[tuple[str, tuple[Floats, Floats], dict[str, object]]] = [
        (words.original, profile(original), {"color": QUIET, "width": 2, "dash": "dot"}),
        (words.upsampled, (frequencies, power), {"color": INK, "width": 2}),
    ]
    figure = go.Figure(
        [
            go.Scatter(
                x=_few(x), y=_few(np.maximum(y, 1e-14)), name=name, mode="lines", line=line, hoverinfo="skip"
            )
            for name, (x, y), line in lines
        ]
    )
    figure.add_scatter(
        x=_few(frequencies[peaks]),
        y=_few(np.maximum(power[peaks], 1e-14)),
        mode="markers",
        name=f"n / {period}",
        marker={"color": MARK, "size": 11, "symbol": "circle-open", "line": {"width": 3}},
        hovertemplate="%{x:.3g}: %{y:.2g}<extra></extra>",
    )
    figure.update_layout(
        height=280,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        dragmode=False,
        legend={"orientation": "h", "y": 1.18, "x": 0},
        xaxis={"title": words.frequency, "range": [0, 0.51], "fixedrange": True, "showgrid": False},
        yaxis={
            "title": words.power,
            "type": "log",
            "fixedrange": True,
            "exponentformat": "power",
            "nticks": 6,
        },
    )
    return figure


def _few(values: NDArray[np.floating]) -> list[float]:
    """Three digits of each: enough to draw, and less to send."""
    return [float(f"{value:.3g}") for value in values]
