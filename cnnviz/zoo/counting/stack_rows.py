"""The rows of a stack as text for a link, and stacks to begin with."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cnnviz.messages import N_
from cnnviz.zoo.counting.results import Shape
from cnnviz.zoo.counting.stacks import KINDS, MAX_ROWS

NUMBERS = ("out_channels", "kernel_size", "stride", "padding", "groups")
LARGEST = 10**6
"""Numbers beyond are cut to it: :func:`~cnnviz.zoo.counting.stacks.count_stack` refuses them all the same."""


@dataclass(frozen=True)
class StackRow:
    """A row of the table, sensible or not; None is an empty cell."""

    kind: str | None
    out_channels: int | None = None
    kernel_size: int | None = None
    stride: int | None = None
    padding: int | None = None
    groups: int | None = None
    bias: bool = field(default=True, kw_only=True)

    def cells(self) -> dict[str, object]:
        """As a row for :func:`~cnnviz.zoo.counting.stacks.count_stack`."""
        return asdict(self)


Rows = tuple[StackRow, ...]


def row_of(cells: Mapping[str, object]) -> StackRow:
    """A row of a table that somebody has edited; what is no number or no kind becomes an empty cell.

    >>> row_of({"kind": "conv", "out_channels": 8, "kernel_size": float("nan"), "bias": None})
    StackRow(kind='conv', out_channels=8, kernel_size=None, stride=None, padding=None, groups=None, bias=True)
    """
    kind = cells.get("kind")
    numbers = (_number(cells.get(name)) for name in NUMBERS)
    return StackRow(
        kind if isinstance(kind, str) and kind in KINDS else None,
        *numbers,
        bias=cells.get("bias") is not False,
    )


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(max(-LARGEST, min(LARGEST, value)))


def write_rows(rows: Rows) -> str:
    """As text that an address leaves as it is: a preset's id, or what stands in the cells of each row.

    These are kind, out_channels, kernel_size, stride, padding, groups, bias; empty ones at the end are left out.

    >>> write_rows((StackRow("conv", 8, 3, padding=1, bias=False), StackRow("pool", None, 2), StackRow("relu")))
    'conv_8_3__1__0~pool__2~relu'
    """
    if not rows:
        return "none"
    return preset_of(rows) or "~".join(map(_write, rows))


def _write(row: StackRow) -> str:
    numbers = ["" if (value := getattr(row, name)) is None else str(value) for name in NUMBERS]
    return "_".join([row.kind or "", *numbers, "" if row.bias else "0"]).rstrip("_")


def read_rows(text: str) -> Rows:
    """What :func:`write_rows` wrote.

    Raises:
        ValueError: the text is no stack.

    >>> read_rows("conv_8_3~relu")[0].kernel_size
    3
    """
    if text == "none":
        return ()
    if text in PRESETS:
        return PRESETS[text].rows
    parts = text.split("~")
    if len(parts) > MAX_ROWS:
        raise ValueError(text)
    return tuple(map(_read, parts))


def _read(part: str) -> StackRow:
    kind, *cells = part.split("_")
    if (kind and kind not in KINDS) or len(cells) > len(NUMBERS) + 1:
        raise ValueError(part)
    cells += [""] * (len(NUMBERS) + 1 - len(cells))
    *numbers, bias = cells
    return StackRow(
        kind or None, *(_number(int(cell)) if cell else None for cell in numbers), bias=bias != "0"
    )


@dataclass(frozen=True)
class StackPreset:
    """A stack to begin with.

    Attributes:
        title: English, marked for translation.
        rows: first to last.
        input_shape: (C, H, W) that suits it.
        network: the network of torchvision with the same layers, if there is one.
    """

    title: str
    rows: Rows
    input_shape: Shape = (3, 224, 224)
    network: str | None = None


def _vgg(plan: Sequence[int | str]) -> Rows:
    rows: list[StackRow] = []
    for step in plan:
        if isinstance(step, int):
            rows += [StackRow("conv", step, 3, 1, 1, 1), StackRow("relu")]
        else:
            rows.append(StackRow("pool", None, 2, 2, 0))
    return tuple(rows)


def _dense(*widths: int) -> Rows:
    """Dense layers with a non-linearity between them."""
    rows = [StackRow("linear", widths[0])]
    for width in widths[1:]:
        rows += [StackRow("relu"), StackRow("linear", width)]
    return tuple(rows)


_ALEXNET = (
    StackRow("conv", 64, 11, 4, 2, 1),
    StackRow("relu"),
    StackRow("pool", None, 3, 2, 0),
    StackRow("conv", 192, 5, 1, 2, 1),
    StackRow("relu"),
    StackRow("pool", None, 3, 2, 0),
    StackRow("conv", 384, 3, 1, 1, 1),
    StackRow("relu"),
    StackRow("conv", 256, 3, 1, 1, 1),
    StackRow("relu"),
    StackRow("conv", 256, 3, 1, 1, 1),
    StackRow("relu"),
    StackRow("pool", None, 3, 2, 0),
)
_VGG16 = _vgg((64, 64, "p", 128, 128, "p", 256, 256, 256, "p", 512, 512, 512, "p", 512, 512, 512, "p"))
PRESETS = {
    "small": StackPreset(
        N_("Two convolutions, dense head"),
        (*_vgg((16, "p", 32, "p")), StackRow("flatten"), *_dense(128, 10)),
        (3, 32, 32),
    ),
    "small_gap": StackPreset(
        N_("Two convolutions, global average"),
        (*_vgg((16, "p", 32, "p")), StackRow("gap"), *_dense(10)),
        (3, 32, 32),
    ),
    "alexnet": StackPreset(
        "AlexNet", (*_ALEXNET, StackRow("flatten"), *_dense(4096, 4096, 1000)), network="alexnet"
    ),
    "vgg16": StackPreset("VGG16", (*_VGG16, StackRow("flatten"), *_dense(4096, 4096, 1000)), network="vgg16"),
    "vgg16_gap": StackPreset(
        N_("VGG16, global average instead of two dense layers"), (*_VGG16, StackRow("gap"), *_dense(1000))
    ),
}


def preset_of(rows: Rows) -> str | None:
    """Id of the preset with these very rows."""
    return next((name for name, preset in PRESETS.items() if preset.rows == rows), None)
