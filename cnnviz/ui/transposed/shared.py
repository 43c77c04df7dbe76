"""What the views of the lesson share: the layer's controls, its question, and what vouches for a cell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnviz.errors import CnnvizError
from cnnviz.layers.convolution import Floats
from cnnviz.proof import Proof
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import OWN, LayerControls
from cnnviz.ui.layer_proofs import settled, tex
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling import transposed_presets as presets
from cnnviz.upsampling.transposed import (
    PUBLISHED_SIZES,
    SIZES_SOURCE,
    TransposedSettings,
    products,
    reference,
)

MOST_INPUT, MOST_KERNEL = 7, 5
_TERMS = 6


@dataclass(frozen=True, eq=False)
class Layer:
    """What the controls are set to.

    Attributes:
        x: the input, (n, n).
        w: the kernel, (k, k).
        settings: the layer.
    """

    x: Floats
    w: Floats
    settings: TransposedSettings

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the output; raises as :meth:`TransposedSettings.output_size` does."""
        return self.settings.output_size((len(self.x), len(self.x)), (len(self.w), len(self.w)))


def controls(layer: LayerControls, there_and_back: bool = False) -> Layer:
    """Draw them. On the way there and back, the input is the large picture, and output padding follows."""
    lesson = layer.lesson
    chosen = layer.pick("in", _("Input"), _titles(presets.INPUTS), "count", "x", 81)
    if there_and_back:
        side = lesson.slider("big", _("Picture's side"), 3, 9, 5)
    else:
        side = lesson.slider("n", _("Input's side"), 1, MOST_INPUT, 2)
    own = lesson.linked("w", (), state.grids(MOST_KERNEL**2))
    titles = _titles(presets.KERNELS)
    if there_and_back:
        # Small weights, so that the numbers stay near those of the picture; the reader's own serve, too.
        titles |= {OWN: _("Your own numbers")} if own else {}
        kernel = lesson.choice("back", _("Kernel"), titles, "ones", kind="list")
    else:
        kernel = layer.pick("k", _("Kernel"), titles, "count", "w", MOST_KERNEL**2)
    width = lesson.slider("kk", _("Kernel size"), 1, MOST_KERNEL, 3)
    stride = lesson.slider("s", _("Stride"), 1, 4, 2)
    padding = lesson.slider("p", _("Padding"), 0, 4, 0)
    extra = 0 if there_and_back else lesson.slider("op", _("Output padding"), 0, 3, 0)
    dilation = lesson.slider("d", _("Dilation"), 1, 3, 1)
    if presets.RANDOM in (chosen, kernel):
        layer.reseed_button()
    x = layer.own("x", (side, side)) if chosen == OWN else presets.make_input(chosen, side, side, layer.seed)
    w = layer.own("w", (width, width)) if kernel == OWN else presets.make_kernel(kernel, width, layer.seed)
    return Layer(x, w, TransposedSettings(stride, padding, extra, dilation))


def _titles(named: Mapping[str, str]) -> dict[str, str]:
    return {name: _(title) for name, title in named.items()}


DEFAULT_CELL = (2, 2)


def cell(lesson: LessonPage, layer: Layer) -> tuple[int, int]:
    """The output cell that all views look at: the one in the link, moved to where there is one."""
    stored = (*lesson.linked("cell", DEFAULT_CELL, state.cells(2)), 0, 0)
    height, width = layer.size
    return min(max(stored[0], 0), height - 1), min(max(stored[1], 0), width - 1)


# The question


REDRAWN = ("n", "kk", "s", "p", "op")
"""Controls that another question changes."""


def ask_rows(lesson: LessonPage, layer: Layer) -> bool:
    """Ask for the output's rows."""
    settings = layer.settings
    question = _(
        "A transposed convolution gets {rows} rows. Its kernel has {k}, its stride is {s}, padding {p}, output "
        "padding {op}, dilation {d}. How many rows come out?"
    )
    return lesson.predict(
        question.format(
            rows=len(layer.x),
            k=len(layer.w),
            s=settings.stride,
            p=settings.padding,
            op=settings.output_padding,
            d=settings.dilation,
        ),
        layer.size[0],
        why=f"${size_formula(len(layer.x), len(layer.w), settings)} = {layer.size[0]}$",
        redraw=("ask", *REDRAWN),
        accept=fair(layer),
    )


def fair(layer: Layer) -> Callable[[Mapping[str, Any]], bool]:
    """Which random settings make a layer, and one for pen and paper."""

    def accept(drawn: Mapping[str, Any]) -> bool:
        settings = TransposedSettings(drawn["s"], drawn["p"], drawn["op"], layer.settings.dilation)
        try:
            height, _width = settings.output_size((drawn["n"],) * 2, (drawn["kk"],) * 2)
        except CnnvizError:
            return False
        return 2 <= height <= 12 and drawn["p"] <= 2

    return accept


# Proof


def size_formula(size: int, kernel: int, settings: TransposedSettings) -> str:
    """LaTeX of one side's output size, with its values."""
    return (
        rf"({size} - 1) \cdot {settings.stride} - 2 \cdot {settings.padding} + {settings.dilation} \cdot "
        rf"({kernel} - 1) + {settings.output_padding} + 1"
    )


def size_proof(layer: Layer) -> Proof:
    """The output's height and width, which are the same."""
    settings = layer.settings
    n, k = len(layer.x), len(layer.w)
    case = (n, k, settings.stride, settings.padding, settings.output_padding)
    return Proof(
        _("Output height and width"),
        size_formula(n, k, settings),
        layer.size[0],
        measured=reference(layer.x, layer.w, settings).shape[0],
        published=PUBLISHED_SIZES.get(case) if settings.dilation == 1 else None,
        source=SIZES_SOURCE,
    )


def cell_proof(layer: Layer, place: tuple[int, int], error: float) -> Proof:
    """What adds up in one output cell, and the largest difference over all of them."""
    found = products(layer.x, layer.w, layer.settings, place)
    terms = [rf"{tex(each.value)} \cdot {tex(each.weight)}" for each in found]
    if len(terms) > _TERMS:
        terms = [*terms[: _TERMS - 2], r"\cdots", terms[-1]]
    total = sum(each.value * each.weight for each in found)
    why = _("Largest difference from conv_transpose2d, over all {cells} cells: {error}.")
    height, width = layer.size
    return Proof(
        _("Output, row {row}, column {column}").format(row=place[0] + 1, column=place[1] + 1),
        " + ".join(terms) or r"\sum_{\varnothing}",
        settled(total),
        measured=settled(float(reference(layer.x, layer.w, layer.settings)[place])),
        why=why.format(cells=height * width, error=f"{error:.1g}"),
    )
