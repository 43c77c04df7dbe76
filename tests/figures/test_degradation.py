"""The figures of trained residual networks say what their results say."""

import re
from types import SimpleNamespace

import numpy as np

from cnnviz.figures.degradation import (
    CurveLabels,
    DeletionLabels,
    Deletions,
    Guesses,
    curves_figure,
    deletion_figure,
    guesses_table,
)


def test_curves() -> None:
    def points(*ends: tuple[int, float, float]) -> list[SimpleNamespace]:
        return [SimpleNamespace(step=step, train_error=seen, test_error=test) for step, seen, test in ends]

    curves = {"a-20": points((0, 0.9, 0.91), (10, 0.5, 0.6)), "a-56": points((0, 1.0, 1.0))}
    figure = curves_figure(curves, {"a-56"}, CurveLabels("s", "e", "{network} new", "{network} seen"))
    assert [(line.name, list(line.x), list(line.y), line.mode) for line in figure.data] == [
        ("a-20 seen", [0, 10], [90, 50], "lines"),
        ("a-20 new", [0, 10], [91, 60], "lines"),
        ("a-56 seen", [0], [100], "markers"),
        ("a-56 new", [0], [100], "markers"),
    ]
    seen, new, deep, _ = (line.line for line in figure.data)
    assert seen.color == new.color != deep.color, "a colour a network"
    assert (seen.dash, new.dash) == ("dot", None), "as in the paper's figures"


def test_deletions() -> None:
    networks = [Deletions("R", 0.1, (0.1, 0.2, 0.4)), Deletions("P", 0.2, (0.9, 0.8, 0.9))]
    labels = DeletionLabels("b", "e", "{network}, whole", "blocks 2 to 3")
    figure = deletion_figure(networks, range(2, 4), [2], labels)
    bars, line, others, _whole = figure.data
    assert (bars.name, list(bars.x), list(bars.y)) == ("R", [1, 2, 3], [10, 20, 40])
    assert (line.name, set(line.y)) == ("R, whole", {10})
    assert (others.name, list(others.y)) == ("P", [90, 80, 90])
    assert figure.layout.xaxis.ticktext == ("1", "2 ↓", "3")
    (shade,) = figure.layout.shapes
    assert (shade.x0, shade.x1) == (1.5, 3.5)
    assert figure.layout.annotations[0].text == "blocks 2 to 3"
    long = [Deletions("R", 0.1, (0.5,) * 27)]
    assert len(deletion_figure(long, [1], [10, 19], labels).layout.xaxis.tickvals) == 9, "numbers need room"


def test_guesses() -> None:
    rows = [Guesses("truth", ["3", "<5>"]), Guesses("R", ["3", "8"], [True, False])]
    html = guesses_table(np.zeros((2, 8, 8), np.float32), rows, "what & why", ["a 3", "a <5>"])
    assert re.findall(r"<td(?: class=\"wrong\")?>([^<]+)</td>", html) == ["3", "&lt;5&gt;", "3", "✗ 8"]
    assert html.count('class="wrong"') == 1
    assert re.findall(r'alt="([^"]*)"', html) == ["a 3", "a &lt;5&gt;"]
    assert 'aria-label="what &amp; why"' in html
