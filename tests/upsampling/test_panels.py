"""The bench's panels: what they are given, what their cells are made of, and the scripts that rebuild them."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling import bench
from cnnviz.upsampling.bench_code import grid_code, map_code, photo_code
from cnnviz.upsampling.operator import operator, operators
from cnnviz.upsampling.panels import (
    CONVOLUTIONS,
    KERNELS,
    Choices,
    enlarge,
    fitting,
    halves,
    look,
    panels,
    size_formula,
    transposed_kernel,
)

RNG = np.random.default_rng(0)
IDS = tuple(panels(Choices()))


def run(source: str) -> tuple[dict[str, Any], str]:
    """The names of a script, and what it prints."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(source, names)
    return names, printed.getvalue()


def test_every_operator_stands_on_the_bench() -> None:
    shown = panels(Choices())
    assert {panel.operator_id for panel in shown.values()} == set(operators())
    assert len(shown) == len(operators()) + 1, "align_corners both ways"


def test_first_choices_are_the_operators_own() -> None:
    for panel in panels(Choices()).values():
        if panel.id != "bilinear_corners":
            assert panel.settings == panel.operator.settings()


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("factor", [2, 3])
def test_weights_make_every_cell(id: str, factor: int) -> None:
    choices = Choices(factor, transposed_kernel("random", factor, 3), *fitting(4, factor))
    panel, grid = panels(choices)[id], RNG.normal(size=(1, 6, 6))
    seen = look(panel, grid)
    made = (seen.weights * grid[0]).sum((2, 3))
    np.testing.assert_allclose(made, seen.run.output[0], atol=1e-12)
    assert seen.run.max_error < 1e-12
    terms = seen.terms(2, 1)
    assert sum(weight * value for weight, value in terms) == pytest.approx(seen.run.output[0, 2, 1])
    assert len(terms) == np.count_nonzero(seen.weights[2, 1])
    assert size_formula(panel, 6)[1] == seen.run.output.shape[1]


def test_all_contributions_are_those_of_each_cell() -> None:
    each, x = operator("pixel_shuffle"), RNG.normal(size=(8, 2, 3))
    weights = bench.all_contributions(each, x, each.settings())
    assert weights.shape == (2, 4, 6, 8, 2, 3)
    for cell in ((0, 0, 0), (1, 3, 4)):
        np.testing.assert_array_equal(weights[cell], bench.contributions(each, x, each.settings(), cell))


def test_counts_of_contributing_cells() -> None:
    """Inside: 1 for nearest, 4 for bilinear, 16 for bicubic; 9 for a box that is spread."""
    grid = RNG.normal(size=(1, 8, 8))
    counts = {id: len(look(panel, grid).terms(8, 8)) for id, panel in panels(Choices()).items() if id in (
        "nearest", "area", "bilinear", "bicubic", "transposed")}  # fmt: skip
    assert counts == {"nearest": 1, "area": 1, "bilinear": 4, "bicubic": 16, "transposed": 4}
    assert len(look(panels(Choices())["dilated"], grid).terms(4, 4)) == 9


def test_a_size_without_blocks_is_refused_by_the_shuffle_only() -> None:
    grid = np.arange(9.0).reshape(1, 3, 3)
    for id, panel in panels(Choices()).items():
        if id == "pixel_shuffle":
            with pytest.raises(SettingError, match="3 × 3 can't be unshuffled by 2"):
                look(panel, grid)
        else:
            assert look(panel, grid).run.max_error < 1e-12


@pytest.mark.parametrize("kernel_size", range(1, 9))
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_fitting_padding_multiplies_the_size(kernel_size: int, stride: int) -> None:
    padding, extra = fitting(kernel_size, stride)
    y = F.conv_transpose2d(
        torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, kernel_size, kernel_size), None, stride, padding, extra
    )
    assert y.shape[-2:] == (5 * stride, 5 * stride)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("id", KERNELS)
def test_kernels_keep_the_mean_level(id: str, stride: int) -> None:
    assert np.sum(transposed_kernel(id, stride, 5)) == pytest.approx(stride**2)


def test_convolutions_keep_the_mean_level() -> None:
    assert [np.sum(kernel) for _title, kernel in CONVOLUTIONS.values()] == pytest.approx([1] * 3)


def test_a_picture_there_and_back() -> None:
    picture = RNG.random((3, 9, 11))
    small, full = halves(picture, 2)
    assert small.shape == (3, 4, 5)
    np.testing.assert_array_equal(full, picture[:, :8, :10])
    made = {id: enlarge(panel, small, full) for id, panel in panels(Choices()).items()}
    np.testing.assert_array_equal(made["pixel_shuffle"].output, full)
    assert made["pixel_shuffle"].quality is not None
    assert made["pixel_shuffle"].quality.psnr == np.inf
    assert all(each.quality is not None for each in made.values())
    too_long = panels(Choices(padding=0))["transposed"]
    assert enlarge(too_long, small, full).quality is None
    with pytest.raises(SettingError, match="can't be made 12 times smaller"):
        halves(picture, 12)


# The scripts


def test_script_of_a_grid() -> None:
    grid, shown = np.arange(1.0, 17).reshape(1, 4, 4), panels(Choices(initialisation="random", dilation=3))
    _names, printed = run(grid_code(grid, list(shown.values())))
    for panel in shown.values():
        output = torch.from_numpy(look(panel, grid).run.output[0])
        assert f"{panel.title} {tuple(output.shape)}\n" in printed
        assert str(operator_output(panel, grid)) in printed
        torch.testing.assert_close(operator_output(panel, grid), output)


def operator_output(panel: Any, grid: np.ndarray) -> torch.Tensor:
    given = torch.from_numpy(panel.given(grid, grid))[None]
    return panel.operator.reference(given, panel.settings)[0, 0]


@pytest.mark.parametrize("side", [2, 33])
def test_script_of_a_photo(side: int) -> None:
    photo = RNG.integers(0, 256, (side, side + 8, 3), np.uint8)
    shown = panels(Choices())
    head = f"import numpy as np\nphoto = np.array({photo.tolist()}, np.uint8)"
    small, full = halves(photo.transpose(2, 0, 1) / 255, 2)
    window = 7 if side > 7 else 0
    _names, printed = run(photo_code(head, photo.shape[:2], 2, list(shown.values()), window))
    for panel in shown.values():
        found = enlarge(panel, small, full).quality
        assert found is not None
        more = "" if found.ssim is None else f", SSIM {found.ssim:.3f}"
        assert f"{panel.title}: PSNR {found.psnr:.2f} dB{more}\n" in printed


def test_script_of_a_photo_with_another_size() -> None:
    panel = panels(Choices(padding=0))["transposed"]
    head = "import numpy as np\nphoto = np.zeros((16, 16, 3), np.uint8)"
    assert "another size: (18, 18)" in run(photo_code(head, (16, 16), 2, [panel]))[1]


def test_script_of_a_map() -> None:
    values = RNG.normal(size=(7, 7)).astype(np.float32)
    script = f"import torch\nimport torch.nn.functional as F\nchosen = torch.tensor({values.tolist()})"
    shown = panels(Choices())
    del shown["pixel_shuffle"]
    _names, printed = run(map_code(script, list(shown.values())))
    for panel in shown.values():
        output = bench.upsample(panel.operator, values[None].astype(float), panel.settings)[0]
        assert f"{panel.title} {output.shape} {output.min():.3f} to {output.max():.3f}\n" in printed
