"""The exported scripts and the formulas give the same numbers as the core."""

import contextlib
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.layers import cost
from cnnviz.layers.cost_code import crossover_code, designs_code, reach_code
from cnnviz.layers.cost_formula import macs_formula, parameters_formula

HEADS = cost.first_dense(8, 6, 10, bias=True)
DESIGNS = {
    "stack": (cost.small_kernels(3, 3, 6, 9).factored, (6, 9, 9)),
    "bottleneck": (cost.bottleneck(8, 2, 7, bias=True).factored, (8, 7, 7)),
    "separable": (cost.depthwise_separable(6, 10, 5, 7).factored, (6, 7, 7)),
    "grouped": (cost.grouped(6, 6, 3, 3, 7, shuffle=True).factored, (6, 7, 7)),
    "asymmetric": (cost.asymmetric(5, 4, 9, bias=True).factored, (4, 9, 9)),
    "pooled": (HEADS.pooled, (8, 6, 6)),
    "averaged": (HEADS.averaged, (8, 6, 6)),
    "head": (cost.dense_head(8, 6, (10, 5, 4)), (8, 6, 6)),
}


def printed(source: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(source, {})
    return out.getvalue()


def value(formula: str) -> int:
    """A formula's value, read as a reader does."""
    text = re.sub(r"\\tfrac{(\d+)}{(\d+)}", r"(\1//\2)", formula)
    return int(eval(text.replace(r"\cdot", "*").replace("^", "**")))


@pytest.mark.parametrize("name", DESIGNS)
def test_script_prints_the_cores_numbers(name: str) -> None:
    design, shape = DESIGNS[name]
    numbers = f"{design.parameters:,} parameters, {design.macs:,} MACs, {design.activations:,} activations"
    assert printed(designs_code({name: design}, shape)) == f"{name}: {numbers}\n"


@pytest.mark.parametrize("name", DESIGNS)
def test_formulas_add_up(name: str) -> None:
    design, _shape = DESIGNS[name]
    assert value(parameters_formula(design)) == design.parameters
    assert value(macs_formula(design)) == design.macs


@given(
    st.integers(1, 4), st.sampled_from([1, 3, 5]), st.integers(1, 12), st.booleans(), st.none() | st.just(3)
)
@settings(deadline=None, max_examples=25)
def test_script_finds_the_crossover(n: int, k: int, size: int, bias: bool, inputs: int | None) -> None:
    most = 200
    out = printed(crossover_code(n, k, size, bias, inputs, most)).splitlines()
    found = cost.crossover(n, k, 8, size, bias, inputs)
    for line, crossing in zip(out, (found.parameters, found.memory), strict=True):
        if crossing is None:
            cheaper = []
        elif inputs is None:
            cheaper = [c for c in range(1, most + 1) if c > crossing]
        else:
            cheaper = [c for c in range(1, most + 1) if c < crossing]
        end = f"from C = {cheaper[0]} to {cheaper[-1]}" if cheaper else f"for no C up to {most}"
        assert line.endswith(f": {end}")


@pytest.mark.parametrize(("layers", "shuffle"), [(1, True), (2, False), (2, True), (3, True)])
def test_script_follows_a_channel(layers: int, shuffle: bool) -> None:
    seen = len(cost.channel_fan(8, 4, layers, shuffle, output=5)[0].seen)
    source = "import torch\nfrom torch import nn\n" + reach_code(8, 4, layers, shuffle, 5)
    assert printed(source) == f"output 5 sees {seen} of 8 input channels\n"
