"""The small pictures: always the same, and what their labels say."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from cnnviz.errors import SettingError
from cnnviz.training.pictures import PICTURES, SHAPES, draw_shapes, pictures
from cnnviz.training.pictures_code import pictures_code


@pytest.mark.parametrize("name", PICTURES)
def test_split(name: str) -> None:
    data = pictures(name)
    assert data.train.shape[1:] == data.test.shape[1:] == (1, data.side, data.side)
    assert (len(data.train), len(data.test)) == {"digits": (1437, 360), "shapes": (2000, 400)}[name]
    assert set(data.train_labels) == set(data.test_labels) == set(range(len(data.classes)))
    assert (data.train.min(), data.train.max()) == (0, 1)
    with pytest.raises(ValueError, match="read-only"):
        data.train[0] = 0


def test_digits_are_scikit_learns_each_once() -> None:
    data, found = pictures("digits"), load_digits()
    ours = np.concatenate([data.test, data.train]).reshape(-1, 64) * 16
    labels = np.concatenate([data.test_labels, data.train_labels])
    assert sorted(map(tuple, np.column_stack([ours, labels]))) == sorted(
        map(tuple, np.column_stack([found.data, found.target]))
    )


def test_shapes_have_the_area_of_their_kind() -> None:
    """Of equal radius: π for the circle, 2 for the square, 3√3/4 for the triangle."""
    images, labels = draw_shapes(400, seed=5, side=64)
    again, _labels = draw_shapes(400, seed=5, side=64)
    assert (images == again).all()
    assert not (draw_shapes(400, seed=6, side=64)[0] == images).all()
    for kind, area in ((0, np.pi), (1, 2.0), (2, 3 * 3**0.5 / 4)):
        ink = images[labels == kind].sum((1, 2, 3))
        rows = images[labels == kind, 0].max(2).sum(1), images[labels == kind, 0].max(1).sum(1)
        if kind == 0:
            assert ink == pytest.approx(area * ((rows[0] + rows[1]) / 4) ** 2, rel=0.08)
        else:
            # A radius between 0.2 and 0.38 of the side.
            radius = np.sqrt(ink / area) / 64
            assert radius.min() > 0.19
            assert radius.max() < 0.39
    assert len(SHAPES) == 4
    # Nothing is cut off: the outermost pixels are dark but for soft edges.
    assert images[:, 0, [0, -1]].max() <= 0.75


def test_unknown_pictures() -> None:
    with pytest.raises(SettingError, match="no pictures called faces; there are digits, shapes"):
        pictures("faces")


@pytest.mark.parametrize("name", PICTURES)
def test_code_makes_the_same_pictures(name: str) -> None:
    data, made = pictures(name), {"np": np, "torch": torch}
    exec(pictures_code(name), made)
    for part in ("train", "test", "train_labels", "test_labels"):
        assert torch.equal(made[part], torch.tensor(getattr(data, part))), part
