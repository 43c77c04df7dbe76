"""The scripts about a photo's checkerboard, run, against the core."""

import re

import numpy as np
import pytest

from cnnviz.upsampling.bench import shrink
from cnnviz.upsampling.checkerboard import KernelKind, cures, make_kernel, pattern, untouched
from cnnviz.upsampling.checkerboard_code import cures_code, pattern_code
from cnnviz.upsampling.learned_kernel import descend, task

from .test_views_code import run

SIZE = (41, 53)
PHOTO = (
    "import numpy as np\n\nphoto = np.random.default_rng(0).integers(0, 256, (41, 53, 3)).astype(np.uint8)"
)


def photo(period: int) -> np.ndarray:
    """Cut to whole periods, as the lesson does."""
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    height, width = (side // period * period for side in SIZE)
    return pixels[:height, :width].transpose(2, 0, 1) / 255


def shares(lines: list[str]) -> list[float]:
    return [float(found[1]) for line in lines if (found := re.search(r"(?:: | )([\d.e-]+)$", line))]


@pytest.mark.parametrize(
    ("k", "s", "layers", "steps"), [(3, 2, 1, 0), (5, 2, 2, 0), (3, 4, 1, 7), (4, 2, 1, 3)]
)
def test_pattern(k: int, s: int, layers: int, steps: int) -> None:
    x, start = photo(s**layers), make_kernel("random", k, s, 1)
    learning = task(x, k, s)
    kernel = descend(learning, start, steps)
    made = pattern(shrink(x, s**layers), kernel, s, layers)
    names, lines = run(pattern_code(PHOTO, SIZE, start, s, layers, steps, learning.rate))
    np.testing.assert_allclose(names["y"][0], made.output, rtol=1e-7, atol=1e-9)
    expected = [made.peak_ratio, untouched(x, s**layers).peak_ratio]
    assert shares(lines)[-2:] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("k", "s", "kind"), [(3, 2, "uniform"), (5, 3, "random"), (2, 4, "random"), (8, 4, "uniform")]
)
def test_cures(k: int, s: int, kind: KernelKind) -> None:
    found = cures(shrink(photo(s), s), k, s, kind, 2)
    names, lines = run(cures_code(PHOTO, SIZE, k, s, kind, 2))
    for each in found:
        np.testing.assert_allclose(names[each.id][0], each.output, rtol=1e-9, atol=1e-12)
    assert [line.split()[0] for line in lines[-6:]] == [each.id for each in found]
    assert shares(lines)[-6:] == pytest.approx([each.peak_ratio for each in found], rel=2e-3, abs=1e-15)
