"""Matrices and grids of numbers: what is drawn is what the core computed."""

import re

import numpy as np

from cnnviz.figures.transposed import MatrixWords, NumberGrid, matrix_drawing, matrix_picture, number_grids
from cnnviz.upsampling.transposed import TransposedSettings, matrix

WORDS = MatrixWords("C <1>", "Cᵀ", "four weights", "their sum")


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_number_grids() -> None:
    html = number_grids(
        [
            NumberGrid("x & y", "1 × 2", np.array([[1.0, -3.375]]), 2.0),
            NumberGrid("z", "1 × 1", np.array([[3.375 - 1e-13]]), 0.0),
        ]
    )
    assert re.findall(r"<td[^>]*>([^<]*)</td>", html) == ["1", "−3.38", "3.38"]
    assert re.findall(r"color-mix\(in srgb, (#\w+) (\d+)%", html[html.index("</style>") :]) == [
        ("#2478d8", "30"),
        ("#e67700", "55"),
        ("#2478d8", "0"),
    ]
    assert "x &amp; y" in html
    assert html.count('tabindex="0"') == 2


def test_matrix_drawing() -> None:
    c = matrix((1, 2), [[1, 2, 4]], TransposedSettings(2))
    x = np.array([[5.0, 7.0]])
    html = matrix_drawing(c, x, (0, 2), WORDS)
    forward, backward = (texts(part) for part in re.findall(r"<svg.*?</svg>", html, re.S))
    assert forward == ["1", "2", "4", "1", "2", "4"], "no text where no weight stands"
    assert backward[:6] == ["1", "2", "4", "1", "2", "4"]
    assert backward[6:] == ["·", "5", "7", "=", "5", "10", "27", "14", "28"]
    assert "C &lt;1&gt;" in html
    rings = [tuple(map(float, at)) for at in re.findall(r'<rect x="(\S+)" y="(\S+)"[^>]*rx="3"', html)]
    assert rings[0] == (2 * 26, 0)
    assert [y for _x, y in rings[1:]] == [2 * 26, 2 * 26]


def test_what_is_asked_for_is_not_drawn() -> None:
    c = matrix((1, 2), [[1, 2, 4]], TransposedSettings(2))
    html = matrix_drawing(c, np.array([[5.0, 7.0]]), (0, 2), WORDS, reveal=False)
    assert ">27<" not in html
    assert ">?<" in html


def test_matrix_picture() -> None:
    c = matrix((1, 2), [[1, -2, 4]], TransposedSettings(2))
    picture = matrix_picture(c)
    assert picture.shape == (200, 1000, 3) or picture.shape[1] == 1000
    white, blue, red = picture[5, 700], picture[5, 500], picture[5, 300]
    assert white.min() > 240
    assert blue[2] > blue[0]
    assert red[0] > red[2]
