"""What the Pooling lesson offers: layers of networks as published, grids, signals and kernels that fit."""

import numpy as np
import pytest
import torch

from cnnviz.errors import SettingError
from cnnviz.layers.pooling import PoolingSettings, run
from cnnviz.layers.pooling_presets import (
    GRIDS,
    KERNELS,
    KNOWN,
    SIGNALS,
    ZHANG,
    grid,
    kernel,
    known,
    signal,
)


@pytest.mark.parametrize("name", KNOWN)
def test_known_layers_give_the_published_size(name: str) -> None:
    layer = KNOWN[name]
    assert layer.settings.output_size((layer.size, layer.size)) == (layer.published, layer.published)
    assert known(layer.settings) == name
    layer.settings.output_size((layer.grid, layer.grid))


@pytest.mark.parametrize(
    ("name", "network", "layer"),
    [
        ("alexnet", "alexnet", "features.2"),
        ("resnet", "resnet50", "maxpool"),
        ("googlenet", "googlenet", "maxpool1"),
    ],
)
def test_torchvision_has_the_same_layers(name: str, network: str, layer: str) -> None:
    import torchvision

    options = {"init_weights": False} if network == "googlenet" else {}
    with torch.device("meta"):
        module = getattr(torchvision.models, network)(**options).get_submodule(layer)
    settings = KNOWN[name].settings
    assert (module.kernel_size, module.stride, module.padding, module.ceil_mode) == (
        settings.kernel_size[0],
        settings.stride,
        settings.padding,
        settings.ceil_mode,
    )


def test_zhangs_signal() -> None:
    """Zhang 2019, section 3.2: 0 1 0 1 becomes 1 1 1 1 when the signal is shifted, either way."""
    before, after = ZHANG
    layer = PoolingSettings("max", (1, 2))
    assert run(signal("steps"), layer).output.ravel().tolist() == list(before)
    for shift in (1, -1):
        assert run(np.roll(signal("steps"), shift, 2), layer).output.ravel().tolist() == list(after)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("size", [2, 5, 8])
def test_grids(name: str, size: int) -> None:
    values = grid(name, size, seed=3)
    assert values.shape == (1, size, size)
    assert len(set(values.ravel().tolist())) > 1
    np.testing.assert_array_equal(values, grid(name, size, seed=3))


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_are_rows_of_several_windows(name: str) -> None:
    assert signal(name).shape in ((1, 1, 8), (1, 1, 12))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_kernels_by_their_sums(size: int) -> None:
    for name in KERNELS:
        weight = kernel(name, size, size)
        assert weight.shape == (1, 1, size, size)
        assert weight.sum() == pytest.approx(0 if name == "difference" else 1)
    ramp = np.tile(np.arange(float(size)), (size, 1))
    assert (kernel("difference", size, size)[0, 0] * ramp).sum() == pytest.approx(size - 1)


@pytest.mark.parametrize("make", [signal, lambda name: kernel(name, 2, 2), lambda name: grid(name, 2)])
def test_no_such_thing(make: object) -> None:
    with pytest.raises(SettingError, match=r"there is no .* 'nothing'"):
        make("nothing")  # type: ignore[operator]
