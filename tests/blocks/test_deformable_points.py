"""Offsets drawn by hand: each sum against torchvision's, and against the layers that they amount to."""

import numpy as np
import pytest

from cnnviz.blocks.deformable_points import Drawn, Sample, fixed_kernel, maps, samples_at, twin, twin_map
from cnnviz.errors import SettingError

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (13, 17)).astype(float)
EVERY = (
    Drawn("regular", dilation=2),
    Drawn("scaled", scale=1.5),
    Drawn("scaled", scale=0),
    Drawn("rotated", turn=35),
    Drawn("stretched", down=2, across=0.5),
    Drawn("shifted", dy=2.25, dx=-3),
    Drawn("moved", dy=-8, dx=8, point=4),
    Drawn("scattered", strength=2, seed=3),
)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("drawn", EVERY, ids=lambda drawn: drawn.shape)
def test_sums_by_hand(drawn: Drawn, kernel_size: int) -> None:
    drawn = Drawn(**{**vars(drawn), "kernel_size": kernel_size})
    kernel = RANDOM.normal(size=(kernel_size, kernel_size))
    modulation = RANDOM.random(kernel_size**2)
    made = maps(X, kernel, drawn, modulation)
    np.testing.assert_allclose(made.sampled, made.deformable, atol=1e-9)
    for cell in ((0, 0), (6, 8), (12, 16)):
        samples = samples_at(X, kernel, drawn, cell, modulation)
        assert sum(each.product for each in samples) == pytest.approx(made.deformable[cell])
        assert [each.value for each in samples] == pytest.approx(made.reads[:, *cell].tolist())
        assert all(sum(pixel.share for pixel in each.pixels) == pytest.approx(1) for each in samples)
    if drawn.everywhere:
        assert made.fixed is not None
        np.testing.assert_allclose(made.fixed, made.deformable, atol=1e-9)
    else:
        assert made.fixed is None


@pytest.mark.parametrize(
    ("drawn", "kind"),
    [
        (Drawn("regular", dilation=3), "same"),
        (Drawn("scaled", scale=1), "same"),
        (Drawn("scattered", strength=0), "same"),
        (Drawn("scaled", dilation=2, scale=1.5), "dilation"),
        (Drawn("scaled", 5, scale=4), "dilation"),
        (Drawn("shifted", dy=2, dx=-3), "shift"),
        (Drawn("shifted", dilation=2, dy=-8, dx=8), "shift"),
        (Drawn("rotated", 5, turn=90), "turn"),
        (Drawn("rotated", turn=-90), "turn"),
        (Drawn("rotated", turn=180, dilation=2), "turn"),
    ],
)
def test_layers_that_offsets_amount_to(drawn: Drawn, kind: str) -> None:
    kernel = RANDOM.normal(size=(drawn.kernel_size,) * 2)
    found = twin(drawn)
    assert found is not None
    assert found.kind == kind
    made = maps(X, kernel, drawn, np.ones(kernel.size))
    np.testing.assert_allclose(twin_map(X, kernel, found), made.deformable, atol=1e-9)


@pytest.mark.parametrize("drawn", EVERY[1:], ids=lambda drawn: drawn.shape)
def test_most_offsets_amount_to_no_such_layer(drawn: Drawn) -> None:
    assert twin(drawn) is None


def test_one_sample_by_hand() -> None:
    kernel = np.ones((3, 3))
    drawn = Drawn("moved", point=4, dy=0.25, dx=0.5)
    sample = samples_at(X, kernel, drawn, (6, 8), np.ones(9))[4]
    assert sample.place == (6.25, 8.5)
    assert [pixel.share for pixel in sample.pixels] == [0.375, 0.375, 0.125, 0.125]
    assert sample.value == 0.375 * (X[6, 8] + X[6, 9]) + 0.125 * (X[7, 8] + X[7, 9])
    assert sample.mixed == 4


def mixed(drawn: Drawn, cell: tuple[int, int], point: int) -> int:
    samples: tuple[Sample, ...] = samples_at(X, np.ones((3, 3)), drawn, cell, np.ones(9))
    return samples[point].mixed


def test_how_many_pixels_are_mixed() -> None:
    assert mixed(Drawn(), (0, 0), 4) == 1
    assert mixed(Drawn(), (0, 0), 0) == 0, "outside"
    assert mixed(Drawn("shifted", dy=0.5), (6, 8), 4) == 2
    assert mixed(Drawn("shifted", dy=-0.5, dx=-0.5), (0, 0), 4) == 1, "three of the four are outside"
    assert mixed(Drawn("rotated", turn=90), (6, 8), 0) == 1, "right angles stay on pixels"


def test_fixed_kernel_of_a_scaled_grid() -> None:
    wide = fixed_kernel(np.arange(9.0).reshape(3, 3), Drawn("scaled", scale=2), np.ones(9))
    assert wide.shape == (5, 5)
    np.testing.assert_array_equal(wide[::2, ::2], np.arange(9.0).reshape(3, 3))
    assert wide[1::2].sum() == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kernel_size": 4}, "a kernel of 4"),
        ({"dilation": 9}, "dilation is 9"),
        ({"dx": 9.0}, "dx is 9"),
        ({"point": 9}, "point is 9"),
        ({"scale": -1}, "scale is -1"),
    ],
)
def test_settings_without_meaning(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        Drawn(**settings)  # type: ignore[arg-type]
