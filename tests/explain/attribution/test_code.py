"""The scripts run, without this project, and compute what `explain` does."""

import re

import numpy as np
import pytest
import torchvision

from cnnviz import samples
from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.explain.attribution.cam import Cam
from cnnviz.explain.attribution.code import script
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam
from cnnviz.explain.attribution.gradients import InputXGradient, IntegratedGradients, Saliency, SmoothGrad
from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import FILLS, Picture, picture
from cnnviz.zoo.card import network as card
from tests.explain.attribution.networks import untouched

RGB = samples.load("cat")
SETTINGS = (
    Saliency(),
    InputXGradient(),
    SmoothGrad(3, 0.1, seed=3),
    IntegratedGradients(4, "grey"),
    GradCam("stages.stage6.2"),
    GradCam(relu=False),
    GuidedGradCam("stages.stage7.0"),
    Occlusion(100, 62, "noise", seed=5),
    Cam(),
)


def test_all_methods_are_here():
    assert {type(settings) for settings in SETTINGS} == {method.settings for method in METHODS.values()}


HEAD = script("photo = given", Saliency(), 285).partition("target = 285\n")[0]
"""The network and the photo: what all scripts begin with."""


@pytest.fixture(scope="module")
def begun():
    """What the beginning leaves, run once for all."""
    space = {"given": RGB}
    exec(HEAD, space)
    return space


def rest(settings):
    """What is left of a script after the beginning."""
    source = script("photo = given", settings, 285)
    assert source.startswith(HEAD)
    assert "cnnviz" not in source
    return source[len(HEAD) :]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: type(settings).__name__)
def test_the_script_computes_the_same(settings, begun, capsys):
    space = dict(begun)
    exec(rest(settings), space)
    here = picture(card(DEFAULT).preprocess, RGB)
    (*_, found) = explain(shared_engine().module(), here, 285, settings)
    theirs = space["attribution"][0].detach().numpy()
    # Ours keeps weights channels last; where a ReLU is about 0, a rounding tips it.
    assert theirs.shape == found.values.shape
    assert np.abs(theirs - found.values).mean() < 2e-3 * np.abs(found.values).max()
    assert np.corrcoef(theirs.ravel(), found.values.ravel())[0, 1] > 0.999
    printed = capsys.readouterr().out.splitlines()
    row, column = map(int, re.findall(r"largest at (\d+), (\d+)", printed[-1])[0])
    assert found.map[row, column] >= 0.98 * found.map.max()
    if isinstance(settings, IntegratedGradients):
        assert float(printed[-2].rsplit(" ", 1)[1]) == pytest.approx(found.delta, abs=0.05)
    if isinstance(settings, Cam):
        assert float(printed[-3].rsplit(" ", 1)[1]) == pytest.approx(
            float(printed[-2].rsplit(" ", 1)[1]), abs=2e-3
        )


@pytest.mark.parametrize("fill", FILLS)
def test_every_fill(fill, begun):
    space = dict(begun)
    exec(rest(IntegratedGradients(2, fill, seed=4)).partition("\nattribution")[0], space)
    expected = picture(card(DEFAULT).preprocess, RGB).filled(fill, 4)
    np.testing.assert_allclose(space["baseline"].expand_as(expected), expected, atol=1e-5)


def test_several_methods_in_one_script(begun, capsys):
    """The network that guided Grad-CAM changes is for it alone."""
    methods = (GuidedGradCam(), Saliency(), Cam())
    exec(rest(methods), dict(begun))
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if "largest at" in line]
    alone = []
    for settings in (Saliency(), Cam(), GuidedGradCam()):
        exec(rest(settings), dict(begun))
        alone.append(capsys.readouterr().out.splitlines()[-1])
    assert lines[:2] == alone[:2]
    assert lines[2].partition(",")[0] == alone[2].partition(",")[0]


class Weights:
    """What torchvision's `get_model_weights` gives, without the download."""

    @property
    def DEFAULT(self):
        return self

    def transforms(self):
        return torchvision.models.ResNet18_Weights.DEFAULT.transforms()


def test_a_torchvision_network(monkeypatch, capsys):
    network = torchvision.models.mobilenet_v2(weights=None).eval().requires_grad_(False)
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda name: Weights())
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: network)
    space = {"given": RGB}
    exec(script("photo = given", Cam(), 3, layer="features.18", network="mobilenet_v2"), space)
    here = Picture(space["image"], space["black"], space["white"])
    (found,) = explain(network, here, 3, Cam())
    np.testing.assert_allclose(space["attribution"][0], found.values, atol=1e-5)
    assert untouched(network)
    assert "(7, 7)" in capsys.readouterr().out
