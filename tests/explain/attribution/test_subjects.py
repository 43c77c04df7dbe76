import numpy as np
import pytest
import torch
import torchvision

from cnnviz import samples
from cnnviz.errors import ModelError, WeightsError
from cnnviz.explain.attribution.grad_cam import GradCam
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.picture import picture
from cnnviz.explain.attribution.subjects import at_hand, classifier, lite0
from tests.explain.attribution.networks import untouched

RGB = samples.load("cat")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder of downloads that holds weights of one network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    file = tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), file)
    return file


def test_what_is_at_hand(weights):
    assert at_hand() == ("squeezenet1_1",)
    subject = classifier("squeezenet1_1")
    assert untouched(subject.network)
    assert len(subject.class_names) == 1000
    assert subject.class_names[281] == "tabby"
    here = picture(subject.preprocess, RGB)
    assert here.size == (224, 224)
    np.testing.assert_allclose(
        here.black.flatten(), -np.divide([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), rtol=1e-5
    )
    left, top, right, bottom = subject.crop_box(300, 451)
    assert (right - left, bottom - top) == (262, 262)
    assert abs(left + right - 451) <= 1
    (found,) = explain(subject.network, here, 281, GradCam())
    assert found.values.shape == (1, 13, 13)


def test_what_is_not(weights):
    with pytest.raises(WeightsError, match="weights of resnet18 have not been downloaded"):
        classifier("resnet18")
    with pytest.raises(ModelError, match="no classifier called resnet19"):
        classifier("resnet19")
    weights.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        classifier("squeezenet1_1")


def test_lite0_is_the_engines():
    subject = lite0()
    assert subject.network is lite0().network
    assert subject.class_names[281] == "tabby"
    assert picture(subject.preprocess, RGB).size == (224, 224)
