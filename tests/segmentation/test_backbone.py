"""What all heads share: the four maps, and how a photo lies in the input."""

import numpy as np
import pytest
import torch

from cnnviz.errors import ModelError, SettingError
from cnnviz.segmentation import backbone
from cnnviz.segmentation.backbone import CHANNELS, STRIDES, fit, preprocess
from cnnviz.zoo import efficientnet_lite0


def test_maps_are_those_of_the_classifier() -> None:
    x = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    maps = backbone.features(x)
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 96 // stride, 64 // stride) for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    ]
    with torch.inference_mode():
        named = efficientnet_lite0.load().forward_features(x)
    for found, stage in zip(maps, ("stage2", "stage3", "stage5", "stage7"), strict=True):
        torch.testing.assert_close(found, named[stage], rtol=1e-3, atol=1e-3)


def test_shared_and_frozen() -> None:
    network = backbone.load()
    assert network is backbone.load()
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    # EfficientNet-Lite0's 4,652,008 without the last convolution, its normalisation and the dense layer.
    missing = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    assert sum(p.numel() for p in network.parameters()) == 4_652_008 - missing


@pytest.mark.parametrize("shape", [(480, 640), (640, 427), (31, 500), (1, 1), (320, 320)])
@pytest.mark.parametrize("side", [320, 448])
def test_fit(shape: tuple[int, int], side: int) -> None:
    lies = fit(*shape, side)
    assert max(lies.inner_height, lies.inner_width) == side
    assert lies.inner_height / lies.inner_width == pytest.approx(shape[0] / shape[1], rel=0.05)
    for inner, padded in (
        (lies.inner_height, lies.padded_height),
        (lies.inner_width, lies.padded_width),
    ):
        assert padded % 32 == 0
        assert 0 <= padded - inner < 32


def test_preprocess() -> None:
    rgb = np.full((100, 200, 3), 255, np.uint8)
    x, lies = preprocess(rgb, 320)
    assert x.shape == (1, 3, 160, 320)
    assert (x == 1).all()
    x, lies = preprocess(rgb[:90], 320)
    assert (lies.inner_height, lies.padded_height) == (144, 160)
    assert (x[:, :, :144] == 1).all()
    assert (x[:, :, 144:] == 0).all()


def test_boxes_there_and_back() -> None:
    lies = fit(375, 500, 448)
    boxes = torch.tensor([[10.0, 20, 400, 370], [0, 0, 500, 375]])
    inside = lies.boxes_to_input(boxes)
    assert inside[1].tolist() == pytest.approx([0, 0, lies.inner_width, lies.inner_height])
    torch.testing.assert_close(lies.boxes_to_photo(inside), boxes)
    wide = torch.tensor([[-30.0, 5, 900, 900]])
    assert lies.boxes_to_photo(wide)[0, 2:].tolist() == [500, 375]


def test_maps_to_photo_is_interpolation_without_the_padding() -> None:
    maps = torch.randn(2, 3, 10, 14, generator=torch.Generator().manual_seed(0))
    # No padding, and a whole factor: the same as PyTorch's own interpolation.
    lies = fit(320, 448, 448)
    whole = torch.nn.functional.interpolate(maps, (320, 448), mode="bilinear")
    torch.testing.assert_close(lies.maps_to_photo(maps), whole, rtol=1e-4, atol=1e-4)
    # With padding: the part of it that is photo.
    lies = fit(300, 448, 448)
    torch.testing.assert_close(lies.maps_to_photo(maps), whole[:, :, :300], rtol=1e-4, atol=1e-4)
    assert lies.maps_to_photo(maps, (30, 45)).shape == (2, 3, 30, 45)


def test_errors() -> None:
    with pytest.raises(SettingError, match="multiple of 32"):
        fit(10, 10, 300)
    with pytest.raises(ModelError, match="uint8"):
        preprocess(np.zeros((4, 4), np.uint8))
    with pytest.raises(ModelError, match="float64"):
        preprocess(np.zeros((4, 4, 3)))
