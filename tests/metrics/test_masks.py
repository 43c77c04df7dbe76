"""Run lengths, polygons and overlaps of masks against pycocotools, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from cnnviz.errors import SettingError
from cnnviz.metrics import masks
from cnnviz.metrics.data import Rle

# pycocotools 2.0.11 isn't quite at home in numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

quick = settings(deadline=None, max_examples=80)
seeds = st.integers(0, 2**32 - 1)


def random_mask(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Noise, blocks, all or nothing."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.random(size) < rng.random()
    mask = np.full(size, kind == 1)
    if kind == 3:
        top, bottom = sorted(rng.integers(0, size[0] + 1, 2))
        left, right = sorted(rng.integers(0, size[1] + 1, 2))
        mask[top:bottom, left:right] = True
    return mask


def theirs_of(mask: np.ndarray) -> dict:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


@given(seeds)
@quick
def test_run_lengths_are_those_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 90, 2).tolist())
    mask = random_mask(rng, size)
    rle, theirs = masks.encode(mask), theirs_of(mask)
    assert masks.to_string(rle).encode() == theirs["counts"]
    np.testing.assert_array_equal(masks.from_string(theirs["counts"], size).counts, rle.counts)
    np.testing.assert_array_equal(masks.decode(rle), mask)
    assert masks.area(rle) == mask.sum()
    x, y, width, height = coco_mask.toBbox(theirs)
    assert masks.bounding_box(rle).tolist() == [x, y, x + width, y + height]


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=30))
@quick
def test_runs_of_any_length_survive_the_string(runs: list[int]) -> None:
    size = (1, sum(runs))
    rle = masks.from_counts(runs, size)
    assert masks.from_string(masks.to_string(rle), size).counts.tolist() == runs


@given(seeds)
@settings(deadline=None, max_examples=300)
def test_polygons_are_drawn_as_pycocotools_draws_them(seed: int) -> None:
    """Crossing themselves, out of the picture, on whole and half pixels, with corners repeated."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 80, 2).tolist()
    polygons = []
    for _ in range(rng.integers(1, 4)):
        corners = rng.uniform(-0.3, 1.3, (rng.integers(3, 12), 2)) * (width, height)
        corners = (corners, corners.round(), (corners * 2).round() / 2, corners.round(2))[rng.integers(4)]
        if rng.random() < 0.3:
            corners = np.concatenate((corners, corners[:1]))
        if rng.random() < 0.3:
            corners = np.repeat(corners, 2, axis=0)
        polygons.append(corners.ravel().tolist())
    theirs = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    ours = masks.from_polygons(polygons, (height, width))
    np.testing.assert_array_equal(masks.decode(ours), coco_mask.decode(theirs))
    assert masks.to_string(ours).encode() == theirs["counts"]


@given(seeds)
@quick
def test_overlaps_are_those_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 40, 2).tolist())
    some, others = ([random_mask(rng, size) for _ in range(rng.integers(0, 5))] for _ in range(2))
    crowd = rng.random(len(others)) < 0.4
    ours = masks.iou_matrix(
        [masks.encode(mask) for mask in some], [masks.encode(mask) for mask in others], crowd=crowd
    )
    assert ours.shape == (len(some), len(others))
    if ours.size:
        theirs = coco_mask.iou([*map(theirs_of, some)], [*map(theirs_of, others)], crowd.tolist())
        np.testing.assert_array_equal(ours, theirs)


@given(seeds)
@quick
def test_the_union_covers_what_any_covers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 40, 2).tolist())
    some = [random_mask(rng, size) for _ in range(rng.integers(1, 5))]
    whole = masks.union([masks.encode(mask) for mask in some])
    np.testing.assert_array_equal(masks.decode(whole), np.any(some, axis=0))


def test_without_polygons_the_mask_is_empty() -> None:
    rle = masks.from_polygons([], (3, 4))
    assert masks.area(rle) == 0
    assert masks.bounding_box(rle).tolist() == [0, 0, 0, 0]
    assert not masks.decode(rle).any()


def test_runs_of_no_length_change_nothing() -> None:
    plain, odd = masks.from_counts([2, 4], (2, 3)), masks.from_counts([1, 0, 1, 2, 0, 2], (2, 3))
    np.testing.assert_array_equal(masks.decode(plain), masks.decode(odd))
    assert masks.iou_matrix([plain], [odd]) == masks.iou_matrix([odd], [plain]) == 1
    np.testing.assert_array_equal(masks.bounding_box(plain), masks.bounding_box(odd))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("21", "must add up to 6 pixels; they add up to 3"),
        ("2 1", "byte 1 is 32"),
        ("2ñ", "byte 1 is 195"),
        ("21Q", "ends within a number"),
        ("o" * 30 + "1", "too long to be a run"),
        ("N8", "cannot be negative; run 0 is -2"),
    ],
)
def test_a_string_that_is_no_mask_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        masks.from_string(text, (2, 3))


@pytest.mark.parametrize(
    "polygon", [[0, 0, 1, 1], [0, 0, 1, 1, 2], [0, 0, 1, 1, 2, float("inf")], [[0, 0, 1]]]
)
def test_what_is_no_polygon_is_refused(polygon: list) -> None:
    with pytest.raises(SettingError, match="at least three corners"):
        masks.from_polygon(polygon, (5, 5))


def test_a_polygon_to_the_horizon_is_refused() -> None:
    with pytest.raises(SettingError, match="coordinate of -1e\\+30"):
        masks.from_polygon([0, 0, 1, 1, 2, -1e30], (5, 5))


def test_masks_of_different_sizes_are_not_compared() -> None:
    one, other = (Rle(size, np.array([6], np.uint32)) for size in ((2, 3), (3, 2)))
    with pytest.raises(SettingError, match="these are 2×3 and 3×2"):
        masks.iou_matrix([one], [other])
