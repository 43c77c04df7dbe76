"""Graphs traced from the networks, against what is known of their wiring."""

import threading
from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from cnnviz.errors import ModelError, SettingError
from cnnviz.zoo.counting import build, count_named
from cnnviz.zoo.diagram import Detail, Diagram, diagram, trace
from cnnviz.zoo.stages import stages


def drawn(name: str, detail: Detail, part: str = "", training: bool = False) -> Diagram:
    auxiliary = True if training else None
    counted, network = count_named(name, auxiliary=auxiliary), build(name, auxiliary=auxiliary)
    rows = stages(counted, network)
    return diagram(trace(network, counted.input_shape, training), rows, detail, part)


def joins(graph: Diagram) -> list[int]:
    return [index for index in range(len(graph.nodes)) if graph.inputs(index) > 1]


def test_a_chain() -> None:
    graph = drawn("vgg16", "layers")
    # 13 convolutions, 5 poolings and a last one, 3 dense layers, input and output
    assert len(graph.nodes) == 13 + 6 + 3 + 2
    assert graph.edges == tuple((n, n + 1) for n in range(len(graph.nodes) - 1))
    assert Counter(node.kind for node in graph.nodes)["dense"] == 3


@pytest.mark.parametrize(("name", "blocks"), [("resnet18", 8), ("resnet50", 16), ("se_resnet50", 16)])
def test_every_residual_block_adds_once(name: str, blocks: int) -> None:
    assert sum(node.kind == "block" for node in drawn(name, "blocks").nodes) == blocks
    graph = drawn(name, "layers")
    added = [graph.nodes[index] for index in joins(graph)]
    assert sum(node.layers.startswith("+") for node in added) == blocks


def test_a_dense_block_joins_everything_with_everything() -> None:
    graph = drawn("densenet121", "blocks", "features.denseblock1")
    layers = [index for index, node in enumerate(graph.nodes) if "denselayer" in node.title]
    assert len(layers) == 6
    # L(L+1)/2 connections into the layers, and all seven tensors into the end
    assert sum(target in layers for _source, target in graph.edges) == 21
    assert max(graph.inputs(index) for index in range(len(graph.nodes))) == 7


def test_inception_has_four_branches() -> None:
    graph = drawn("googlenet", "layers", "inception3a")
    assert [graph.inputs(index) for index in joins(graph)] == [4]


def test_auxiliary_heads_lead_to_the_output() -> None:
    graph = drawn("googlenet", "blocks", training=True)
    assert graph.nodes[-1].kind == "output"
    assert graph.inputs(len(graph.nodes) - 1) == 3
    assert len(drawn("googlenet", "blocks").nodes) == len(graph.nodes) - 2


@pytest.mark.parametrize(
    "name", ["lenet5", "alexnet", "shufflenet_v2_x1_0", "efficientnet_b0", "squeezenet1_1"]
)
@pytest.mark.parametrize("detail", ["stages", "blocks", "layers"])
def test_one_way_from_input_to_output(name: str, detail: Detail) -> None:
    graph = drawn(name, detail)
    assert (graph.nodes[0].kind, graph.nodes[-1].kind) == ("input", "output")
    assert all(source < target for source, target in graph.edges), "no cycles"
    assert {source for source, _target in graph.edges} == set(range(len(graph.nodes) - 1)), "no dead ends"
    assert {target for _source, target in graph.edges} == set(range(1, len(graph.nodes)))


def test_shapes_are_those_of_the_run() -> None:
    shapes = {node.title: node.output_shape for node in drawn("shufflenet_v2_x1_0", "layers").nodes}
    assert shapes["stage2.1"] == (116, 28, 28)
    assert {node.title: node.output_shape for node in drawn("resnet50", "stages").nodes}["layer4"] == (
        2048,
        7,
        7,
    )


def test_no_such_part() -> None:
    with pytest.raises(SettingError, match="layer9"):
        drawn("resnet18", "layers", "layer9")


class Undecided(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_what_depends_on_numbers_cannot_be_drawn() -> None:
    with pytest.raises(ModelError, match="Undecided"):
        trace(Undecided(), (1, 3, 8, 8))


class Busy(nn.Module):
    """Lets another thread run a network of its own while this one is traced."""

    def __init__(self, found: list[Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2, device="meta")
        self.keep = found.append

    def forward(self, x: Tensor) -> Tensor:
        def other() -> None:
            self.keep(nn.Linear(3, 4)(torch.zeros(1, 3)))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        out: Tensor = self.layer(x)
        return out


def test_other_threads_run_while_one_traces() -> None:
    found: list[Tensor] = []
    network = Busy(found)
    assert [each.name for each in trace(network, (1, 2))] == ["input", "Linear", "output"]
    assert len(found) == 1
    assert type(found[0]) is Tensor, "not a proxy of the trace"
