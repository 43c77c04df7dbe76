"""LeNet-5 both ways against the counts of LeCun et al. 1998, § II.B."""

import torch

from cnnviz.zoo import lenet
from cnnviz.zoo.counting import count


def by_layer(counted: object) -> dict[str, int]:
    return {node.name: node.parameters for node in counted.tree.children if node.parameters}  # type: ignore[attr-defined]


def test_as_published() -> None:
    counted = count(lenet.lenet5(), (1, 32, 32))
    assert by_layer(counted) == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert counted.parameters == 60_000
    assert counted.buffers == 10 * 84, "the output's codes are fixed"


def test_shapes_are_the_papers() -> None:
    shapes = {node.name: node.output_shape for node in count(lenet.lenet5(), (1, 32, 32)).tree.children}
    assert [shapes[name] for name in ("C1", "S2", "C3", "S4", "C5", "F6", "output")] == [
        (1, 6, 28, 28),
        (1, 6, 14, 14),
        (1, 16, 10, 10),
        (1, 16, 5, 5),
        (1, 120, 1, 1),
        (1, 84),
        (1, 10),
    ]


def test_connections_of_c3() -> None:
    """Table I: no two maps read the same ones, and the paper counts 151,600 connections, biases included."""
    assert len(set(lenet.C3_INPUTS)) == 16
    assert [len(read) for read in lenet.C3_INPUTS] == [3] * 6 + [4] * 9 + [6]
    assert [sum(channel in read for read in lenet.C3_INPUTS) for channel in range(6)] == [10] * 6
    row = next(node for node in count(lenet.lenet5(), (1, 32, 32)).tree.children if node.name == "C3")
    assert row.macs + 16 * 10 * 10 == 151_600


def test_partly_connected_reads_only_its_maps() -> None:
    layer = lenet.lenet5().get_submodule("C3")
    x = torch.zeros(1, 6, 14, 14, requires_grad=True)
    for channel, read in enumerate(lenet.C3_INPUTS):
        (gradient,) = torch.autograd.grad(layer(x)[0, channel].sum(), x)
        assert set(gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()) == set(read)


def test_output_is_the_distance_to_a_code() -> None:
    codes = lenet.bitmaps()
    distances = lenet.RadialBasis(codes)(codes)
    assert torch.equal(distances.argmin(1), torch.arange(10))
    assert torch.equal(distances, torch.cdist(codes.double(), codes.double()).square().round().float())
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}


def test_pool_and_squash() -> None:
    pool = lenet.TrainablePool(1)
    with torch.no_grad():
        pool.weight.fill_(0.5)
        pool.bias.fill_(1)
    assert pool(torch.tensor([[[[1.0, 2], [3, 4]]]])).item() == 6
    one = lenet.ScaledTanh()(torch.tensor([1.0, -1.0]))
    assert torch.allclose(one, torch.tensor([1.0, -1.0]), atol=1e-4)


def test_as_everyone_codes_it() -> None:
    counted = count(lenet.lenet5_modern(), (1, 32, 32))
    assert by_layer(counted) == {"C1": 156, "C3": 2416, "C5": 48120, "F6": 10164, "output": 850}
    assert counted.parameters == 61_706
    assert lenet.lenet5_modern()(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
