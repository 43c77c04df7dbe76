"""What the Pooling lesson offers: layers of well-known networks, signals to shift, and kernels for a strided convolution."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from cnnviz.errors import SettingError
from cnnviz.layers import grids, kernels
from cnnviz.layers.convolution import Floats
from cnnviz.layers.grids import RANDOM
from cnnviz.layers.pooling import PoolingSettings
from cnnviz.messages import N_

COUNTING = "counting"
"""Id of the grid 1, 2, 3, …, row by row."""

GRIDS: Mapping[str, str] = MappingProxyType(
    {COUNTING: N_("1, 2, 3, …")}
    | {name: grids.PICTURES[name] for name in (RANDOM, "dot", "edge", "checkerboard")}
)
"""English titles of the grids by id, in teaching order."""


def grid(id: str, size: int, seed: int = 0) -> Floats:
    """One of :data:`GRIDS`, (1, size, size).

    Raises:
        SettingError: there is no such grid.

    >>> grid("counting", 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    if id == COUNTING:
        return np.arange(1.0, size * size + 1).reshape(1, size, size)
    return grids.picture(id, 1, size, size, seed)


@dataclass(frozen=True)
class KnownLayer:
    """A pooling layer of a well-known network.

    Attributes:
        network: its name.
        settings: the layer.
        grid: side of a small grid on which it shows what it does.
        size: side of the map that it pools in the network, in pixels.
        published: side of the map that comes out.
        source: where both sides are published.
    """

    network: str
    settings: PoolingSettings
    grid: int
    size: int
    published: int
    source: str


KNOWN: Mapping[str, KnownLayer] = MappingProxyType(
    {
        "unet": KnownLayer(
            "U-Net", PoolingSettings("max"), 4, 568, 284, "Ronneberger et al., arXiv 1505.04597, Fig. 1"
        ),
        "alexnet": KnownLayer(
            "AlexNet", PoolingSettings("max", (3, 3)), 7, 55, 27, "Krizhevsky et al. 2012, Fig. 2"
        ),
        "resnet": KnownLayer(
            "ResNet stem",
            PoolingSettings("max", (3, 3), padding=1),
            8,
            112,
            56,
            "He et al., arXiv 1512.03385, Table 1",
        ),
        "googlenet": KnownLayer(
            "GoogLeNet",
            PoolingSettings("max", (3, 3), ceil_mode=True),
            8,
            112,
            56,
            "Szegedy et al., arXiv 1409.4842, Table 1",
        ),
        "head": KnownLayer(
            "ResNet head",
            PoolingSettings("global average"),
            7,
            7,
            1,
            "He et al., arXiv 1512.03385, Table 1",
        ),
    }
)
"""Pooling layers by id, in teaching order."""


def known(settings: PoolingSettings) -> str | None:
    """Id of the layer in :data:`KNOWN` with these settings; of a global one only the kind counts.

    >>> known(PoolingSettings("max", (3, 3))), known(PoolingSettings("min"))
    ('alexnet', None)
    """

    def same(layer: PoolingSettings) -> bool:
        return layer.kind == settings.kind if layer.is_global else layer == settings

    return next((name for name, layer in KNOWN.items() if same(layer.settings)), None)


SIGNALS: Mapping[str, str] = MappingProxyType(
    {
        "steps": N_("Two steps"),
        "peak": N_("A single peak"),
        "wave": N_("The finest wave"),
        RANDOM: grids.PICTURES[RANDOM],
    }
)
"""English titles of the signals by id, in teaching order."""

ZHANG = ((0.0, 1.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0))
"""Two steps, max-pooled by 2, before and after a shift by 1, as published in ..."""
ZHANG_SOURCE = "Zhang, arXiv 1904.11486, section 3.2"


def signal(id: str, seed: int = 0) -> Floats:
    """One of :data:`SIGNALS`, (1, 1, length): an image of a single row.

    Raises:
        SettingError: there is no such signal.

    >>> signal("steps").tolist()
    [[[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]]]
    """
    rows = {
        "steps": lambda: np.array([0, 0, 1, 1] * 2),
        "peak": lambda: np.array([0, 0, 0, 0, 2, 9, 2, 0, 0, 0, 0, 0]),
        "wave": lambda: np.array([0, 1] * 6),
        RANDOM: lambda: np.random.default_rng(seed).integers(0, 10, 12),
    }
    if id not in rows:
        raise SettingError(
            N_("there is no signal '{id}'; the signals are {names}"), id=id, names=", ".join(SIGNALS)
        )
    return rows[id]().astype(np.float64).reshape(1, 1, -1)


def _difference(height: int, width: int) -> Floats:
    weights = np.zeros((height, width))
    weights[:, 0] -= 1 / height
    weights[:, -1] += 1 / height
    return weights


_KERNELS: Mapping[str, tuple[str, Callable[[int, int], Floats]]] = MappingProxyType(
    {
        "box": (kernels.PRESETS["box"].title, kernels.PRESETS["box"].make),
        "gaussian": (kernels.PRESETS["gaussian"].title, kernels.PRESETS["gaussian"].make),
        "pick": (N_("A single pixel"), kernels.PRESETS["identity"].make),
        "difference": (N_("Right minus left"), _difference),
    }
)

KERNELS: Mapping[str, str] = MappingProxyType({name: title for name, (title, _make) in _KERNELS.items()})
"""English titles of the kernels by id, in teaching order."""


def kernel(id: str, height: int, width: int) -> Floats:
    """One of :data:`KERNELS` for one channel in and out, (1, 1, height, width).

    Raises:
        SettingError: there is no such kernel.

    >>> kernel("difference", 2, 2).tolist()
    [[[[-0.5, 0.5], [-0.5, 0.5]]]]
    """
    if id not in _KERNELS:
        raise SettingError(
            N_("there is no kernel '{id}'; the kernels are {names}"), id=id, names=", ".join(_KERNELS)
        )
    return _KERNELS[id][1](height, width)[None, None]
