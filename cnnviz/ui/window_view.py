"""Layers on the window explorer: a core result and the reader's words become what the explorer draws."""

from collections.abc import Sequence

import numpy as np

from cnnviz.layers.convolution import ConvolutionResult
from cnnviz.layers.pooling import PoolingResult
from cnnviz.ui.language import _
from cnnviz.ui.window import Cell, WindowLabels, WindowView

NOTHING: frozenset[Cell] = frozenset()


def convolution_view(
    result: ConvolutionResult,
    *,
    selected: Cell | None = None,
    hidden_cells: frozenset[Cell] = NOTHING,
    edit_input: bool = False,
    edit_weight: bool = False,
    decimals: int = 2,
) -> WindowView:
    """A convolution layer's windows."""
    settings = result.settings
    return WindowView(
        mode="convolution",
        input=result.padded,
        output=result.output,
        kernel_size=settings.kernel_size,
        weight=result.weight,
        bias=result.bias if settings.bias else None,
        pads=result.pads,
        stride=(settings.stride, settings.stride),
        dilation=(settings.dilation, settings.dilation),
        groups=settings.groups,
        flipped=settings.flip,
        selected=selected,
        hidden_cells=hidden_cells,
        edit_input=edit_input,
        edit_weight=edit_weight,
        decimals=decimals,
    )


def pooling_view(
    result: PoolingResult,
    *,
    selected: Cell | None = None,
    hidden_cells: frozenset[Cell] = NOTHING,
    edit_input: bool = False,
    decimals: int = 2,
) -> WindowView:
    """A pooling layer's windows; padding holds what the layer makes of it: zeros, or what never wins."""
    settings = result.settings
    mode, pad = settings.operation, settings.padding
    fill = {"max": -np.inf, "min": np.inf, "average": 0.0}[mode]
    return WindowView(
        mode=mode,
        input=np.pad(result.input, ((0, 0), (pad, pad), (pad, pad)), constant_values=fill),
        output=result.output,
        kernel_size=settings.kernel_size,
        pads=(pad, pad, pad, pad),
        stride=(settings.stride, settings.stride),
        winners=result.indices,
        count_padding=settings.count_include_pad,
        selected=selected,
        hidden_cells=hidden_cells,
        edit_input=edit_input,
        decimals=decimals,
    )


def window_labels(
    view: WindowView, *, inputs: Sequence[str] = (), outputs: Sequence[str] = (), hint: str = ""
) -> WindowLabels:
    """The explorer's words for `view`, in the reader's language.

    Args:
        view: what is shown.
        inputs, outputs: names of the channels, where "Input 2" says too little.
        hint: how to use it, where the usual hint says too little.
    """
    channels, height, width = view.input.shape
    top, bottom, left, right = view.pads
    plain = _size(height - top - bottom, width - left - right)
    padded = _("{size}, padded to {padded}").format(size=plain, padded=_size(height, width))
    single = channels == view.output.shape[0] == 1
    pooling = {"max": _("max"), "min": _("min"), "average": _("mean")}
    return WindowLabels(
        inputs=tuple(inputs) or _numbered(_("Input"), channels),
        outputs=tuple(outputs) or _numbered(_("Output"), view.output.shape[0]),
        input_note=f"({padded if any(view.pads) else plain})",
        output_note=f"({_size(*view.output.shape[1:])})",
        operator=pooling.get(view.mode, "∗"),
        cell=_("{grid}, row {row}, column {column}"),
        padding=_("padding"),
        hidden=_("hidden"),
        readers=_("Output cells that read it: {count}"),
        player=_("Move the window"),
        back=_("Step back"),
        forward=_("Step forward"),
        play=_("Play"),
        pause=_("Pause"),
        speed=_("Speed"),
        position=_("{index} of {count}"),
        show_all=_("Show all {count} terms"),
        show_less=_("Show fewer terms"),
        hint=hint or _usual_hint(view),
        kernel=_("Kernel") if single else "{input} → {output}",
        kernel_note=f"({_size(*view.kernel_size)})",
        bias=_("bias"),
        invalid=_("That is not a number."),
    )


def _usual_hint(view: WindowView) -> str:
    point = _("Point at an output cell to see where it comes from, or at an input cell to see where it goes.")
    edit = {
        (True, True): _("Double-click a number of the input or the kernel, and type another."),
        (True, False): _("Double-click a number of the input, and type another."),
        (False, True): _("Double-click a number of the kernel, and type another."),
    }.get((view.edit_input, view.edit_weight), "")
    return f"{point} {edit}".strip()


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return (name,) if count == 1 else tuple(f"{name} {number}" for number in range(1, count + 1))


def _size(height: int, width: int) -> str:
    return f"{height} × {width}"
