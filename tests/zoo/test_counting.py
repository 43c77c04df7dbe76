"""Counting against numel, against FlopCounterMode, against autograd, and against what is published."""

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import ModelError, SettingError
from cnnviz.zoo import counting
from cnnviz.zoo.counting import count, count_named, count_stack, measure, measure_named, published

CATALOGUE = counting.catalogue()
DOCUMENTED = [*CATALOGUE["classification"], *CATALOGUE["segmentation"], *CATALOGUE["detection"]]


def test_catalogue() -> None:
    assert {group: len(names) for group, names in CATALOGUE.items()} == {
        "classification": 80,
        "segmentation": 6,
        "detection": 12,
        "own": 4,
    }


@pytest.mark.parametrize("name", DOCUMENTED)
def test_agrees_with_what_torchvision_documents(name: str) -> None:
    """meta["num_params"] exactly, and meta["_ops"] to all of its digits: three after the point of GMACs."""
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    said = published(name)
    found = count_named(name, proposals=said.proposals, detections=said.detections)
    assert found.parameters == said.parameters == meta["num_params"]
    assert abs(found.macs / 1e9 - meta["_ops"]) <= 0.000501
    assert said.macs == pytest.approx(meta["_ops"] * 1e9)


@pytest.mark.parametrize("name", CATALOGUE["own"])
def test_own_networks_have_their_published_parameters(name: str) -> None:
    assert count_named(name).parameters == published(name).parameters


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "googlenet",
        "shufflenet_v2_x0_5",
        "vit_b_32",
        "swin_v2_t",
        "maxvit_t",
        "convnext_tiny",
        "lraspp_mobilenet_v3_large",
        "ssd300_vgg16",
        "maskrcnn_resnet50_fpn",
        "lenet5",
        "efficientnet_lite0",
    ],
)
def test_agrees_with_torch(name: str) -> None:
    ours, theirs = count_named(name), measure_named(name)
    assert (ours.parameters, ours.buffers, ours.macs) == (theirs.parameters, theirs.buffers, theirs.macs)


def test_measuring_is_flop_counter_mode() -> None:
    network = torchvision.models.resnet18(weights=None).eval()
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        network(torch.zeros(2, 3, 64, 64))
    assert measure(network, (3, 64, 64), batch=2).macs * 2 == flops.get_total_flops()
    assert count(network, (3, 64, 64), batch=2).flops == flops.get_total_flops()


def test_the_traps() -> None:
    assert count_named("googlenet", auxiliary=True).parameters == 13_004_888
    assert count_named("googlenet", auxiliary=True).macs == count_named("googlenet").macs
    assert count_named("inception_v3", auxiliary=False).parameters == 23_834_568
    frozen, learning = (count_named("fasterrcnn_resnet50_fpn", frozen=frozen) for frozen in (True, False))
    # A frozen batch normalisation still has scale and shift, and no counter of batches: 53 of them.
    assert learning.parameters - frozen.parameters == 53_120
    assert frozen.buffers - learning.buffers == 53_120 - 53
    assert count_named("vit_b_16").parameters == 86_567_656
    larger = count_named("vit_b_16", 384)
    assert larger.parameters - 86_567_656 == ((384 // 16) ** 2 - (224 // 16) ** 2) * 768
    boxes = [count_named("maskrcnn_resnet50_fpn_v2", detections=n).macs for n in (0, 1, 100)]
    assert boxes[2] - boxes[0] == 100 * (boxes[1] - boxes[0]) > 0


@pytest.mark.parametrize(
    ("name", "gmacs"), [("resnet50", 3.858), ("resnet101", 7.570), ("resnet152", 11.282)]
)
def test_strides_of_2015(name: str, gmacs: float) -> None:
    """He et al., arXiv 1512.03385, Table 1: 3.8, 7.6 and 11.3 billion."""
    found = count(counting.resnet_v1(name))
    assert round(found.macs / 1e9, 3) == gmacs
    assert found.parameters == published(name).parameters


def every_operation() -> list[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    class Functional(nn.Module):
        def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.function = function

        def forward(self, x: Tensor) -> Tensor:
            return self.function(x)

    def attend(x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x)

    return [
        ("conv1d", lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 9)),
        ("conv2d same", lambda: nn.Conv2d(4, 6, 4, padding="same", dilation=2), (4, 9, 11)),
        ("conv2d reflect", lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (4, 9, 11)),
        ("conv3d", lambda: nn.Conv3d(2, 4, (1, 3, 3), bias=False), (2, 3, 8, 8)),
        ("transposed", lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), (4, 5, 7)),
        ("linear", lambda: nn.Linear(5, 7), (3, 5)),
        ("matmul", lambda: Functional(lambda x: x @ x.transpose(-1, -2)), (3, 5)),
        ("bmm", lambda: Functional(lambda x: torch.bmm(x, x.mT)), (3, 5)),
        ("einsum", lambda: Functional(lambda x: torch.einsum("b i d, b j d -> b i j", x, x)), (3, 5)),
        ("attention", lambda: Functional(attend), (2, 3, 5)),
        ("broadcast", lambda: Functional(lambda x: (1 + x) * x[:, :1] - x / 2), (3, 5)),
    ]


@pytest.mark.parametrize(
    ("build", "shape"), [(b, s) for _, b, s in every_operation()], ids=[n for n, *_ in every_operation()]
)
def test_every_rule_has_torchs_shape_and_count(
    build: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    network = build()
    found = count(network, shape, batch=2)
    assert found.output_shapes == (tuple(network(torch.zeros(2, *shape)).shape),)
    theirs = measure(network, shape, batch=2)
    assert (found.parameters, found.macs) == (theirs.parameters, theirs.macs)


@pytest.mark.parametrize("name", ["resnet18", "vit_b_32", "swin_t", "densenet121", "mobilenet_v3_small"])
def test_rows_and_tree_add_up(name: str) -> None:
    found = count_named(name)
    network = counting.build(name)
    numbers = {path: sum(p.numel() for p in module.parameters()) for path, module in network.named_modules()}
    for node in found.tree.walk():
        assert node.parameters == numbers[node.name]
        own = (node.row.parameters, node.row.macs, node.row.training_bytes) if node.row else (0, 0, 0)
        within = [(c.parameters, c.macs, c.training_bytes) for c in node.children]
        assert tuple(map(sum, zip(own, *within, strict=True))) == (
            node.parameters,
            node.macs,
            node.training_bytes,
        )
    assert len({row.name for row in found.rows}) == len(found.rows)
    assert sum(row.macs for row in found.rows) == found.macs == found.tree.macs
    image = 4 * 3 * 224 * 224
    assert found.training_bytes == found.tree.training_bytes + image
    assert found.inference_bytes >= max(row.inference_bytes for row in found.rows)


def test_projections_that_attention_uses_by_itself_are_theirs() -> None:
    rows = {row.name: row for row in count_named("vit_b_32").rows}
    block = "encoder.layers.encoder_layer_0.self_attention"
    assert rows[f"{block}.out_proj"].macs == 50 * 768 * 768
    assert rows[block].macs == 50 * 768 * 3 * 768 + 2 * 50 * 50 * 768


def test_biases_by_name() -> None:
    found = count(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2, bias=False)), (3,), 2)
    assert (found.weights, found.biases, found.buffers) == (15 + 5 + 10, 5 + 5, 5 + 5 + 1)


def test_memory_by_hand() -> None:
    """Input 48 bytes, conv 64, ReLU in place 0, sum 64: the skip keeps the convolution's output alive."""

    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 4, 1), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x + self.relu(x)

    found = count(Skip(), (3, 2, 2))
    assert found.training_bytes == 48 + 3 * 64
    assert found.inference_bytes == 48 + 3 * 64
    chain = count(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 1, 1)), (3, 2, 2))
    assert chain.training_bytes == 48 + 64 + 16
    assert chain.inference_bytes == 48 + 64 + 16
    assert [row.training_bytes for row in chain.rows] == [64, 0, 16]


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "densenet121"])
def test_training_keeps_what_autograd_saves(name: str) -> None:
    """Autograd saves no more than everything that was made, indices of poolings and statistics aside."""
    network = torchvision.models.get_model(name, weights=None)
    parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        address = tensor.untyped_storage().data_ptr()
        if address not in parameters and tensor.is_floating_point() and tensor.dim() > 1:
            saved[address] = tensor
        return tensor

    image = torch.zeros(1, 3, 64, 64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        # In eval mode, for one image leaves nothing to normalise by; the same tensors are saved.
        network.eval()(image)
    autograd = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    assert 0.5 < autograd / count_named(name, 64).training_bytes <= 1


def test_what_is_counted_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count(network, (3, 8, 8))
    assert network.training
    assert "forward" not in vars(network[0])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_nothing_stays_behind() -> None:
    network = counting.build("resnet18")
    gone = weakref.ref(network)
    count(network)
    del network
    gc.collect()
    assert gone() is None


LARGEST = ("vit_h_14", "regnet_y_128gf", "efficientnet_v2_l")


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_take_little_time(name: str) -> None:
    count_named("alexnet")
    start = time.process_time()
    count_named(name)
    assert time.process_time() - start < 1


def test_the_largest_take_no_memory() -> None:
    """In a process of its own, above what importing takes; vit_h_14's weights alone would be 2.5 GB."""
    code = (
        "import resource, cnnviz.zoo.counting as c; "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        f"before = peak(); [c.count_named(n) for n in {LARGEST}]; print(peak() - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 500_000  # kilobytes


def test_batch_and_size_scale() -> None:
    one, four = count_named("resnet18", 64), count_named("resnet18", 64, batch=4)
    assert four.macs == 4 * one.macs
    assert four.parameters == one.parameters
    assert four.training_bytes == 4 * one.training_bytes
    assert count_named("vgg11", (224, 448)).input_shape == (1, 3, 224, 448)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: count_named("no_such_net"), ModelError),
        (lambda: count_named("alexnet", 16), (ModelError, SettingError)),
        (lambda: count_named("vit_b_16", 100), SettingError),
        (lambda: count_named("vit_b_16", (224, 256)), SettingError),
        (lambda: count_named("maxvit_t", 100), SettingError),
        (lambda: counting.resnet_v1("resnet18"), ModelError),
        (lambda: count_named("resnet18", 0), SettingError),
        (lambda: count_named("resnet18", batch=10**6), SettingError),
        (lambda: count_named("fasterrcnn_resnet50_fpn", proposals=-1), SettingError),
        (lambda: count(nn.Conv2d(4, 4, 3), (3, 8, 8)), ModelError),
        (lambda: count(nn.Linear(4, 4), (3,)), ModelError),
        (lambda: count(nn.Bilinear(4, 4, 2), (4,)), ModelError),
        (lambda: count(nn.LSTM(4, 4), (5, 4)), ModelError),
    ],
)
def test_refused(call: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value)


VGGISH = [
    {"kind": "conv", "out_channels": 8, "kernel_size": 3, "padding": 1},
    {"kind": "bn"},
    {"kind": "relu"},
    {"kind": "pool", "kernel_size": 2},
    {"kind": "conv", "out_channels": 8, "kernel_size": 3, "groups": 8, "bias": False},
    {"kind": "flatten"},
    {"kind": "linear", "out_channels": 10},
]


def test_stack() -> None:
    found, wrong = count_stack(VGGISH, (3, 16, 16), batch=2)
    assert wrong == {}
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8, bias=False),
        nn.Flatten(),
        nn.Linear(288, 10),
    )
    theirs = measure(network, (3, 16, 16), batch=2)
    assert (found.parameters, found.buffers, found.macs) == (theirs.parameters, theirs.buffers, theirs.macs)
    assert found.output_shapes == ((2, 10),)
    assert [row.name for row in found.rows] == [str(n) for n in range(1, 8)]


def test_stack_with_global_pooling() -> None:
    found, wrong = count_stack(
        [VGGISH[0], {"kind": "gap"}, {"kind": "linear", "out_channels": 10}], (3, 9, 9)
    )
    assert wrong == {}
    assert found.parameters == 224 + 90


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"kind": "import os"},
        {"kind": "linear", "out_channels": 4},
        {"kind": "conv", "kernel_size": 3},
        {"kind": "conv", "out_channels": 8, "kernel_size": 31},
        {"kind": "conv", "out_channels": 8, "kernel_size": 3, "groups": 2},
        {"kind": "conv", "out_channels": 1.5, "kernel_size": 3},
        {"kind": "conv", "out_channels": float("nan"), "kernel_size": 3},
        {"kind": "conv", "out_channels": "8", "kernel_size": 3},
        {"kind": "pool", "kernel_size": 2, "padding": 2},
    ],
)
def test_bad_rows_are_named_and_left_out(row: dict[str, object]) -> None:
    good = {"kind": "conv", "out_channels": 4, "kernel_size": 1}
    found, wrong = count_stack([row, good], (3, 8, 8))
    assert list(wrong) == [1]
    assert str(wrong[1])
    assert found.parameters == 16


def test_an_empty_and_an_endless_table() -> None:
    assert count_stack([], (3, 8, 8))[0].macs == 0
    _, wrong = count_stack([{"kind": "relu"}] * (counting.MAX_ROWS + 1), (3, 8, 8))
    assert list(wrong) == [counting.MAX_ROWS + 1]
