from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import Bottleneck as TorchvisionBottleneck

from cnnviz.blocks.bottleneck import (
    KNOWN,
    KNOWN_PAIR,
    Bottleneck,
    Plan,
    fitting,
    measure,
    same_cost,
    same_ends,
)
from cnnviz.blocks.bottleneck_code import BLOCK, block_code
from cnnviz.blocks.bottleneck_maps import first_by_product, independent, random_block, random_input, run
from cnnviz.blocks.bottleneck_stride import (
    DEPTHS,
    measured_fields,
    measured_reads,
    network_cost,
    plans,
    reads_2d,
    resnet,
)
from cnnviz.errors import SettingError
from cnnviz.layers.receptive_field import PRESETS, trace
from cnnviz.zoo.counting import build, count, resnet_v1

NARROW = Plan(8, 3, 12, 2, "v1", "projection")
WIDE = Plan(4, 24, 4, inverted=True)
PLANS = [
    NARROW,
    replace(NARROW, version="v1.5"),
    Plan(12, 3, 12),
    WIDE,
    replace(WIDE, stride=3, shortcut="none"),
]


def shuffled(block: nn.Module) -> nn.Module:
    """Normalisations with statistics of their own, so that none passes for an identity."""
    generator = torch.Generator().manual_seed(3)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2, generator=generator)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(generator=generator)
    return block.eval()


# The block


@pytest.mark.parametrize("version", ["v1", "v1.5"])
def test_narrow_is_the_block_of_torchvision(version):
    ours = shuffled(Bottleneck(replace(NARROW, version=version)))
    downsample = nn.Sequential(nn.Conv2d(8, 12, 1, 2, bias=False), nn.BatchNorm2d(12))
    theirs = TorchvisionBottleneck(8, 3, 2, downsample)
    # Theirs expands by 4 and has its stride in the 3×3.
    assert theirs.expansion * 3 == 12
    if version == "v1":
        theirs.conv1.stride, theirs.conv2.stride = (2, 2), (1, 1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 8, 9, 7)
    assert torch.allclose(ours(x), theirs.eval()(x), atol=1e-6)


@pytest.mark.parametrize(("stride", "outputs"), [(1, 4), (2, 6)])
def test_wide_is_the_inverted_residual_of_torchvision(stride, outputs):
    theirs = InvertedResidual(4, outputs, stride, expand_ratio=6)
    ours = shuffled(Bottleneck(Plan(4, 24, outputs, stride, "v1.5", fitting(4, outputs, stride, True), True)))
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, 4, 9, 7)
    assert torch.allclose(ours(x), theirs.eval()(x), atol=1e-6)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("side", [1, 7, 8])
def test_arithmetic_is_what_torch_counts(plan, side):
    branch, beside, measured = plan.branch(side), plan.beside(side), measure(plan, side)
    assert measured.weights == branch.weights
    assert measured.parameters == branch.weights + beside.weights + 2 * plan.normalised
    assert measured.macs == branch.macs + beside.macs
    out = Bottleneck(plan).eval()(torch.zeros(1, plan.inputs, side, side))
    assert tuple(out.shape[2:]) == branch.layers[-1].output_size


def test_known_blocks_are_those_of_torchvision():
    networks = {name: build(name) for name in ("resnet50", "mobilenet_v2", "vgg16")}
    for plan, known in KNOWN.items():
        network, _dot, path = known.source.removeprefix("torchvision, ").partition(".")
        block = networks[network].get_submodule(path.replace("[", ".").rstrip("]"))
        parameters = dict(block.named_parameters())
        weights = [p.numel() for name, p in parameters.items() if p.dim() == 4 and "downsample" not in name]
        assert (sum(weights), sum(p.numel() for p in parameters.values())) == (
            known.weights,
            known.parameters,
        )
        assert measure(plan, 8).weights == known.weights
        assert measure(plan, 8).parameters == known.parameters
    layers = networks["vgg16"].features
    assert KNOWN_PAIR[256, 256][0] == sum(layers[place].weight.numel() for place in (12, 14))


def test_the_published_price():
    plan = Plan(256, 64, 256)
    assert (plan.branch(56).weights, same_ends(plan, 56).weights) == (69_632, 1_179_648)
    # Figure 5 of the paper: 17 C² against 18 C².
    assert plan.branch(56).weights == 17 * 64**2
    rival = same_cost(plan, 56)
    assert rival.layers[0].in_channels == 62
    assert abs(rival.macs - plan.branch(56).macs) <= 18 * 56**2 * (62 + 63)


def test_nothing_is_too_small_for_a_rival():
    assert same_cost(Plan(1, 1, 1), 1).layers[0].in_channels == 1


@pytest.mark.parametrize("plan", [Plan(4, 2, 8), Plan(4, 2, 4, 2)])
def test_an_identity_keeps_the_shape(plan):
    with pytest.raises(SettingError, match=f"{plan.outputs} channels of 4 at stride {plan.stride}"):
        Bottleneck(plan)


# The stride


@pytest.mark.parametrize("path", ["v1", "v1.5", "shortcut"])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_reads_are_what_has_a_gradient(path, stride):
    for size in ((8, 9), (6, 12), (1, 1), (2, 3)):
        np.testing.assert_array_equal(
            reads_2d(size, stride, path), measured_reads(size, stride, path), err_msg=f"{size}"
        )


def test_three_quarters_are_ignored():
    for path in ("v1", "shortcut"):
        assert (reads_2d((24, 36), 2, path) == 0).mean() == 0.75
    counts = reads_2d((24, 36), 2, "v1.5")
    assert counts.min() == 1
    assert set(counts[1:-1, 1:-1].ravel().tolist()) == {1, 2, 4}
    assert (reads_2d((24, 36), 4, "v1.5") == 0).any(), "wider than a window"


# Whole networks


@pytest.mark.parametrize("depth", [50, 152])
def test_networks_are_those_of_torchvision(depth):
    theirs = {"v1": resnet_v1(f"resnet{depth}"), "v1.5": build(f"resnet{depth}")}
    for version, network in theirs.items():
        cost, counted = network_cost(depth, version), count(network)
        assert (cost.macs, cost.parameters) == (counted.macs, counted.parameters)
        with torch.device("meta"):
            ours = resnet(depth, version)
        shapes = [tuple(tensor.shape) for tensor in ours.state_dict().values()]
        assert sorted(shapes) == sorted(tuple(tensor.shape) for tensor in network.state_dict().values())


def test_the_paper_counts_v1():
    for depth, billions in ((50, 3.858), (101, 7.570), (152, 11.282)):
        assert round(network_cost(depth, "v1").macs / 1e9, 3) == billions
    for depth, billions in ((50, 4.089), (101, 7.801), (152, 11.514)):
        assert round(network_cost(depth, "v1.5").macs / 1e9, 3) == billions
    more = {network_cost(depth, "v1.5").macs - network_cost(depth, "v1").macs for depth in DEPTHS}
    assert more == {3 * (256 * 128 * 28**2 + 512 * 256 * 14**2 + 1024 * 512 * 7**2)}


@pytest.mark.parametrize(
    ("version", "preset", "fields"),
    [("v1", "resnet50_v1", (35, 99, 291, 483)), ("v1.5", "resnet50_v1_5", (35, 91, 267, 427))],
)
def test_fields_of_resnet50(version, preset, fields):
    assert network_cost(50, version).fields == fields == measured_fields(50, version)
    assert trace(PRESETS[preset].layers)[-1].size == fields[-1]


def test_fields_of_the_deeper_ones():
    assert measured_fields(101, "v1.5") == network_cost(101, "v1.5").fields
    # github.com/google-research/receptive_field
    assert (network_cost(101, "v1").fields[-1], network_cost(152, "v1").fields[-1]) == (1027, 1507)
    assert network_cost(50, "v1").jumps == (4, 8, 16, 32)


def test_only_the_first_block_of_a_stage_strides_and_projects():
    for number, row in enumerate(plans(152, "v1.5")):
        assert row[0].shortcut == "projection"
        assert row[0].stride == (2 if number else 1)
        assert {(plan.shortcut, plan.stride) for plan in row[1:]} == {("identity", 1)}


# Maps


@pytest.mark.parametrize("plan", PLANS)
def test_a_run_is_the_block_with_its_steps(plan):
    x = random_input(plan.inputs, 8, seed=5)
    found = run(plan, x, seed=2)
    block = random_block(plan, 2)
    out = block(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(found.output, out)
    np.testing.assert_allclose(first_by_product(plan, x, 2), found.first, atol=1e-12)
    assert found.second.shape == (plan.middle, *out.shape[1:])
    np.testing.assert_array_equal(run(plan, x, 2).branch, found.branch)
    assert not np.array_equal(run(plan, x, 3).branch, found.branch)


def test_a_neck_of_four_lets_four_maps_through():
    x = random_input(16, 16, seed=0)
    found = run(Plan(16, 4, 16), x, seed=1)
    assert found.ranks.branch == found.ranks.second == 4
    assert found.ranks.joined == 16, "the shortcut brings back the rest"
    assert independent(np.zeros((3, 4, 4))) == 0


def test_wide_in_the_middle_loses_nothing_there():
    found = run(Plan(4, 24, 12, shortcut="none", inverted=True), random_input(4, 16, seed=0), seed=1)
    assert found.ranks.branch == 12


# The code


def test_the_block_of_the_code_is_ours():
    scope: dict[str, object] = {"nn": nn}
    exec(BLOCK, scope)
    for plan in PLANS:
        ours = shuffled(Bottleneck(plan))
        theirs = scope["Bottleneck"](  # type: ignore[operator]
            plan.inputs, plan.middle, plan.outputs, plan.stride, plan.version, plan.shortcut, plan.inverted
        ).eval()
        theirs.load_state_dict(ours.state_dict())
        x = torch.randn(1, plan.inputs, 7, 8)
        assert torch.equal(ours(x), theirs(x))


def test_the_code_counts_rivals_on_the_maps_that_they_get(capsys):
    plan = Plan(8, 4, 16, 2, "v1.5", "projection")
    rival = same_cost(plan, 9)
    exec(block_code(plan, 9, {"ends": (same_ends(plan, 9), 9), "cost": (rival, 5)}), {})
    out = capsys.readouterr().out
    assert f"block: {8 * 4 + 9 * 16 + 64 + 128} weights" in out
    assert (
        f"ends: {same_ends(plan, 9).weights:,} weights, {same_ends(plan, 9).macs:,} MACs, (16, 5, 5)" in out
    )
    assert f"cost: {rival.weights:,} weights, {rival.macs:,} MACs" in out


def test_flop_counter_agrees_with_ours():
    plan = Plan(8, 4, 16, 2, "v1", "projection")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        Bottleneck(plan).eval()(torch.zeros(1, 8, 9, 9))
    assert counter.get_total_flops() // 2 == measure(plan, 9).macs
