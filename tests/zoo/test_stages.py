"""Tables like the papers', from the networks themselves."""

import pytest
from torch import nn

from cnnviz.zoo.counting import build, count_named
from cnnviz.zoo.history import TITLES
from cnnviz.zoo.stages import Stage, describe, stages


def table(name: str, auxiliary: bool | None = None) -> tuple[Stage, ...]:
    return stages(count_named(name, auxiliary=auxiliary), build(name, auxiliary=auxiliary))


@pytest.mark.parametrize("name", TITLES)
def test_rows_add_up(name: str) -> None:
    counted, rows = count_named(name), table(name)
    assert sum(row.parameters for row in rows) == counted.parameters
    assert sum(row.macs for row in rows) == counted.macs
    assert len({row.name for row in rows}) == len(rows)
    assert 5 < len(rows) < 25


def test_lenet_as_in_the_paper() -> None:
    rows = {row.name: (row.parameters, row.output_shape) for row in table("lenet5")}
    assert rows == {
        "C1": (156, (6, 28, 28)),
        "S2": (12, (6, 14, 14)),
        "C3": (1516, (16, 10, 10)),
        "S4": (32, (16, 5, 5)),
        "C5": (48_120, (120,)),
        "F6": (10_164, (84,)),
        "output": (0, (10,)),
    }


def test_resnet_as_in_table_1() -> None:
    rows = {row.name: row for row in table("resnet50")}
    assert [rows[f"layer{n}"].blocks for n in (1, 2, 3, 4)] == [3, 4, 6, 3]
    assert [rows[f"layer{n}"].side for n in (1, 2, 3, 4)] == [56, 28, 14, 7]
    assert rows["layer1"].layers == "[1×1, 64 – 3×3, 64 – 1×1, 256] × 3"
    assert rows["conv1"].layers == "7×7, 64 /2"


def test_vgg_and_mobilenet_as_in_their_tables() -> None:
    convs = [row for row in table("vgg16") if row.layers.startswith(("3×3", "[3×3"))]
    assert [row.blocks for row in convs] == [2, 2, 3, 3, 3]
    blocks = [row for row in table("mobilenet_v2") if "dw" in row.layers]
    # Sandler et al., Table 2: n and c
    assert [(row.blocks, (row.output_shape or (0,))[0]) for row in blocks] == [
        (1, 16),
        (2, 24),
        (3, 32),
        (4, 64),
        (3, 96),
        (3, 160),
        (1, 320),
    ]


def test_auxiliary_heads_run_in_training_only() -> None:
    rows = {row.name: row for row in table("googlenet", True)}
    assert rows["aux1"].output_shape is None
    assert (rows["aux1"].side, rows["aux1"].macs, rows["aux1"].parameters) == (0, 0, 3_188_968)
    assert "aux1" not in {row.name for row in table("googlenet")}


def test_branches_run_beside() -> None:
    assert describe(build("googlenet").get_submodule("inception3a")) == (
        "1×1, 64 | 1×1, 96 – 3×3, 128 | 1×1, 16 – 3×3, 32 | MaxPool2d 3×3 – 1×1, 32"
    )
    assert describe(build("squeezenet1_0").get_submodule("features.3")) == "1×1, 16 – (1×1, 64 | 3×3, 64)"
    assert describe(nn.Sequential(nn.Sequential(), nn.ReLU())) == ""
