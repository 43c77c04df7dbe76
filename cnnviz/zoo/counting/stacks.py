"""Counting a stack of layers from a table that somebody has edited."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_cost, conv_output_size, pool_output_size
from cnnviz.messages import N_
from cnnviz.zoo.counting.checks import check_sizes
from cnnviz.zoo.counting.counter import run_counted
from cnnviz.zoo.counting.results import NetworkCount, Shape

MAX_ROWS = 64

_LIMITS = {
    "out_channels": (1, 65536),
    "kernel_size": (1, 31),
    "stride": (1, 16),
    "padding": (0, 128),
    "groups": (1, 65536),
}

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conv": ("out_channels", "kernel_size", "stride", "padding", "groups"),
    "pool": ("kernel_size", "stride", "padding"),
    "linear": ("out_channels",),
    "relu": (),
    "bn": (),
    "flatten": (),
    "gap": (),
}
"""Kinds of rows that :func:`count_stack` reads, and the columns that each needs."""
KINDS = tuple(_COLUMNS)


def count_stack(
    rows: Sequence[Mapping[str, object]], input_shape: Shape = (3, 224, 224), batch: int = 1
) -> tuple[NetworkCount, dict[int, SettingError]]:
    """Count a stack of layers from a table that somebody has edited; nothing of it is run as code.

    Args:
        rows: ``kind`` is conv, pool (max), linear, relu, bn, flatten or gap (global average pooling, and
            flatten); conv needs out_channels and kernel_size, linear out_channels, pool kernel_size. stride
            (1, or the kernel's for pool), padding (0), groups (1) and bias (True) may be left out or empty.
        input_shape: (C, H, W).
        batch: N.

    Returns:
        The count of the good rows, at most MAX_ROWS, called 1, 2, … like their rows; and by row number,
        from 1, why a row is not in it.

    >>> counted, wrong = count_stack([{"kind": "conv", "out_channels": 8, "kernel_size": 3}, {"kind": "conv"}])
    >>> counted.parameters, str(wrong[2])
    (224, 'out_channels is missing; it must be a whole number from 1 to 65536')
    """
    check_sizes(batch, *input_shape)
    stack, wrong = build_stack(rows, input_shape)
    return run_counted(stack, "", (batch, *input_shape), stack), wrong


def build_stack(
    rows: Sequence[Mapping[str, object]], input_shape: Shape
) -> tuple[nn.Sequential, dict[int, SettingError]]:
    """The good rows of :func:`count_stack` as a network on the meta device, and why the others are not in it."""
    stack, wrong, shape = nn.Sequential(), dict[int, SettingError](), input_shape
    with torch.device("meta"):
        for number, row in enumerate(rows, start=1):
            try:
                if len(stack) == MAX_ROWS:
                    raise SettingError(N_("a stack has at most {most} layers here"), most=MAX_ROWS)
                layer, shape = _stacked(row, shape)
            except SettingError as error:
                wrong[number] = error
            except RuntimeError:
                # PyTorch's, where even the number of bytes is too long for it.
                wrong[number] = SettingError(N_("its weights are too many to count"))
            else:
                stack.add_module(str(number), layer)
    return stack.eval(), wrong


def _stacked(row: Mapping[str, object], shape: Shape) -> tuple[nn.Module, Shape]:
    """The layer of a row for an input of `shape`, and the shape that comes out."""
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in _COLUMNS:
        raise SettingError(
            N_("the kind of a layer must be one of {kinds}, not {kind}"), kinds=", ".join(_COLUMNS), kind=kind
        )
    flat = len(shape) == 1
    if kind in ("conv", "pool", "gap") and flat:
        raise SettingError(
            N_("{kind} needs maps, but {features} numbers in a row arrive"), kind=kind, features=shape[0]
        )
    if kind == "linear" and not flat:
        raise SettingError(N_("linear needs numbers in a row: flatten the maps first, or use gap"))
    defaults = {"stride": 1, "padding": 0, "groups": 1}
    values: dict[str, int] = {}
    for column in _COLUMNS[kind]:
        if kind == "pool" and column == "stride":
            defaults["stride"] = values["kernel_size"]
        values[column] = _whole(column, row.get(column), defaults.get(column))
    bias = row.get("bias") is not False
    if kind == "conv":
        return _stacked_conv(shape, bias, **values)
    if kind == "pool":
        settings = (values["kernel_size"], values["stride"], values["padding"])
        height, width = (pool_output_size(side, *settings) for side in shape[1:])
        return nn.MaxPool2d(*settings), (shape[0], height, width)
    if kind == "linear":
        return nn.Linear(shape[0], values["out_channels"], bias), (values["out_channels"],)
    if kind == "bn":
        return (nn.BatchNorm1d if flat else nn.BatchNorm2d)(shape[0]), shape
    if kind == "relu":
        return nn.ReLU(inplace=True), shape
    if kind == "flatten":
        return nn.Flatten(), (math.prod(shape),)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), (shape[0],)


def _stacked_conv(
    shape: Shape, bias: bool, out_channels: int, kernel_size: int, stride: int, padding: int, groups: int
) -> tuple[nn.Module, Shape]:
    height, width = (conv_output_size(side, kernel_size, stride, padding) for side in shape[1:])
    conv_cost(shape[0], out_channels, (kernel_size, kernel_size), (height, width), groups)  # checks groups
    layer = nn.Conv2d(shape[0], out_channels, kernel_size, stride, padding, groups=groups, bias=bias)
    return layer, (out_channels, height, width)


def _whole(column: str, value: object, default: int | None) -> int:
    low, high = _LIMITS[column]
    # An empty cell arrives as None, NaN or pandas' NA, which is not even equal to itself.
    if value is None or not isinstance(value, int | float) or value != value:
        if default is not None and not isinstance(value, str):
            return default
        raise SettingError(
            N_("{setting} is missing; it must be a whole number from {low} to {high}"),
            setting=column,
            low=low,
            high=high,
        )
    if not low <= value <= high or value != int(value):
        raise SettingError(
            N_("{setting} is {value}; it must be from {low} to {high}"),
            setting=column,
            value=f"{value:g}",
            low=low,
            high=high,
        )
    return int(value)
