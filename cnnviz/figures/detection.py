"""Boxes drawn into photos, and the tables beside them."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnviz.figures.segmentation import PALETTE, css

Picture = NDArray[np.uint8]


def colour(label: int) -> tuple[int, int, int]:
    """Of a class; every twentieth has the same, so that boxes are named, too."""
    return PALETTE[1 + label % (len(PALETTE) - 1)]


def css_colour(label: int) -> str:
    """The same, as CSS writes it."""
    return css(colour(label))


_KOREAN = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansKR-Regular.otf",
    "NotoSansKR-Regular.ttf",
    "NanumGothic.ttf",
    "malgun.ttf",
    "AppleSDGothicNeo.ttc",
)
"""Files of fonts with Hangul that Linux distributions, Windows and macOS bring."""


@cache
def korean_font() -> str | None:
    """The file of a font of this machine that has Korean letters, if it has one where Pillow looks for it."""
    for name in _KOREAN:
        try:
            ImageFont.truetype(name)
        except OSError:
            continue
        return name
    return None


def annotate(
    rgb: Picture,
    boxes: NDArray[np.floating],
    labels: Sequence[int],
    texts: Sequence[str],
    font_file: str | None = None,
) -> Picture:
    """A photo with outlined boxes and a chip of text at each one's upper left corner.

    Args:
        rgb: (H, W, 3).
        boxes: (N, 4) xyxy in pixels, the best first: its chip lies uppermost.
        labels: for the colours.
        texts: in Latin letters, unless a font for others is given. No chip where empty.
        font_file: a font; None for the one that Pillow carries.
    """
    image = Image.fromarray(rgb)
    draw = ImageDraw.Draw(image)
    scale = max(rgb.shape[:2])
    line = max(2, round(scale / 250))
    points = max(10, round(scale / 42))
    font = ImageFont.truetype(font_file, points) if font_file else ImageFont.load_default(points)
    made = list(zip(boxes.tolist(), labels, texts, strict=True))[::-1]
    for (left, top, right, bottom), label, _text in made:
        corner = max(left, right - 1), max(top, bottom - 1)
        draw.rectangle([left - 1, top - 1, corner[0] + 1, corner[1] + 1], outline=(0, 0, 0), width=line + 2)
        draw.rectangle([left, top, *corner], outline=colour(label), width=line)
    for (left, top, _right, _bottom), label, text in made:
        if not text:
            continue
        width, height = round(draw.textlength(text, font)) + 3 * line + 6, round(points * 1.35)
        x = min(max(0, left), max(0, rgb.shape[1] - width))
        y = max(0, top - height)
        draw.rectangle([x, y, x + width, y + height], fill=(20, 20, 20))
        draw.rectangle([x, y, x + 2 * line, y + height], fill=colour(label))
        draw.text((x + 3 * line, y + height / 2), text, fill=(255, 255, 255), font=font, anchor="lm")
    return np.asarray(image)


def mask_over(
    rgb: Picture, masks: NDArray[np.float32], labels: Sequence[int], opacity: float = 0.5
) -> Picture:
    """A photo with coloured objects, the first of them uppermost.

    Args:
        rgb: (H, W, 3).
        masks: (K, H, W) probabilities; above ½ is object.
    """
    picture = rgb.copy()
    for mask, label in reversed(list(zip(masks, labels, strict=True))):
        inside = mask > 0.5
        picture[inside] = np.rint(opacity * np.array(colour(label)) + (1 - opacity) * rgb[inside])
    return picture
