import numpy as np
import pytest
import torch

from cnnviz.errors import SettingError
from cnnviz.explain.attribution.picture import FILLS, Picture, picture
from cnnviz.zoo.card import network
from tests.explain.attribution.networks import photo

HERE = photo(16)


@pytest.mark.parametrize("fill", FILLS)
def test_every_fill_has_the_photos_shape_and_leaves_it_alone(fill):
    before = HERE.x.clone()
    filled = HERE.filled(fill)
    assert filled.shape == HERE.x.shape
    assert torch.equal(HERE.x, before)
    filled.contiguous()
    assert filled.min() >= -1
    assert filled.max() <= 1


def test_fills_are_what_they_say():
    assert HERE.filled("black").unique().tolist() == [-1]
    assert HERE.filled("grey").unique().tolist() == [0]
    mean = HERE.filled("mean")
    np.testing.assert_allclose(mean[0, :, 3, 5], HERE.x[0].mean((1, 2)), atol=1e-6)
    assert HERE.filled("blur").std() < HERE.x.std() / 2
    flat = Picture(torch.full((1, 3, 16, 16), 0.3), HERE.black, HERE.white)
    torch.testing.assert_close(flat.filled("blur"), flat.x)


def test_noise_comes_from_its_seed():
    assert torch.equal(HERE.filled("noise", 1), HERE.filled("noise", 1))
    assert not torch.equal(HERE.filled("noise", 1), HERE.filled("noise", 2))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_photos_can_be_blurred(size):
    assert photo(size).filled("blur").isfinite().all()


def test_an_unknown_fill():
    with pytest.raises(SettingError, match="no fill pink"):
        HERE.filled("pink")


def test_black_and_white_as_lite0_takes_them():
    taken = picture(network("efficientnet_lite0").preprocess, np.full((40, 60, 3), 255, np.uint8))
    assert taken.size == (224, 224)
    assert taken.black.unique().tolist() == [-127 / 128]
    assert taken.white.unique().tolist() == [1]
    assert taken.x.unique().tolist() == [1]
