"""The tables' cells, and the chart of scores."""

import re

import numpy as np

from cnnviz.figures.miou import STYLES, confusion_table, score_lines, scores_table


def cells(html: str) -> list[list[str]]:
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in html.split("</tr>")[:-1]
    ]


def test_scores() -> None:
    html = scores_table(
        "Scores", ("class", "IoU"), ("ground", "<b>"), (["0.5"], ["undefined"]), ("mean", "0.5")
    )
    assert cells(html) == [["class", "IoU"], ["ground", "0.5"], ["&lt;b&gt;", "undefined"], ["mean", "0.5"]]
    assert 'role="region" aria-label="Scores"' in html
    assert 'tabindex="0"' in html, "what scrolls must be reached by keyboard"


def test_confusion() -> None:
    html = confusion_table("Matrix", "true", ("a", "b"), np.array([[3, 1], [0, 0]]), "all")
    assert cells(html) == [
        ["true", "a", "b", "all"],
        ["a", "3", "1", "4"],
        ["b", "0", "0", "0"],
        ["all", "3", "1", "4"],
    ]
    shades = re.findall(r"color-mix\(in srgb, (#\w+) (\d+)%, transparent\)(?:;font-weight:700)?\">", html)
    assert shades == [("#009e73", "34"), ("#d55e00", "11")], "three quarters and one quarter of 45 %"


def test_lines() -> None:
    names = {"pixel": "pixels", "miou": "mean IoU"}
    figure = score_lines({"pixel": [1.0, 0.9], "miou": [1.0, None]}, names, 1, "Strength")
    assert [(line.name, list(line.y)) for line in figure.data] == [
        ("pixels", [1.0, 0.9]),
        ("mean IoU", [1.0, None]),
    ]
    assert figure.layout.shapes[0].x0 == 1
    assert len({dash for _colour, dash in STYLES}) == len(STYLES) == 6
