"""A stack of layers as text for a link, as the rows of a table, and as the cells that one output reads."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import extent
from cnnviz.layers.receptive_field import PRESETS, FieldStep, Layer, map_sizes, trace
from cnnviz.messages import N_

MAX_LAYERS = 64
KINDS = {"c": "conv", "p": "pool"}
LIMITS = {"kernel_size": (1, 31), "stride": (1, 8), "padding": (0, 128), "dilation": (1, 64)}
"""Smallest and largest value of each setting that a handmade layer may have."""

Stack = tuple[Layer, ...]


def _nameless(stack: Stack) -> Stack:
    return tuple(replace(layer, name="") for layer in stack)


_PRESET_OF = {_nameless(preset.layers): name for name, preset in PRESETS.items()}


def preset_of(stack: Stack) -> str | None:
    """Id of the preset with these very layers, names aside.

    >>> preset_of((Layer("conv", 3, padding=1), Layer("conv", 3, padding=1)))
    'two_3x3'
    """
    return _PRESET_OF.get(_nameless(stack))


def named(stack: Stack) -> Stack:
    """The stack with a name for every layer: the preset's, or its kind and place."""
    preset = preset_of(stack)
    if preset:
        return PRESETS[preset].layers
    return tuple(replace(layer, name=f"{layer.kind}{place}") for place, layer in enumerate(stack, start=1))


def write_stack(stack: Stack) -> str:
    """As text that an address leaves as it is: a preset's id, or kind, kernel, stride, padding, dilation.

    >>> write_stack((Layer("conv", 5, padding=2), Layer("pool", 2, 2)))
    'c5-1-2-1~p2-2-0-1'
    """
    if not stack:
        return "none"
    rows = (
        f"{layer.kind[0]}{layer.kernel_size}-{layer.stride}-{layer.padding_pair[0]}-{layer.dilation}"
        for layer in stack
    )
    return preset_of(stack) or "~".join(rows)


def read_stack(text: str) -> Stack:
    """The stack that :func:`write_stack` wrote, with its names.

    Raises:
        ValueError: the text is no stack, or one with a layer that can't be.

    >>> [layer.name for layer in read_stack("c5-1-2-1~p2-2-0-1")]
    ['conv1', 'pool2']
    """
    if text == "none":
        return ()
    if text in PRESETS:
        return PRESETS[text].layers
    parts = text.split("~")
    if len(parts) > MAX_LAYERS:
        raise ValueError(text)
    rows = [
        {"kind": KINDS.get(part[:1]), **dict(zip(LIMITS, map(int, part[1:].split("-")), strict=True))}
        for part in parts
    ]
    return named(tuple(_layer(row) for row in rows))


def random_stack(rng: random.Random) -> Stack:
    """Two or three layers whose field can be found in one's head."""
    layers: list[Layer] = []
    for _ in range(rng.randint(2, 3)):
        if layers and rng.random() < 0.3:
            layers.append(Layer("pool", 2, 2))
            continue
        kernel_size, dilation = rng.choice((3, 3, 5)), rng.choice((1, 1, 1, 2))
        layers.append(
            Layer("conv", kernel_size, rng.choice((1, 1, 2)), dilation * (kernel_size // 2), dilation)
        )
    return named(tuple(layers))


def rows_of(stack: Stack) -> list[dict[str, object]]:
    """The stack as a table: one row a layer, with the columns kind, kernel_size, stride, padding, dilation."""
    return [
        {
            "kind": layer.kind,
            "kernel_size": layer.kernel_size,
            "stride": layer.stride,
            "padding": layer.padding_pair[0],
            "dilation": layer.dilation,
        }
        for layer in stack
    ]


def read_rows(rows: Sequence[Mapping[str, object]]) -> tuple[Stack, dict[int, SettingError]]:
    """The layers of a table that somebody has edited, and what is wrong with the rows that are none.

    Args:
        rows: with the columns of :func:`rows_of`; any value may be missing or nonsense.

    Returns:
        The good rows as a stack, at most :data:`MAX_LAYERS`; and by row number, from 1, why a row is not in it.

    >>> stack, wrong = read_rows([*rows_of((Layer("conv", 3),)), {"kind": "conv", "kernel_size": 0}])
    >>> len(stack), str(wrong[2])
    (1, 'kernel_size is 0; it must be from 1 to 31')
    """
    layers: list[Layer] = []
    wrong: dict[int, SettingError] = {}
    for number, row in enumerate(rows, start=1):
        try:
            if len(layers) == MAX_LAYERS:
                raise SettingError(N_("a stack has at most {most} layers here"), most=MAX_LAYERS)
            layers.append(_layer(row))
        except SettingError as error:
            wrong[number] = error
    return named(tuple(layers)), wrong


def size_formula(stack: Stack) -> str:
    r"""LaTeX of ``1 + Σ (k - 1)·d·jump``, layers of the same jump taken together.

    >>> print(size_formula(PRESETS["vgg16"].layers))
    1 + 5\cdot 1 + 5\cdot 2 + 7\cdot 4 + 7\cdot 8 + 7\cdot 16
    """
    return " + ".join(
        ["1", *_terms(stack, [extent(layer.kernel_size, layer.dilation) - 1 for layer in stack])]
    )


def padding_formula(stack: Stack) -> str:
    r"""LaTeX of ``Σ p·jump``, likewise."""
    return " + ".join(_terms(stack, [layer.padding_pair[0] for layer in stack])) or "0"


def jump_formula(stack: Stack) -> str:
    r"""LaTeX of the product of the strides, ones left out.

    >>> print(jump_formula(PRESETS["alexnet"].layers))
    4\cdot 2^{3}
    """
    counts = Counter(layer.stride for layer in stack if layer.stride > 1)
    return r"\cdot ".join(f"{s}^{{{n}}}" if n > 1 else str(s) for s, n in counts.items()) or "1"


def _terms(stack: Stack, amounts: Sequence[int], most: int = 8) -> list[str]:
    """``amount·jump`` for each jump, at most about `most` of them."""
    jump, sums = 1, dict[int, int]()
    for layer, amount in zip(stack, amounts, strict=True):
        sums[jump] = sums.get(jump, 0) + amount
        jump *= layer.stride
    terms = [rf"{amount}\cdot {jump}" for jump, amount in sums.items() if amount]
    return terms if len(terms) <= most else [*terms[: most - 2], r"\cdots", terms[-1]]


def weights_at(stack: Stack, channels: int) -> int:
    """Weights, without biases, of the stack's convolutions from `channels` to as many channels.

    >>> weights_at(PRESETS["three_3x3"].layers, 64), weights_at(PRESETS["one_7x7"].layers, 64)
    (110592, 200704)
    """
    return sum((layer.kernel_size * channels) ** 2 for layer in stack if layer.kind == "conv")


@dataclass(frozen=True)
class PublishedField:
    """What is published about a stack; None where that number is not.

    Attributes:
        source: where.
        why: why it differs from ours, as a marked English sentence; empty where it doesn't.
    """

    source: str
    size: int
    jump: int | None = None
    padding: int | None = None
    why: str = ""


_TABLE = "github.com/google-research/receptive_field"
_VGG = "Simonyan & Zisserman, arXiv 1409.1556, § 2.3"
PUBLISHED = {
    "two_3x3": PublishedField(_VGG, 5),
    "three_3x3": PublishedField(_VGG, 7),
    "dilated": PublishedField("Yu & Koltun, arXiv 1511.07122, § 2: 2^(i+2) − 1", 31),
    "alexnet": PublishedField(_TABLE, 195, 32, 64),
    "vgg16": PublishedField(_TABLE, 212, 32, 90),
    "resnet50_v1": PublishedField(_TABLE, 483, 32),
    "resnet50_v1_5": PublishedField(
        _TABLE,
        483,
        32,
        why=N_(
            "The published network is the one of 2015: its blocks halve the map in the first 1×1, torchvision's in the 3×3, where the jump grows one layer later."
        ),
    ),
    "mobilenet": PublishedField(
        _TABLE,
        315,
        32,
        126,
        why=N_(
            "TensorFlow's 'same' puts nothing before an even input under a 3×3 of stride 2, PyTorch's padding=1 one pixel: 1 + 2 + 4 + 8 + 16 = 31 pixels over the five such layers."
        ),
    ),
}
"""By preset: the fields of the networks from the table of Araujo, Norris & Sim (Distill 2019)."""


@dataclass(frozen=True)
class Level:
    """One map of a stack, seen from one cell of the last.

    Attributes:
        name: of the layer that made it; empty for the input.
        size: number of cells.
        jump: input pixels from one cell to the next.
        start: centre of the field of cell 0, in input pixels.
        first, last: the outermost cells that count; below 0 or from `size` on they are padding.
        cells: which cells count, padding included; empty where they are too many to draw.
        edges: (cell, cell of the map below it) for every weight on the way; empty likewise.
    """

    name: str
    size: int
    jump: int
    start: float
    first: int
    last: int
    cells: tuple[int, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    def position(self, cell: float) -> float:
        """Centre of a cell's field, in input pixels."""
        return self.start + cell * self.jump


def fan(stack: Stack, input_size: int, cell: int, most: int = 600) -> tuple[Level, ...]:
    """What one cell of the last map reads, map by map, from the input (first) up to itself (last).

    Args:
        stack: at least one layer.
        input_size: pixels of the input.
        cell: of the last map, in range.
        most: edges that are listed one by one; with more, levels have `first` and `last` only.

    Raises:
        SettingError: the stack shrinks the input to nothing.

    >>> [level.cells for level in fan(PRESETS["two_3x3"].layers, 9, 4)]
    [(2, 3, 4, 5, 6), (3, 4, 5), (4,)]
    """
    sizes = (input_size, *map_sizes(stack, input_size))
    steps = trace(stack)
    levels = []
    first = last = cell
    cells: tuple[int, ...] = (cell,)
    budget = most
    for place in range(len(stack), -1, -1):
        jump, start = _grid(steps, place)
        name = stack[place - 1].name if place else ""
        level = Level(name, sizes[place], jump, start, first, last, cells)
        if place:
            layer, before = stack[place - 1], stack[place - 1].padding_pair[0]
            first = first * layer.stride - before
            last = last * layer.stride - before + extent(layer.kernel_size, layer.dilation) - 1
            budget -= len(cells) * layer.kernel_size
            real = [c for c in cells if 0 <= c < sizes[place]]
            edges = [
                (c, c * layer.stride - before + tap * layer.dilation)
                for c in (real if budget >= 0 else [])
                for tap in range(layer.kernel_size)
            ]
            cells = tuple(sorted({below for _, below in edges}))
            level = replace(level, edges=tuple(edges))
        levels.append(level)
    if budget < 0:
        levels = [replace(level, cells=(), edges=()) for level in levels]
    return tuple(reversed(levels))


def _grid(steps: Sequence[FieldStep], place: int) -> tuple[int, float]:
    return (steps[place - 1].jump, steps[place - 1].start) if place else (1, 0.0)


def _layer(row: Mapping[str, object]) -> Layer:
    kind = row.get("kind")
    if kind != "conv" and kind != "pool":
        raise SettingError(N_("its kind is missing; it must be a convolution or a pooling"))
    kernel_size, stride, padding, dilation = (_whole(name, row.get(name)) for name in LIMITS)
    return Layer(kind, kernel_size, stride, padding, dilation)


def _whole(name: str, value: object) -> int:
    low, high = LIMITS[name]
    # An empty cell arrives as None, NaN or pandas' NA, which is not even equal to itself.
    if not isinstance(value, int | float) or value != value:
        raise SettingError(
            N_("{setting} is missing; it must be a whole number from {low} to {high}"),
            setting=name,
            low=low,
            high=high,
        )
    if value != int(value) or not low <= value <= high:
        raise SettingError(
            N_("{setting} is {value}; it must be from {low} to {high}"),
            setting=name,
            value=f"{value:g}",
            low=low,
            high=high,
        )
    return int(value)
