"""Grad-CAM, guided Grad-CAM and CAM against values by hand, bare captum, and each other."""

from functools import partial

import numpy as np
import pytest
import torch
from captum import attr
from torch import nn
from torch.nn import functional as F

from cnnviz.engine.local import shared_engine
from cnnviz.errors import ModelError
from cnnviz.explain.attribution import grad_cam
from cnnviz.explain.attribution.cam import Cam, prove_cam
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam, Rectified, layers, through_depth
from cnnviz.explain.attribution.gradients import own
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.sharing import with_own
from cnnviz.explain.traced_field import build_classifier
from tests.explain.attribution.networks import Functional, frozen, photo, small, untouched

HERE = photo()


def only(network, settings, target=1, picture=HERE):
    (found,) = explain(network, picture, target, settings)
    return found


def two_maps() -> nn.Module:
    """Maps: red, and minus green; class 0 gets 3 · mean(red) + 2 · mean(−green)."""
    network = nn.Sequential(
        nn.Conv2d(3, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    )
    network = frozen(network)
    network[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, -1, 0]])[:, :, None, None])
    network[3].weight.copy_(torch.tensor([[3.0, 2]]))
    network[3].bias.fill_(0.5)
    return network


def test_by_hand():
    red, green, _ = HERE.x[0].numpy()
    expected = 3 * red - 2 * green
    np.testing.assert_allclose(only(two_maps(), Cam(), 0).map, expected, rtol=1e-5, atol=1e-6)
    whole = only(two_maps(), GradCam("0", relu=False), 0)
    np.testing.assert_allclose(whole.map, expected / 64, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(only(two_maps(), GradCam("0"), 0).map, np.maximum(whole.map, 0))
    assert only(two_maps(), Cam(), 0).bias == 0.5
    assert only(two_maps(), Cam(), 0).score == pytest.approx(expected.mean() + 0.5, abs=1e-5)


@pytest.mark.parametrize("layer", ["0", "1", "2", "3"])
@pytest.mark.parametrize("relu", [True, False])
def test_grad_cam_is_captums(layer, relu):
    network, mine = small(), small()
    bare = attr.LayerGradCam(network, network[int(layer)]).attribute(own(HERE.x), 2, relu_attributions=relu)
    np.testing.assert_array_equal(only(mine, GradCam(layer, relu), 2).values, bare[0].detach())


def test_layers_in_place():
    """ReLUs that overwrite their input don't reach the map that Grad-CAM looks at."""
    network, plain = small(partial(nn.ReLU, inplace=True)), small()
    for layer in "0123":
        expected = only(plain, GradCam(layer)).values
        np.testing.assert_allclose(only(network, GradCam(layer)).values, expected, rtol=1e-5)
        guided = only(plain, GuidedGradCam(layer)).values
        np.testing.assert_allclose(only(network, GuidedGradCam(layer)).values, guided, rtol=1e-5)
        assert np.abs(guided).max() > 0


def test_no_layer_of_that_name():
    with pytest.raises(ModelError, match="no module 9"):
        only(small(), GradCam("9"))


def test_layers_go_through_the_depth():
    found = layers(small(), (8, 8))
    assert [(layer.name, layer.map_size) for layer in found] == [
        ("0", (8, 8)),
        ("1", (8, 8)),
        ("2", (4, 4)),
        ("3", (4, 4)),
    ]
    lite0 = layers(shared_engine().module(), (224, 224))
    assert len(lite0) == 18
    assert lite0[0].name == "stages.stem"
    assert lite0[-1].name == "stages.head"
    assert [layer.map_size[0] for layer in lite0] == sorted(
        [layer.map_size[0] for layer in lite0], reverse=True
    )
    with pytest.raises(ModelError, match="no layer"):
        only(frozen(nn.Sequential(nn.Flatten(), nn.Linear(192, 2))), GradCam())


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_layers_of_torchvisions(name):
    found = layers(build_classifier(name), (224, 224))
    assert found[0].map_size == (112, 112)
    assert found[-1].map_size == (7, 7)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("relu", [True, False])
def test_all_layers_at_once_are_grad_cam_at_each(inplace, relu):
    network = small(partial(nn.ReLU, inplace=inplace))
    (depth,) = through_depth(network, HERE, 2, relu)
    assert [layer.name for layer in depth.layers] == list("0123")
    for layer, found in zip(depth.layers, depth.attributions, strict=True):
        expected = only(network, GradCam(layer.name, relu), 2).values
        np.testing.assert_allclose(found.values, expected, rtol=1e-5, atol=1e-7)
        assert found.score == pytest.approx(float(network(HERE.x)[0, 2]), rel=1e-5)
    assert untouched(network)
    with pytest.raises(ModelError, match="has no class 9"):
        list(through_depth(network, HERE, 9))


def bare_guided(network, layer, target):
    method = attr.GuidedGradCam(network, network.get_submodule(layer))
    return method.attribute(own(HERE.x), target, interpolate_mode="bilinear")[0].detach()


def test_guided_grad_cam_is_captums_where_captum_sees_the_relus():
    np.testing.assert_allclose(
        only(small(), GuidedGradCam("3"), 2).values, bare_guided(small(), "3", 2), rtol=1e-5, atol=1e-9
    )


def test_functions_count_as_much_as_modules():
    expected = only(small(), GuidedGradCam("2"), 2).values
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(only(Functional(), GuidedGradCam("layers.2"), 2).values, expected, rtol=1e-5)


class Chain(nn.Module):
    """One value: relu6 of w · x, then times a."""

    def __init__(self, factors, activation):
        super().__init__()
        self.factors, self.activation = torch.tensor(factors), activation()

    def forward(self, x):
        return (self.activation(x.flatten(1)) * self.factors).sum(1, keepdim=True)


def test_guided_backpropagation_of_relu6_by_hand():
    """Passes where 0 < x < 6 and the gradient that arrives is positive; captum alone passes the negative too."""
    x = torch.tensor([[-1.0, 2, 2, 8, 8, 5]]).reshape(1, 1, 2, 3)
    factors = [1.0, 1, -1, 1, -1, 2]
    network = Chain(factors, nn.ReLU6)
    guided = attr.GuidedBackprop(Rectified(network)).attribute(own(x), 0)
    assert guided.flatten().tolist() == [0, 1, 0, 0, 0, 2]
    plain = attr.GuidedBackprop(network).attribute(own(x), 0)
    assert plain.flatten().tolist() == [0, 1, -1, 0, 0, 2]
    assert Rectified(network)(x).item() == network(x).item() == 2 - 2 + 6 - 6 + 10


def test_captum_alone_does_not_guide_lite0():
    """The reason for `Rectified`: what captum 0.9 calls guided is the plain gradient there."""
    network, picture = shared_engine().module(), photo(64)
    # captum sets its hooks on nothing, for there is no nn.ReLU.
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
    bare = attr.GuidedBackprop(network).attribute(own(picture.x), 5)
    torch.testing.assert_close(bare, attr.Saliency(network).attribute(own(picture.x), 5, abs=False))
    wrapped = Rectified(network)
    torch.testing.assert_close(wrapped(picture.x), network(picture.x))
    guided = attr.GuidedBackprop(wrapped).attribute(own(picture.x), 5)
    assert (guided - bare).abs().max() > 0.1 * bare.abs().max()
    assert untouched(network)


def test_guided_needs_a_relu():
    with pytest.raises(ModelError, match="defined for ReLU"):
        only(small(nn.SiLU), GuidedGradCam("2"))


def test_hooks_on_own_modules_leave_the_others_alone():
    network = frozen(nn.Sequential(small(), small()))
    mine = with_own(network, "0.2", "1")
    assert mine[0][2] is not network[0][2]
    assert mine[1] is not network[1]
    assert mine[0][0] is network[0][0]
    assert mine[0][2].weight is network[0][2].weight
    assert mine[1][0] is network[1][0]
    mine[0][2].register_forward_hook(lambda *_: 1 / 0)
    assert untouched(network)
    network[0](HERE.x)
    with pytest.raises(ZeroDivisionError):
        mine(HERE.x)


def test_cam_is_grad_cam_times_the_cells():
    proof = prove_cam(small(), HERE, 3)
    assert proof.layer == "3"
    assert proof.cells == 16
    assert proof.measured_factor == pytest.approx(16, rel=1e-5)
    assert proof.error < 1e-5
    assert proof.cam.mean() + proof.bias == pytest.approx(proof.score, abs=1e-5)


def test_cam_is_grad_cam_times_the_cells_in_lite0():
    proof = prove_cam(shared_engine().module(), photo(224), 281)
    assert proof.layer == "stages.head"
    assert proof.cells == 49
    assert proof.measured_factor == pytest.approx(49, rel=1e-5)
    assert proof.error < 1e-4
    assert proof.cam.mean() + proof.bias == pytest.approx(proof.score, abs=1e-3)


def test_cam_and_grad_cam_differ_elsewhere():
    """At an earlier layer they are different things: Grad-CAM isn't CAM in general."""
    network = small()
    cam = only(network, Cam(), 3).map
    early = only(network, GradCam("2", relu=False), 3).map
    assert early.shape == cam.shape
    assert abs(np.corrcoef(cam.ravel(), early.ravel())[0, 1]) < 0.999


def two_dense() -> nn.Module:
    return frozen(nn.Sequential(*small()[:-1], nn.Linear(6, 6), nn.Linear(6, 4)))


class Maximum(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.dense = small()[:4], nn.Linear(6, 4)

    def forward(self, x):
        return self.dense(F.adaptive_max_pool2d(self.layers(x), 1).flatten(1))


class Softened(Maximum):
    def forward(self, x):
        return F.softmax(self.dense(self.layers(x).mean((2, 3))), 1)


@pytest.mark.parametrize("make", [two_dense, Maximum, Softened])
def test_cam_needs_its_kind_of_network(make):
    network = frozen(make())
    for settings in (Cam(), Cam("layers.1" if make is not two_dense else "1")):
        with pytest.raises(ModelError, match="global average pooling"):
            only(network, settings)
    assert grad_cam.last_layer(network, HERE.size)
    assert only(network, GradCam()).values.shape == (1, 4, 4)
