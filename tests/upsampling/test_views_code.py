"""Exported scripts, run, against what the core says."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from cnnviz.upsampling.checkerboard import Layer, overlaps_2d, spectrum
from cnnviz.upsampling.odd_sizes import CURES, Cure, ladder
from cnnviz.upsampling.transposed import TransposedSettings, stamping, there_and_back
from cnnviz.upsampling.unpooling import round_trip, with_index
from cnnviz.upsampling.views_code import (
    checkerboard_code,
    odd_sizes_code,
    there_and_back_code,
    transposed_code,
    unpooling_code,
)


def run(source: str) -> tuple[dict[str, Any], list[str]]:
    """Its names, and the lines that it prints."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(source, names)
    return names, printed.getvalue().splitlines()


@pytest.mark.parametrize(
    "layer",
    [
        TransposedSettings(),
        TransposedSettings(1, 2),
        TransposedSettings(2, 3, 1),
        TransposedSettings(3, 1, 2, 2),
    ],
)
def test_transposed(layer: TransposedSettings) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
    names, lines = run(transposed_code(x, w, layer))
    np.testing.assert_allclose(names["y"][0, 0], stamping(x, w, layer).output)
    *equal, last = lines[-4:]
    assert equal == ["True"] * 3
    assert last.endswith("False")


@pytest.mark.parametrize(("side", "layer"), [(5, (2, 0, 1)), (6, (2, 1, 1)), (7, (1, 0, 2)), (5, (2, 2, 1))])
def test_there_and_back(side: int, layer: tuple[int, int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(side, side))
    trip = there_and_back(x, np.arange(1.0, 10).reshape(3, 3), *layer)
    names, lines = run(there_and_back_code(trip))
    np.testing.assert_allclose(names["back"][0, 0], trip.back)
    np.testing.assert_allclose(names["kept"][0, 0], trip.kept, atol=1e-9)
    assert f"rank {trip.rank}: of {side**2} dimensions, {side**2 - trip.rank} are lost" in lines
    assert lines[-1].endswith("True")
    assert f"the same again: {trip.is_inverse}" in lines


@pytest.mark.parametrize("size", [None, (8, 7)])
def test_unpooling(size: tuple[int, int] | None) -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 7))
    indices = with_index(round_trip(x, 3, 2).indices, (0, 0, 0), 48)
    trip = round_trip(x, 3, 2, size=size, indices=indices)
    names, lines = run(unpooling_code(trip, 3, 2))
    np.testing.assert_array_equal(names["y"][0], trip.unpooled)
    assert lines[0] == "moved: 1"


@pytest.mark.parametrize("layers", [[Layer(3, 2)], [Layer(5, 3, 1, 1), Layer(4, 2)]])
def test_checkerboard(layers: list[Layer]) -> None:
    names, _lines = run(checkerboard_code((5, 6), layers))
    counts = overlaps_2d((5, 6), layers)
    np.testing.assert_array_equal(names["counts"], counts)
    assert names["share"] == pytest.approx(spectrum(counts[None], names["period"]).peak_ratio)


@pytest.mark.parametrize("cure", CURES)
def test_odd_sizes(cure: Cure) -> None:
    steps, source = ladder((23, 16), 3, cure), odd_sizes_code((23, 16), 3, cure)
    if steps.output is None:
        with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
            run(source)
        return
    names, lines = run(source)
    assert tuple(names["x"].shape[2:]) == steps.output
    assert lines[:3] == [f"down {size}" for size in steps.down[1:]]
