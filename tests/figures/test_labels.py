"""Label maps as pictures."""

import numpy as np
import pytest

from cnnviz.figures.labels import CLASSES, MASKS, RIGHT, TILE, UNCOUNTED, WRONG, Swatch, picture, swatch


def test_each_pixel_becomes_its_labels_tile() -> None:
    drawn = picture(np.array([[0, 1], [4, 255]], np.uint8), CLASSES)
    assert drawn.shape == (2 * TILE, 2 * TILE, 3)
    assert (drawn[:TILE, :TILE] == CLASSES[0].colour).all()
    for part, one in ((drawn[:TILE, TILE:], CLASSES[1]), (drawn[TILE:, TILE:], UNCOUNTED)):
        expected = [one.ink if bit == "1" else one.colour for bit in one.tile]
        assert part.reshape(-1, 3).tolist() == [list(rgb) for rgb in expected]


@pytest.mark.parametrize("family", [(*CLASSES, UNCOUNTED), MASKS, (RIGHT, WRONG, UNCOUNTED)])
def test_patterns_and_colours_tell_labels_apart(family: tuple[Swatch, ...]) -> None:
    assert len({one.colour for one in family}) == len(family)
    assert len({one.tile for one in family}) == len(family)


def test_ink_is_darker() -> None:
    one = swatch((200, 100, 50), "dots")
    assert one.ink == (124, 62, 31)
    assert 0 < one.tile.count("1") < TILE * TILE
