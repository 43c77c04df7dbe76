"""Small inputs and kernels to transpose a convolution with: whole numbers, so that every sum can be done by hand."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import Floats
from cnnviz.messages import N_

RANDOM = "random"

INPUTS: Mapping[str, str] = MappingProxyType(
    {
        "count": N_("1, 2, 3, …"),
        "ones": N_("All ones"),
        "dot": N_("A single dot"),
        RANDOM: N_("Random digits"),
    }
)
"""English titles of the inputs by id."""

KERNELS: Mapping[str, str] = MappingProxyType(
    {
        "count": N_("1, 2, 3, …"),
        "ones": N_("All ones"),
        "tent": N_("A tent: 1, 2, 1"),
        RANDOM: N_("Random numbers"),
    }
)
"""English titles of the kernels by id."""


def make_input(id: str, rows: int, columns: int, seed: int = 0) -> Floats:
    """(rows, columns).

    Raises:
        SettingError: there is no such input.

    >>> make_input("count", 2, 2).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    size = (rows, columns)
    if id == RANDOM:
        return np.random.default_rng(seed).integers(0, 10, size).astype(np.float64)
    return _make(id, INPUTS, size)


def make_kernel(id: str, side: int, seed: int = 0) -> Floats:
    """(side, side); random ones are whole numbers from −3 to 3.

    Raises:
        SettingError: there is no such kernel.

    >>> make_kernel("tent", 3).tolist()
    [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    if id == RANDOM:
        return np.random.default_rng(seed).integers(-3, 4, (side, side)).astype(np.float64)
    return _make(id, KERNELS, (side, side))


def _make(id: str, known: Mapping[str, str], size: tuple[int, int]) -> Floats:
    if id not in known:
        raise SettingError(
            N_("there are no numbers called {id}; there are {known}"), id=id, known=", ".join(known)
        )
    if id == "count":
        return np.arange(1.0, size[0] * size[1] + 1).reshape(size)
    if id == "ones":
        return np.ones(size)
    if id == "dot":
        grid = np.zeros(size)
        grid[size[0] // 2, size[1] // 2] = 1
        return grid
    rows, columns = ([min(place, side - 1 - place) + 1 for place in range(side)] for side in size)
    return np.outer(rows, columns).astype(np.float64)
