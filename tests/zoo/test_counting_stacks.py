"""Stacks in a link, scripts, tables, and what belongs to which kind of layer."""

import contextlib
import csv
import io

import pytest

from cnnviz.errors import ModelError, SettingError
from cnnviz.zoo.counting import (
    build_stack,
    catalogue,
    count_named,
    count_stack,
    measure,
    measure_named,
    published,
    resnet_v1,
    switches,
)
from cnnviz.zoo.counting.code import network_code, stack_code
from cnnviz.zoo.counting.counter import count
from cnnviz.zoo.counting.export import COLUMNS, to_csv
from cnnviz.zoo.counting.shares import KINDS, MEASURES, by_kind, largest_kind
from cnnviz.zoo.counting.stack_rows import PRESETS, StackRow, preset_of, read_rows, row_of, write_rows


def printed(source: str) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(source, {})
    return out.getvalue().splitlines()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_no_bad_row_and_travel_in_a_link(preset: str) -> None:
    rows, shape = PRESETS[preset].rows, PRESETS[preset].input_shape
    found, wrong = count_stack([row.cells() for row in rows], shape, batch=2)
    assert wrong == {}
    theirs = measure(build_stack([row.cells() for row in rows], shape)[0], shape, batch=2)
    assert (found.parameters, found.macs) == (theirs.parameters, theirs.macs)
    assert write_rows(rows) == preset
    assert read_rows(preset) == rows
    assert preset_of(rows) == preset


@pytest.mark.parametrize("preset", [name for name, preset in PRESETS.items() if preset.network])
def test_presets_of_networks_are_these_networks(preset: str) -> None:
    rows, network = PRESETS[preset].rows, PRESETS[preset].network
    assert network is not None
    found, _ = count_stack([row.cells() for row in rows], PRESETS[preset].input_shape)
    same = count_named(network)
    assert (found.parameters, found.macs) == (same.parameters, same.macs)


def test_rows_travel_as_they_stand() -> None:
    rows = (
        StackRow("conv", 8, 3, padding=1, groups=-2, bias=False),
        StackRow(None, None, 3),
        StackRow("linear"),
    )
    text = write_rows(rows)
    assert text == "conv_8_3__1_-2_0~__3~linear"
    assert read_rows(text) == rows
    assert read_rows(write_rows(())) == ()


@pytest.mark.parametrize("text", ["", "lstm_3", "conv_x", "conv_1_2_3_4_5_1_7", "~".join(["relu"] * 65)])
def test_no_stack(text: str) -> None:
    if text:
        with pytest.raises(ValueError):  # noqa: PT011
            read_rows(text)
    else:
        assert read_rows(text) == (StackRow(None),), "a row that nobody has filled in"


def test_cells_of_any_content() -> None:
    assert row_of({"kind": "import os", "out_channels": "8", "stride": True, "groups": 10**12}) == StackRow(
        None, groups=10**6
    )


def test_too_many_weights_are_refused() -> None:
    rows = [{"kind": "conv", "out_channels": 65536, "kernel_size": 1, "padding": 128}] * 40
    rows += [{"kind": "flatten"}, {"kind": "linear", "out_channels": 65536}]
    _, wrong = build_stack(rows, (16, 16384, 16384))
    assert {row: str(error) for row, error in wrong.items()} == {42: "its weights are too many to count"}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50", {"v1": True}),
        ("googlenet", {"auxiliary": True}),
        ("vit_b_32", {"size": 64, "batch": 3}),
        ("regnet_y_400mf", {}),
        ("fcn_resnet50", {"auxiliary": False, "size": 64}),
        ("ssdlite320_mobilenet_v3_large", {}),
        ("fasterrcnn_resnet50_fpn", {"frozen": True, "proposals": 7}),
        ("maskrcnn_resnet50_fpn_v2", {"frozen": False, "proposals": 0, "detections": 3}),
        *((name, {}) for name in catalogue()["own"]),
    ],
)
def test_scripts_print_the_count(name: str, options: dict[str, int]) -> None:
    said = published(name)
    settings = {"size": said.size[0], "proposals": said.proposals, "detections": said.detections} | options
    found = count_named(name, **settings)
    lines = printed(network_code(name, settings.pop("size"), **settings))
    assert lines[0] == (
        f"parameters: {found.parameters:,} = {found.weights:,} weights + {found.biases:,} biases"
    )
    assert lines[1:3] == [f"buffers: {found.buffers:,}", f"multiply–accumulates: {found.macs:,}"]


def test_scripts_of_stacks() -> None:
    rows = (
        StackRow("conv", 8, 3, 2, 1, 1, bias=False),
        StackRow("bn"),
        StackRow("relu"),
        StackRow("conv", 8, 3, groups=4),
        StackRow("pool", None, 2),
        StackRow("flatten"),
        StackRow("linear", 20),
        StackRow("bn"),
    )
    found, wrong = count_stack([row.cells() for row in rows], (2, 15, 15), batch=3)
    assert wrong == {}
    lines = printed(stack_code(rows, (2, 15, 15), batch=3))
    assert lines[0].startswith(f"parameters: {found.parameters:,} =")
    assert lines[2] == f"multiply–accumulates: {found.macs:,}"


def test_switches_change_what_they_say() -> None:
    assert switches("inception_v3") == {"auxiliary": True}
    assert switches("fasterrcnn_resnet50_fpn_v2") == {"frozen": False}
    assert switches("ssd300_vgg16") == switches("lraspp_mobilenet_v3_large") == switches("lenet5") == {}
    for name in (name for names in catalogue().values() for name in names):
        for way, default in switches(name).items():
            assert way in ("auxiliary", "frozen", "v1")
            assert default in (True, False)
    assert measure_named("resnet50", v1=True).macs == count(resnet_v1("resnet50")).macs
    assert published("resnet50", v1=True).macs == 3_800_000_000


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("vit_b_16", 100, "patches of 16 pixels; 100 is no multiple"),
        ("maxvit_t", 100, "100 × 100 is no multiple of 224"),
        ("alexnet", 32, "too small for alexnet"),
        ("lenet5", 48, "expects 120 numbers, but 3000 arrive"),
    ],
)
def test_impossible_sizes_are_refused_in_a_sentence(name: str, size: int, said: str) -> None:
    with pytest.raises((ModelError, SettingError)) as caught:
        count_named(name, size)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["swin_t", "resnet18", "lenet5"])
def test_kinds_add_up(name: str) -> None:
    found = count_named(name)
    for measure_ in MEASURES:
        sums = by_kind(found, measure_)
        assert list(sums) == list(KINDS)
        assert sums[largest_kind(found, measure_)] == max(sums.values())
    assert sum(by_kind(found, "parameters").values()) == found.parameters
    assert sum(by_kind(found, "macs").values()) == found.macs


def test_csv_adds_up() -> None:
    found = count_named("densenet121", 64, batch=2)
    lines = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert list(lines[0]) == list(COLUMNS)
    assert sum(int(line["macs"]) for line in lines) == found.macs
    assert sum(int(line["weights"]) + int(line["biases"]) for line in lines) == found.parameters
    assert lines[0]["output_shape"] == "2x64x32x32"
