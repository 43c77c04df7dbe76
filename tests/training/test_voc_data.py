"""Photos, their held-out part, and that pixels, masks and boxes of a view stay together."""

import numpy as np
import pytest

from cnnviz.segmentation.voc import VOID
from cnnviz.training.voc_data import CANVAS, GREY, KINDS, Photo, split, view


def test_read(photos: list[Photo]) -> None:
    assert len(photos) == 12
    bus = photos[0]
    assert (bus.height, bus.width, bus.human) == (320, 240, True)
    assert bus.labels.tolist() == [5, 5]
    assert bus.ignored.tolist() == [False, True]
    assert (bus.boxes[0, 2:] - bus.boxes[0, :2]).tolist() == [130, 110]
    assert bus.boxes[1].tolist() == [0, 0, 30, 40]
    assert bus.areas[0] == 130 * 110
    assert bus.rgb().shape == (320, 240, 3)
    assert np.unique(bus.mask()).tolist() == [0, 6, VOID]
    assert not len(photos[2].boxes)


def test_split(photos: list[Photo]) -> None:
    parts = split(photos, human=2, empty=1)
    held = [photos[index] for index in parts.validation.tolist()]
    assert sum(photo.human for photo in held) == 2
    assert sum(not photo.human and not len(photo.boxes) for photo in held) == 1
    assert sorted([*parts.train.tolist(), *parts.validation.tolist()]) == list(range(12))
    assert split(photos, human=2, empty=1).validation.tolist() == parts.validation.tolist()


def test_whole_view(photos: list[Photo]) -> None:
    found = view(photos, 1, "whole", np.random.default_rng(0))
    assert found.rgb.shape == (CANVAS, CANVAS, 3)
    # As backbone.preprocess: in the upper left corner, grey below.
    assert (found.rgb[200:] == GREY).all()
    assert (found.mask[50:] == VOID).all()
    assert found.boxes == pytest.approx(photos[1].boxes)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_follow_the_pixels(photos: list[Photo], kind: str) -> None:
    """Where the view is red it is a bus, where it is green a sheep; and the boxes stand around them."""
    seen = 0
    for seed in range(4):
        for index in (0, 1, 3, 4):
            found = view(photos, index, kind, np.random.default_rng(seed), range(12))
            cells = found.rgb.reshape(80, 4, 80, 4, 3).mean((1, 3))
            dominance = cells.max(-1) - np.median(cells, -1)
            for label, channel in ((6, 0), (17, 1)):
                inside = found.mask == label
                if not inside.any() or dominance[inside].max() < 30:  # taken out of sight, or grey
                    continue
                coloured = (dominance > 25) & (cells.argmax(-1) == channel)
                both, either = (coloured & inside).sum(), (coloured | inside).sum()
                assert both / either > 0.85
                rows, columns = np.nonzero(inside)
                boxes = found.boxes[~found.ignored & (found.labels == label - 1)]
                if kind != "mosaic" and len(boxes) == 1:
                    around = [columns.min() * 4, rows.min() * 4, columns.max() * 4 + 4, rows.max() * 4 + 4]
                    assert boxes[0] == pytest.approx(around, abs=6)
                    seen += 1
            assert ((found.boxes >= 0) & (found.boxes <= CANVAS)).all()
    assert seen >= 4 or kind == "mosaic"


def test_views_repeat(photos: list[Photo]) -> None:
    one, other = (view(photos, 4, "mosaic", np.random.default_rng(7), range(12)) for _ in range(2))
    assert (one.rgb == other.rgb).all()
    assert (one.mask == other.mask).all()
