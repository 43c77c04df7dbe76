"""Exported calls and scripts that the pages' tests don't run."""

import ast
from typing import Any

import numpy as np
import pytest

from cnnviz.layers.convolution import PADDING_MODES, ConvolutionSettings
from cnnviz.layers.convolution_code import keras_call


class Recorder:
    """Stands in for the module keras: calls give back their names and arguments."""

    def __init__(self, name: str = "keras") -> None:
        self.name = name

    def __getattr__(self, name: str) -> "Recorder":
        return Recorder(f"{self.name}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self.name == "keras.ops.take":
            return np.take(arguments[0], arguments[1], axis=named["axis"])
        return self.name, arguments, named


def layers(settings: ConvolutionSettings, size: tuple[int, int]) -> list[Any]:
    _name, (parts,), _named = eval(keras_call(settings, size), {"keras": Recorder()})
    return parts


def test_plain_layer() -> None:
    settings = ConvolutionSettings((3, 5), 2, "valid", in_channels=4, out_channels=6, groups=2, bias=True)
    first, layer = layers(settings, (8, 9))
    assert first == ("keras.Input", ((8, 9, 4),), {})
    assert layer == (
        "keras.layers.Conv2D",
        (),
        {
            "filters": 6,
            "kernel_size": (3, 5),
            "strides": 2,
            "padding": "valid",
            "dilation_rate": 1,
            "groups": 2,
            "use_bias": True,
        },
    )


def test_same_with_zeros_is_keras_own() -> None:
    _input, layer = layers(ConvolutionSettings((4, 4), padding="same"), (6, 6))
    assert layer[2]["padding"] == "same"


def test_numbers_of_zeros_need_a_layer_before() -> None:
    _input, pad, layer = layers(ConvolutionSettings((3, 3), 2, (1, 2)), (6, 6))
    assert pad == ("keras.layers.ZeroPadding2D", (((1, 1), (2, 2)),), {})
    assert layer[2]["padding"] == "valid"


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_other_fillings_pick_rows_and_columns(mode: Any) -> None:
    """Against numpy.pad, on an image in Keras's order: N, H, W, C."""
    image = np.random.default_rng(0).normal(size=(1, 5, 6, 2))
    settings = ConvolutionSettings((4, 4), 1, "same", mode, in_channels=2)
    _input, *steps, layer = layers(settings, (5, 6))
    padded = image
    for _name, (step,), _named in steps:
        padded = step(padded)
    expected = np.pad(image, ((0, 0), (1, 2), (1, 2), (0, 0)), mode=PADDING_MODES[mode][1])
    np.testing.assert_array_equal(padded, expected)
    assert layer[2]["padding"] == "valid"


def test_a_side_without_padding_needs_no_step() -> None:
    settings = ConvolutionSettings((3, 3), padding=(0, 1), padding_mode="circular")
    assert len(layers(settings, (5, 5))) == 3
    ast.parse(keras_call(settings, (5, 5)))
