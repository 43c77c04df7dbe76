"""SE-ResNet-50 against its paper, and against torchvision's ResNet-50 without the excitations."""

import pytest
import torch
import torchvision

from cnnviz.zoo.counting import build_on_meta, count, measure
from cnnviz.zoo.se_resnet import SEResNet50, excitation_weights


@pytest.mark.parametrize(("bias", "parameters"), [(False, 28_071_976), (True, 28_088_024)])
def test_parameters(bias: bool, parameters: int) -> None:
    network = build_on_meta(lambda: SEResNet50(bias=bias))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_excitations_add_what_the_paper_says() -> None:
    """arXiv 1709.01507, § 4: about 2.5 million more, close to 10 %."""
    plain = build_on_meta(lambda: torchvision.models.resnet50(weights=None))
    ours = build_on_meta(SEResNet50)
    sizes = [sum(parameter.numel() for parameter in network.parameters()) for network in (plain, ours)]
    assert sizes[1] - sizes[0] == excitation_weights() == 2_514_944
    assert round(100 * excitation_weights() / sizes[0], 2) == 9.84


@pytest.mark.parametrize("reduction", [4, 8, 32])
def test_reduction(reduction: int) -> None:
    network = build_on_meta(lambda: SEResNet50(reduction))
    found = sum(p.numel() for name, p in network.named_parameters() if ".se." in name)
    assert found == excitation_weights(reduction)


def test_macs_are_of_the_2015_stride() -> None:
    """He et al., arXiv 1512.03385, Table 1: 3.8 billion; 3.858 with the stride in the 1×1."""
    counted = count(SEResNet50)
    assert round((counted.macs - excitation_weights()) / 1e9, 3) == 3.858
    assert counted.macs == measure(SEResNet50).macs


def test_maps_are_the_tables() -> None:
    shapes = {node.name: node.output_shape for node in count(SEResNet50).tree.children}
    assert [shapes[f"layer{n}"] for n in (1, 2, 3, 4)] == [
        (1, 256, 56, 56),
        (1, 512, 28, 28),
        (1, 1024, 14, 14),
        (1, 2048, 7, 7),
    ]


def test_runs() -> None:
    assert SEResNet50(classes=7).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
