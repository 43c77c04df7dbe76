"""Truths from scenes, predictions with known mistakes, and maps as text."""

import numpy as np
import pytest

from cnnviz.errors import SettingError
from cnnviz.metrics.label_maps import (
    CLASSES,
    MISTAKES,
    SCENES,
    SIDE,
    STRENGTHS,
    VOID,
    mistaken,
    pack,
    scene,
    smallest,
    truth,
    unpack,
    unpacking,
)


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_truth_is_every_second_pixel_of_the_scene(number: int) -> None:
    drawn = scene(number)
    labels = truth(drawn)
    assert labels.shape == (SIDE, SIDE)
    for category, mask in zip(drawn.category, drawn.masks, strict=True):
        assert (labels[mask[::2, ::2]] == category + 1).all()
    assert (labels > 0).sum() == drawn.masks[:, ::2, ::2].sum()
    assert 3 <= len(np.unique(labels)) <= len(CLASSES)


def test_void_pixels_are_those_beside_another_label() -> None:
    drawn = scene(0)
    labels, banded = truth(drawn), truth(drawn, 1)
    for row, column in np.ndindex(labels.shape):
        near = labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert (banded[row, column] == VOID) == (len(np.unique(near)) > 1)
    assert (banded[banded != VOID] == labels[banded != VOID]).all()


LINE = np.array([[0, 1, 1, 1, 0, 0, 2, 0, 0]], np.uint8)


@pytest.mark.parametrize(
    ("mistake", "strength", "expected"),
    [
        ("shifted", 2, [0, 0, 0, 1, 1, 1, 0, 0, 2]),
        ("shifted", 0, LINE[0]),
        ("dilated", 1, [1, 1, 1, 1, 1, 2, 2, 2, 0]),
        ("missed", 5, [0, 1, 1, 1, 0, 0, 0, 0, 0]),
        ("empty", 5, [0] * 9),
        ("perfect", 5, LINE[0]),
    ],
)
def test_mistakes(mistake: str, strength: int, expected: list[int]) -> None:
    assert mistaken(LINE, mistake, strength)[0].tolist() == list(expected)


def test_erosion_takes_a_pixel_off_every_side() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[2:7, 2:7] = 3
    worn = mistaken(labels, "eroded", 2)
    assert worn.sum() == 3
    assert worn[4, 4] == 3


@pytest.mark.parametrize("strength", [0, 10, STRENGTHS])
def test_noise_hits_the_share_it_names(strength: int) -> None:
    labels = truth(scene(0))
    noisy = mistaken(labels, "noise", strength)
    # A hit pixel keeps its label once in five.
    assert (noisy != labels).mean() == pytest.approx(0.8 * strength / 20, abs=0.03)
    assert (noisy == mistaken(labels, "noise", strength)).all(), "the same each time"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_truth_stays_as_it_is(mistake: str) -> None:
    labels = truth(scene(1))
    before = labels.copy()
    mistaken(labels, mistake, 3)
    assert (labels == before).all()


def test_no_such_mistake() -> None:
    with pytest.raises(SettingError, match="no mistake called bent; expected one of shifted"):
        mistaken(LINE, "bent", 1)


def test_smallest_of_nothing() -> None:
    assert smallest(np.zeros((2, 2), np.uint8)) is None


def test_text_and_back() -> None:
    labels = truth(scene(2))
    text = pack(labels)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert (unpack(text, (SIDE, SIDE), 4) == labels).all()
    names: dict[str, object] = {}
    exec(f"import base64, zlib\nimport numpy as np\n{unpacking('labels', labels)}", names)
    assert (names["labels"] == labels).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "AAAA",
        pack(np.zeros((SIDE, SIDE), np.uint8))[:-8],
        pack(np.zeros((SIDE, SIDE - 1), np.uint8)),
        pack(np.zeros((2000, 2000), np.uint8)),
        pack(np.full((SIDE, SIDE), 5, np.uint8)),
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(SettingError, match="a label map of 64×64"):
        unpack(text, (SIDE, SIDE), 4)
