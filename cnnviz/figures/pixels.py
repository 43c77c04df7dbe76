"""Pixels and memory as tables whose cells have the colours that they stand for."""

from collections.abc import Collection
from html import escape

import numpy as np
from numpy.typing import NDArray

PLANES = ("#b3261e", "#1b6e2d", "#1a4fb4")
"""Red, green and blue dark enough to carry white numbers."""
_TABLE = "border-collapse:separate;border-spacing:2px;font-variant-numeric:tabular-nums;line-height:1.15"
_SCROLL = "overflow-x:auto;max-width:100%"


def _ink(red: int, green: int, blue: int) -> str:
    """Black or white, whichever reads better on the colour (relative luminance of sRGB)."""
    linear = [
        (v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if luminance > 0.179 else "#fff"


def pixel_table(rgb: NDArray[np.uint8], row: int, column: int, caption: str) -> str:
    """HTML: each pixel of a small window in its own colour, with its three numbers.

    Args:
        rgb: (h, w, 3) uint8.
        row: the window's first row in the photo; `column`: its first column.
        caption: says what the table is, for those who don't see it.
    """
    head = "".join(f"<th scope='col'>{column + x}</th>" for x in range(rgb.shape[1]))
    lines = [f"<tr><td></td>{head}</tr>"]
    for y, line in enumerate(rgb.tolist()):
        cells = "".join(
            f"<td style='background:rgb({r},{g},{b});color:{_ink(r, g, b)};padding:.3rem .45rem;"
            f"text-align:center;border-radius:4px'>{r}<br>{g}<br>{b}</td>"
            for r, g, b in line
        )
        lines.append(f"<tr><th scope='row'>{row + y}</th>{cells}</tr>")
    hidden = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
    return (
        f"<div style='{_SCROLL}' tabindex='0'><table style='{_TABLE};font-size:.82rem'>"
        f"<caption style='{hidden}'>{escape(caption)}</caption>{''.join(lines)}</table></div>"
    )


def memory_strip(
    values: NDArray[np.uint8], channels: NDArray[np.intp], marked: Collection[int], caption: str
) -> str:
    """HTML: a tensor's values in the order in which memory holds them, each in its channel's colour.

    Args:
        values: (n,) uint8, in memory's order.
        channels: (n,) 0, 1 or 2: the channel of each value.
        marked: places in memory to point out.
        caption: stands above the strip.
    """
    cells = []
    for place, (value, channel) in enumerate(zip(values.tolist(), channels.tolist(), strict=True)):
        on = place in marked
        edge = "outline:3px solid #ffb000;outline-offset:-1px;font-weight:700" if on else "opacity:.72"
        cells.append(
            f"<div style='background:{PLANES[channel]};color:#fff;border-radius:4px;padding:.2rem .3rem;"
            f"text-align:center;min-width:2.5rem;{edge}'>{value}<div style='font-size:.7rem'>{place}</div></div>"
        )
    return (
        f"<p style='margin:.2rem 0'>{escape(caption)}</p>"
        f"<div style='display:flex;flex-wrap:wrap;gap:3px;font-size:.85rem'>{''.join(cells)}</div>"
    )
