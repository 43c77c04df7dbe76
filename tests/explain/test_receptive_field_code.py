"""The exported scripts, run as a student would run them."""

import contextlib
import io
import re

import pytest
import torchvision

from cnnviz import samples
from cnnviz.explain import photo_field
from cnnviz.explain.receptive_field_code import network_code, photo_code, stack_code
from cnnviz.explain.traced_field import trace_module, traced_fields
from cnnviz.layers.receptive_field import PRESETS, Layer, map_sizes, trace
from cnnviz.layers.stack import named

PHOTO = "from cnnviz import samples\n\nphoto = samples.load('cat')\n"


def run(source):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, {})
    return printed.getvalue().splitlines()


OWN = named((Layer("conv", 5, 2, 1, 2), Layer("pool", 3, 2, 1), Layer("conv", 2, 3, 7)))


@pytest.mark.parametrize("stack", [*(preset.layers for preset in PRESETS.values()), OWN])
def test_stack_script_prints_every_layer_and_the_measurement(stack):
    *lines, measured = run(stack_code(stack, 227))
    expected = [
        f"{step.layer.kind}{step.layer.kernel_size}: field {step.size}, jump {step.jump}, start {step.start:g}, "
        f"padding {step.padding}, map {length}"
        for step, length in zip(trace(stack), map_sizes(stack, 227), strict=True)
    ]
    assert lines == expected
    last = trace(stack)[-1]
    assert measured == f"measured: field {last.size}, jump {last.jump}"


def test_stack_script_of_a_map_that_shrinks_to_nothing():
    lines = run(stack_code(named((Layer("conv", 7), Layer("conv", 7, padding=3))), 5))
    assert [line.rpartition(" ")[2] for line in lines[:2]] == ["0", "0"]
    assert lines[2] == "measured: field 13, jump 1"


def test_stack_script_of_a_field_too_long_to_measure():
    stack = named((Layer("conv", 3, 8),) * 12)
    source = stack_code(stack, 227)
    assert "torch" not in source
    assert f"field {trace(stack)[-1].size}," in run(source)[-1]


@pytest.mark.parametrize(
    ("kind", "layers", "stage", "side", "cell"),
    [
        ("stack", PRESETS["alexnet"].layers, "", 224, (1, 4)),
        ("stack", OWN, "", 96, (2, 3)),
        ("trained", (), "stage3", 160, (0, 19)),
        ("untrained", (), "stage2", 128, (30, 5)),
    ],
)
def test_photo_script_prints_the_numbers_on_screen(kind, layers, stage, side, cell):
    network = photo_field.subject(kind, layers)
    path = photo_field.stage_path(kind, stage, layers)
    field = trace_module(network, side)[path]
    effective = photo_field.look(network, path, samples.load("cat"), side, cell, field)
    x0, y0, x1, y1 = effective.box
    theory, held = run(photo_code(PHOTO, kind, layers, stage, field, side, cell))[-2:]
    assert theory == (f"theoretical: {field.size[0]} pixels; rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}")
    assert held == f"95 % of the effective field lie within {effective.radius:.1f} pixels"


def test_photo_script_of_a_cell_in_the_padding():
    network = photo_field.subject("stack", OWN)
    field = trace_module(network, 96)["2"]
    assert run(photo_code(PHOTO, "stack", OWN, "", field, 96, (0, 3)))[-2:] == [
        "theoretical: nothing but padding",
        "no gradient arrives",
    ]


def size_and_jump(line):
    return tuple(map(int, re.search(r"field (\d+), jump (\d+)$", line).groups()))


@pytest.mark.parametrize(
    ("name", "stage", "size", "jump"),
    [
        ("alexnet", "features.12", 195, 32),
        ("resnet50", "layer1", 35, 4),
        ("mobilenet_v3_small", "features.3", 31, 8),
        ("squeezenet1_1", "features.12", None, 16),
        ("inception_v3", "Mixed_5d", None, 8),
        ("vit_b_32", "conv_proj", 32, 32),
    ],
)
def test_network_script_measures_what_was_traced(name, stage, size, jump):
    network = traced_fields(name)
    field = network[stage]
    assert (size or field.size[0], jump) == (field.size[0], field.stride[0])
    assert size_and_jump(run(network_code(network, field))[-1]) == (field.size[0], jump)


def test_network_script_of_a_stage_without_a_grid():
    network = traced_fields("resnet18")
    (line,) = run(network_code(network, network["fc"]))
    assert line == f"fc: depends on {224 * 224} of {224 * 224} pixels"


def test_every_classifier_gets_a_script_that_compiles():
    for name in torchvision.models.list_models(module=torchvision.models)[::8]:
        network = traced_fields(name)
        for stage in (network.stages[0], network.stages[-1]):
            compile(network_code(network, stage), name, "exec")
