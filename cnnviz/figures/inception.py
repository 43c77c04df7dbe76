"""Pictures of the lesson on Inception: what each branch costs as bars, and gradients module by module."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.small_kernels import paint
from cnnviz.layers.cost import Design

WITHOUT, WITH, QUIET = "#2478d8", "#e67700", "rgba(128, 136, 150, 0.9)"


@dataclass(frozen=True)
class BranchBars:
    """One branch, built in two ways.

    Attributes:
        title: its name.
        ways: name of the way, its convolutions, and their cost in words.
    """

    title: str
    ways: tuple[tuple[str, Design, str], ...]


def branch_bars(branches: Sequence[BranchBars], alt: str) -> str:
    """HTML: multiply–accumulates as bars to one scale; a bar's parts are its convolutions, 1×1s in green."""
    longest = max(design.macs for branch in branches for _name, design, _text in branch.ways) or 1
    rows = []
    for branch in branches:
        rows.append(
            f'<div style="grid-column:1/-1;font-weight:600;margin-top:6px">{escape(branch.title)}</div>'
        )
        for name, design, text in branch.ways:
            pieces = "".join(
                f'<div style="width:{100 * layer.macs / longest:.3f}%;background:{paint(layer)}"></div>'
                for layer in design.layers
            )
            rows.append(f"<div>{escape(name)}</div>")
            rows.append(f'<div style="display:flex;height:14px">{pieces}</div>')
            rows.append(
                f'<div style="text-align:right;font-variant-numeric:tabular-nums">{escape(text)}</div>'
            )
    style = (
        "display:grid;grid-template-columns:max-content minmax(0,1fr) max-content;gap:3px 10px;"
        "align-items:center;font-size:14px;line-height:1.3;margin-bottom:18px"
    )
    return f'<div role="img" aria-label="{escape(alt)}" style="{style}">{"".join(rows)}</div>'


@dataclass(frozen=True)
class GradientWords:
    """Words of :func:`gradient_figure`, in the reader's language."""

    without: str
    with_heads: str
    module: str
    norm: str
    head: str


def gradient_figure(
    without: NDArray[np.float64],
    with_heads: NDArray[np.float64],
    heads: Sequence[int],
    words: GradientWords,
) -> go.Figure:
    """Norms of the gradient on a logarithmic scale: the median as a line, every seed as a thin one.

    Args:
        without, with_heads: (seeds, blocks).
        heads: modules, from 1, behind which an auxiliary classifier is at work.
    """
    figure = go.Figure()
    modules = list(range(1, without.shape[1] + 1))
    for name, norms, colour, dash in (
        (words.without, without, WITHOUT, "dot"),
        (words.with_heads, with_heads, WITH, "solid"),
    ):
        for seed in norms if len(norms) > 1 else ():
            figure.add_scatter(
                x=modules,
                y=_few(seed),
                mode="lines",
                line={"color": colour, "width": 1},
                opacity=0.35,
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=modules,
            y=_few(np.median(norms, axis=0)),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"size": 7},
            hovertemplate="%{x}: %{y:.2g}<extra></extra>",
        )
    for place in heads:
        figure.add_vline(x=place + 0.5, line={"color": QUIET, "dash": "dash", "width": 1.5})
        figure.add_annotation(
            x=place + 0.5, y=1, yref="paper", yanchor="bottom", text=words.head, showarrow=False
        )
    low, high = _decades(np.concatenate([without, with_heads]))
    figure.update_layout(
        height=400,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        dragmode=False,
        legend={"orientation": "h", "y": -0.2, "x": 0},
        xaxis={
            "title": words.module,
            "fixedrange": True,
            "range": [0.5, len(modules) + 0.5],
            "dtick": 1 if len(modules) <= 15 else 3,
            "showgrid": False,
        },
        yaxis={
            "title": words.norm,
            "type": "log",
            "range": [low, high],
            "fixedrange": True,
            "exponentformat": "power",
            # Powers of ten only, however small the range.
            "dtick": max(1, round((high - low) / 8)),
        },
    )
    return figure


def _decades(norms: NDArray[np.float64]) -> tuple[float, float]:
    """Whole powers of ten around `norms`, three at least, so that small differences look small."""
    seen = norms[norms > 0]
    low, high = np.floor(np.log10(seen.min())), np.ceil(np.log10(seen.max()))
    return float(min(low, high - 3)), float(high)


def _few(values: NDArray[np.floating]) -> list[float]:
    """Three digits of each: enough to draw, and less to send."""
    return [float(f"{value:.3g}") for value in values]
