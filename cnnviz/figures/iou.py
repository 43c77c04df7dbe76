"""The IoU lesson's chart: four measures while one box slides past another."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

STYLES = {
    "iou": ("#0072b2", "solid"),
    "giou": ("#d55e00", "dash"),
    "diou": ("#009e73", "dot"),
    "ciou": ("#cc79a7", "dashdot"),
}
_CLEAR = "rgba(0, 0, 0, 0)"


def slide_lines(
    values: Mapping[str, Sequence[float | None]], names: Mapping[str, str], place: int, across: str
) -> go.Figure:
    """One line a measure, with its value at `place` marked.

    Args:
        values: by measure, at places 0, 1, …; None where it is undefined: a gap.
        names: by measure, for the legend.
        across: title of the axis.
    """
    figure = go.Figure()
    for measure, line in values.items():
        colour, dash = STYLES[measure]
        figure.add_scatter(
            x=list(range(len(line))),
            y=list(line),
            mode="lines",
            name=names[measure],
            line={"color": colour, "dash": dash, "width": 3},
            hovertemplate=names[measure] + " %{y:.3f}<extra></extra>",
        )
        if line[place] is not None:
            figure.add_scatter(
                x=[place],
                y=[line[place]],
                mode="markers",
                marker={"color": colour, "size": 11, "line": {"color": "white", "width": 2}},
                showlegend=False,
                hoverinfo="skip",
            )
    figure.add_vline(x=place, line={"color": "rgba(128, 136, 150, 0.7)", "width": 1})
    figure.add_hline(y=0, line={"color": "rgba(128, 136, 150, 0.7)", "width": 1})
    figure.update_layout(
        height=340,
        margin={"l": 40, "r": 10, "t": 10, "b": 40},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        hovermode="x",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": across, "fixedrange": True, "zeroline": False},
        yaxis={"range": [-1.05, 1.05], "fixedrange": True, "zeroline": False, "dtick": 0.5},
    )
    return figure
