"""Fields traced through real networks, against published figures and against small cases by hand."""

from itertools import pairwise

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import ModelError
from cnnviz.explain.receptive_field import build_stack
from cnnviz.explain.traced_field import AxisField, build_classifier, trace_module, traced_fields
from cnnviz.layers.receptive_field import Layer, trace

ALL = torchvision.models.list_models(module=torchvision.models)


def test_there_are_eighty():
    assert len(ALL) == 80


# Last module with a local field: size, stride, padding, from the README of google-research/receptive_field
# (Distill, 'Computing Receptive Fields of Convolutional Neural Networks').
@pytest.mark.parametrize(
    ("name", "module", "size", "stride", "padding"),
    [
        ("alexnet", "features.12", 195, 32, 64 + 2),  # torchvision pads conv1 by 2, alexnet_v2 doesn't
        ("vgg11", "features.20", 150, 32, 59),  # vgg_a in its RECEPTIVE_FIELD_TABLE.md
        ("vgg16", "features.30", 212, 32, 90),
        ("inception_v3", "Mixed_7c", 1311, 32, 618),
    ],
)
def test_published_fields(name, module, size, stride, padding):
    field = traced_fields(name)[module]
    assert (field.size, field.stride, field.padding) == ((size,) * 2, (stride,) * 2, (padding,) * 2)


def strides_moved_to_the_1x1(network):
    """The blocks of the 2015 paper; torchvision's ('v1.5') stride in the 3×3."""
    for module in network.modules():
        if isinstance(module, torchvision.models.resnet.Bottleneck):
            module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)
    return network


def test_resnet50_by_stages_as_in_torchvision_and_as_in_2015():
    def stages(network):
        return [trace_module(network)[f"layer{i}"].size[0] for i in (1, 2, 3, 4)]

    network = build_classifier("resnet50")
    assert stages(network) == [35, 91, 267, 427]
    assert stages(strides_moved_to_the_1x1(network)) == [35, 99, 291, 483]


# resnet_v1_101 and resnet_v1_152 in the README above.
@pytest.mark.parametrize(("name", "published"), [("resnet101", 1027), ("resnet152", 1507)])
def test_published_resnets(name, published):
    network = strides_moved_to_the_1x1(build_classifier(name))
    assert trace_module(network)["layer4"].size == (published, published)


@pytest.mark.parametrize("name", ALL)
def test_every_classifier_of_torchvision(name):
    network = traced_fields(name)
    local = [stage for stage in network.stages if stage.size]
    assert local[0] is network.stages[0]
    assert not local[0].whole_image
    assert network.stages[-1].whole_image
    assert network.stages[-1].shape[:2] == (1, 1000)
    assert network.stages[-1].size is None
    for before, after in pairwise(local):
        # Nothing that a stage sees is lost to the next, nor does the grid get finer.
        assert after.size >= before.size
        assert after.stride[0] % before.stride[0] == 0
        assert after.whole_image >= before.whole_image
    for stage in local:
        assert stage.size[0] == stage.size[1]
        # A map has a cell every `stride` pixels; borders take away or add fewer than a field's worth.
        assert abs(stage.map_size[0] * stage.stride[0] - 224) <= stage.size[0] + stage.stride[0]
    patch = {"vit_b_16": 16, "vit_b_32": 32, "vit_l_16": 16, "vit_l_32": 32, "vit_h_14": 14, "maxvit_t": 2}
    overall = patch.get(name, 16 if name.startswith("squeezenet") else 32)
    assert local[-1].stride == (overall, overall)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alexnet", ["features.0", "features.12", "avgpool", "classifier"]),
        ("resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]),
        ("regnet_x_400mf", ["stem", "trunk_output.block1", "trunk_output.block4", "fc"]),
        ("inception_v3", ["Conv2d_1a_3x3", "Mixed_6a", "Mixed_7c"]),
        ("swin_t", ["features.0", "features.1", "features.2", "features.7"]),
        ("vit_b_16", ["conv_proj", "encoder", "heads"]),
    ],
)
def test_stages_are_what_a_table_would_list(name, expected):
    network = traced_fields(name)
    stages = [stage.name for stage in network.stages]
    assert [stage for stage in stages if stage in expected] == expected
    assert len(stages) <= 23
    assert {*stages} < {module.name for module in network.modules}


def test_squeeze_and_excitation_sees_the_whole_image_and_keeps_its_local_path():
    network = traced_fields("mobilenet_v3_small")
    # 3×3 of stride 2, then a depthwise 3×3 of stride 2 with a gate: 3 + 2·2.
    assert network["features.0"].whole_image is False
    assert network["features.1"].whole_image is True
    assert network["features.1"].size == (7, 7)
    assert network["features.1"].box((3, 3), (224, 200)) == (0, 0, 200, 224)


def test_swin_sees_by_windows():
    stage = traced_fields("swin_t")["features.1.0"]  # attention in 7×7 windows of 4×4 patches
    assert stage.dims == (1, 2)  # rows, columns, channels
    assert stage.rows.period == 7
    assert [stage.rows.interval(i) for i in (0, 6, 7, 13)] == [(0, 28), (0, 28), (28, 56), (28, 56)]
    shifted = traced_fields("swin_t")["features.1.1"]  # windows shifted by 3 patches
    # Patch 2 shares a window with 0 and 1 only; patch 3 with 3 … 9, which have seen windows 0 and 1.
    assert [shifted.rows.interval(i) for i in (9, 10)] == [(0, 56), (28, 84)]
    assert shifted.box((2, 9), (224, 224)) == (0, 0, 56, 28)


class Toy(nn.Module):
    """A forward given as a function, with a few layers at hand."""

    def __init__(self, forward):
        super().__init__()
        self.body = forward
        self.end = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(x))


def end(forward, size=32):
    return trace_module(Toy(forward), size)["end"]


def ones(k, **settings):
    return lambda x: F.conv2d(x, torch.ones(x.shape[1], x.shape[1], *k, device=x.device), **settings)


def axes(stage):
    return [(a.begin, a.end, a.stride) for a in (stage.rows, stage.columns)]


def test_branches_unite_even_where_they_lie_apart():
    left, right = (lambda x: F.pad(x, (2, 0, 0, 0))[..., :32]), (lambda x: F.pad(x, (0, 3, 0, 0))[..., 3:])
    for unite in (torch.add, lambda a, b: torch.cat([a, b], 1)):
        stage = end(lambda x, unite=unite: unite(left(x), right(x)))
        assert axes(stage) == [((0,), (1,), 1), ((-2,), (4,), 1)]


def test_windows_that_are_not_square():
    stage = end(ones((1, 7), padding=(0, 3), stride=(1, 2)))
    assert axes(stage) == [((0,), (1,), 1), ((-3,), (4,), 2)]
    assert (stage.size, stage.stride, stage.padding) == ((1, 7), (1, 2), (0, 3))
    assert stage.map_size == (32, 16)
    assert stage.box((0, 0), (32, 32)) == (0, 0, 4, 1)
    assert stage.box((31, 15), (32, 32)) == (27, 31, 32, 32)


@pytest.mark.filterwarnings("ignore:.*zero-padded copy")
def test_same_padding_of_an_even_kernel_is_lopsided():
    assert axes(end(ones((4, 4), padding="same")))[0] == ((-1,), (3,), 1)


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda x: F.max_pool2d(x, 3, 2, 1, 2), ((-1,), (4,), 2)),
        (lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), ((-1,), (2,), 2)),
        (lambda x: F.adaptive_avg_pool2d(x, 8), ((0,), (4,), 4)),
        (lambda x: x[..., 1::2, 1::2], ((1,), (2,), 2)),
        (lambda x: x[:, 0].unsqueeze(1), ((0,), (1,), 1)),
        (lambda x: x.permute(0, 2, 3, 1).mean(-1).reshape(1, 1, 32, 32), ((0,), (1,), 1)),
        (lambda x: torch.cat(x.transpose(1, 2).chunk(3, dim=2), 2), ((0,), (1,), 1)),
        (lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (3,)), ((0,), (1,), 1)),
        (lambda x: F.softmax(x, dim=1), ((0,), (1,), 1)),
    ],
)
def test_operations_by_hand(forward, expected):
    stage = end(forward)
    assert axes(stage) == [expected, expected]
    assert not stage.whole_image


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x.mean((2, 3)),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: x.flatten(1),
        lambda x: x.flatten(2).transpose(1, 2),
        lambda x: x[:, :, 5],
        lambda x: F.linear(x, torch.ones(4, 32, device=x.device)),
        lambda x: torch.roll(x, 1, 2),
        lambda x: torch.cat([x, x], 3),
        lambda x: torch.matmul(x, x),
    ],
)
def test_what_leaves_the_grid_is_the_whole_image(forward):
    stage = end(forward)
    assert stage.whole_image
    assert stage.size is stage.stride is stage.padding is stage.map_size is None
    assert stage.box((0, 0), (20, 30)) == (0, 0, 30, 20)


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 3), nn.InstanceNorm2d(3), nn.LayerNorm([3, 32, 32])])
def test_statistics_over_positions_see_the_whole_image(norm):
    stage = trace_module(nn.Sequential(norm), 32)["0"]
    assert stage.whole_image
    assert stage.size == (1, 1)


def test_uneven_grids_are_admitted_to():
    irregular = end(lambda x: F.adaptive_avg_pool2d(x, 7))  # windows of 5 and 6
    apart = end(lambda x: x + F.pad(x[..., ::2, ::2], (0, 16, 0, 16)))  # two strides in one sum
    for stage in (irregular, apart):
        assert stage.size is None
        assert not stage.whole_image
        assert stage.box((0, 0), (32, 32)) is None
        assert stage.map_size is not None


def test_unknown_operations_are_refused():
    with pytest.raises(ModelError, match="interpolate"):
        end(lambda x: F.interpolate(x, scale_factor=2))

    def write(x):
        y = torch.zeros(1, 3, 32, 32, device=x.device)
        y[:, :1] = x[:, :1]
        return y

    with pytest.raises(ModelError, match="setitem"):
        end(write)


def test_clear_errors():
    with pytest.raises(ModelError, match="resnet51"):
        traced_fields("resnet51")
    with pytest.raises(ModelError, match="8 × 8"):
        traced_fields("alexnet", 8)
    with pytest.raises(ModelError, match="layer5"):
        traced_fields("resnet18")["layer5"]


def test_other_image_sizes():
    assert traced_fields("vgg11", (256, 224))["avgpool"].size is None  # 8 rows to 7
    assert traced_fields("vgg11", (448, 224))["avgpool"].size == (150 + 32, 150)  # 14 rows to 7
    network = traced_fields("resnet18", (64, 96))
    assert network["layer4"].map_size == (2, 3)
    assert network["layer4"].size == (435, 435)


def test_a_module_used_twice_counts_once():
    conv = nn.Conv2d(3, 3, 3)
    network = trace_module(nn.Sequential(conv, nn.Sequential(conv)), 32)
    assert network["0"].size == (3, 3)
    assert network["1"].size == (5, 5)


def test_the_network_itself_is_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).train()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    trace_module(network, 16)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert next(network.parameters()).device.type == "cpu"


layers = st.builds(
    Layer,
    st.just("conv"),
    kernel_size=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.integers(1, 3),
) | st.builds(Layer, st.just("pool"), kernel_size=st.integers(2, 3), stride=st.integers(1, 3))


@settings(deadline=None, max_examples=50)
@given(st.lists(layers, min_size=1, max_size=5), st.sampled_from(["random", "uniform"]))
def test_stacks_trace_as_the_recurrence_says(stack, weights):
    network = trace_module(build_stack(stack, 2, torch.Generator(), weights), 2000)
    for i, step in enumerate(trace(stack)):
        field = network[str(i)].rows
        assert (field.size, field.stride, field.padding) == (step.size, step.jump, step.padding)
        assert field.interval(3) == step.interval(3)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 5), st.integers(1, 3), st.integers(0, 6))
def test_windows_over_windows_cover_what_they_read(k, s, p, d, shift):
    before = AxisField(2, (-1,), (3,)).partition(4, shift)
    after = before.windows(k, s, p, d)
    for i in range(3 * after.period):
        read = [before.interval(j) for j in range(i * s - p, i * s - p + d * (k - 1) + 1, d)]
        assert after.interval(i) == (min(a for a, _ in read), max(b for _, b in read))
    union = before.union(AxisField(2, (-5,), (0,)))
    assert union.interval(7) == (min(before.interval(7)[0], 9), before.interval(7)[1])
