"""First view: offsets drawn by hand, on the visitor's photo."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.blocks.deformable_code import points_code
from cnnviz.blocks.deformable_points import (
    SHAPES,
    Drawn,
    Floats,
    Maps,
    Sample,
    Shape,
    fixed_kernel,
    maps,
    samples_at,
    twin,
    twin_map,
)
from cnnviz.errors import CnnvizError
from cnnviz.figures.deformable import CloseUp, close_up, points_picture
from cnnviz.figures.maps import DIVERGING, colour, enlarge
from cnnviz.figures.zoo import Row, table
from cnnviz.images import encode_png, fit
from cnnviz.layers.kernels import GREY, PRESETS
from cnnviz.proof import Proof
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import settled, tex
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

SIDE = 48
"""Long side of the photo, in pixels: so few that a window of 3 × 3 can be seen on it."""
_DEFAULT = 12, 18
"""The eye of the cat, which opens the lesson."""
_TERMS = 3
_MAP = 220
_KERNELS = ("sobel-x", "box", "gaussian", "laplacian", "identity")


@dataclass(frozen=True, eq=False)
class _Settings:
    """What the controls say, and the photo: (H, W, 3) and its grey levels (H, W)."""

    rgb: NDArray[np.uint8]
    x: Floats
    drawn: Drawn
    kernel: Floats
    modulation: Floats
    point: int


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo()
    rgb = fit(photo.rgb, SIDE)
    controls, stage = lesson.bench()
    source = ""
    try:
        with controls:
            settings = _controls(lesson, rgb)
        with stage:
            cell = _show(lesson, settings, photo)
        source = points_code(
            photo.code, settings.x.shape, settings.kernel, settings.drawn, settings.modulation, cell
        )  # fmt: skip
    except CnnvizError as error:
        with stage:
            lesson.problem(error)
    for anchor in ("offsets", "between", "fixed", "modulation"):
        lesson.section(anchor)
    if source:
        lesson.code(source, photo)


def _controls(lesson: LessonPage, rgb: NDArray[np.uint8]) -> _Settings:
    layer = LayerControls(lesson)
    size = lesson.slider("k", _("Kernel size"), 3, 5, 3, step=2)
    dilation = lesson.slider("d", _("Dilation of the regular grid"), 1, 4, 2)
    names = {name: _(PRESETS[name].title) for name in _KERNELS}
    kernel = lesson.choice("w", _("Weights"), names, "sobel-x", kind="list")
    titles: dict[str, str] = {name: _(title) for name, title in SHAPES.items()}
    chosen = lesson.choice("o", _("Offsets"), titles, "rotated", kind="list")
    shape: Shape = next(each for each in SHAPES if each == chosen)
    # Even sizes come from a link only; they are explained below, and have points to choose from as well.
    point = lesson.slider("n", _("Point looked at"), 1, size**2, size + 1) - 1
    given: dict[str, float] = {}
    if shape == "scaled":
        given["scale"] = lesson.fraction("f", _("Scale"), 0, 4, 2, step=0.25)
    elif shape == "rotated":
        given["turn"] = lesson.slider("a", _("Turn, degrees clockwise"), -180, 180, 25, step=5)
    elif shape == "stretched":
        given["down"] = lesson.fraction("fy", _("Stretch downwards"), 0, 4, 1, step=0.25)
        given["across"] = lesson.fraction("fx", _("Stretch sideways"), 0, 4, 2.5, step=0.25)
    elif shape in ("shifted", "moved"):
        given["dy"] = lesson.fraction("dy", _("Downwards, pixels"), -8, 8, 2, step=0.25)
        given["dx"] = lesson.fraction("dx", _("To the right, pixels"), -8, 8, 3.5, step=0.25)
        given["point"] = point
    elif shape == "scattered":
        given["strength"] = lesson.fraction("r", _("Standard deviation, pixels"), 0, 4, 1, step=0.25)
        given["seed"] = layer.seed
        layer.reseed_button()
    modulation = np.ones(size**2)
    if lesson.toggle("v2", _("Version 2: modulation")):
        words = _("Modulation of the point looked at")
        modulation[point] = lesson.fraction("m", words, 0, 1, 0.5, step=0.05)
    drawn = Drawn(shape, size, dilation, **given)  # type: ignore[arg-type]
    x = ((rgb.astype(np.int32) @ GREY + 500) // 1000).astype(np.float64)
    return _Settings(rgb, x, drawn, PRESETS[kernel].make(size, size), modulation, point)


def _show(lesson: LessonPage, given: _Settings, photo: Photo) -> tuple[int, int]:
    height, width = given.x.shape
    # Read here already, because the points are drawn on the picture that the cell is picked from.
    row, column = (*lesson.linked("at", _DEFAULT, state.cells(2)), 0)[:2]
    cell = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    samples = samples_at(given.x, given.kernel, given.drawn, cell, given.modulation)
    shown = _ask(lesson, given, samples[given.point])
    with lesson.card():
        _photo(lesson, given, samples, cell, photo, shown)
        if shown:
            _closely(given, samples)
    if shown:
        made = maps(given.x, given.kernel, given.drawn, given.modulation)
        _sum(given, samples, cell)
        _maps(lesson, given, made)
        lesson.prove(*_proofs(given, samples, made, cell))
    return cell


def _ask(lesson: LessonPage, given: _Settings, sample: Sample) -> bool:
    height, width = given.x.shape
    y, x = sample.place
    return lesson.predict(
        _(
            "Rows and columns count from 0 at the middle of a pixel, and the photo has {height} × {width} of them. Point "
            "{n} lies at row {y}, column {x}. How many pixels are mixed into what it reads?"
        ).format(height=height, width=width, n=given.point + 1, y=f"{y:.4g}", x=f"{x:.4g}"),
        sample.mixed,
        why=_("Each coordinate that is no whole number lies between two; outside the photo there are none."),
        redraw=["o", "d", "n"],
        accept=lambda drawn: drawn["n"] <= given.drawn.kernel_size**2,
    )


def _photo(
    lesson: LessonPage,
    given: _Settings,
    samples: tuple[Sample, ...],
    cell: tuple[int, int],
    photo: Photo,
    shown: bool,
) -> None:
    height, width = given.x.shape
    factor = max(4, 768 // max(height, width))
    regular, places = _arrays(samples)
    picture = points_picture(given.rgb, regular if not shown else places, regular if shown else None,
                             given.point if shown else None, factor=factor)  # fmt: skip
    told = _alt(samples) if shown else _("The regular grid is marked.")
    lesson.pick_cell(
        "at",
        encode_png(picture),
        height,
        width,
        _DEFAULT,
        alt=f"{photo.alt} {told}",
        label=_("Pick the output cell whose window is drawn"),
    )
    if shown:
        st.caption(
            _(
                "Rings: the regular grid around row {row}, column {column}. Dots: where the layer reads. Pick another "
                "place on the photo."
            ).format(row=cell[0], column=cell[1])
        )


def _arrays(samples: tuple[Sample, ...]) -> tuple[Floats, Floats]:
    return np.array([each.regular for each in samples]), np.array([each.place for each in samples])


def _alt(samples: tuple[Sample, ...]) -> str:
    told = "; ".join(f"{each.place[0]:.3g}, {each.place[1]:.3g}" for each in samples)
    return _("The layer reads at row, column: {places}.").format(places=told)


def _closely(given: _Settings, samples: tuple[Sample, ...]) -> None:
    regular, places = _arrays(samples)
    sample = samples[given.point]
    corners = [(p.row, p.column, p.value, p.share) for p in sample.pixels]
    picture, words = st.columns(2, gap="medium")
    with picture:
        drawn = CloseUp(given.x, regular, places, given.point, corners, _alt(samples))
        st.markdown(close_up(drawn), unsafe_allow_html=True)
    with words:
        n = given.point + 1
        y, x = sample.place
        st.markdown(
            _("**Point {n}** reads at row {y}, column {x}, between four pixels:").format(
                n=n, y=f"{y:.4g}", x=f"{x:.4g}"
            )
        )
        rows = [
            Row(
                (
                    f"{pixel.row}, {pixel.column}" + ("" if pixel.inside else " " + _("(outside)")),
                    f"{pixel.value:g}",
                    f"{pixel.share:.4g}",
                    f"{pixel.share * pixel.value:.4g}",
                )
            )
            for pixel in sample.pixels
        ]
        rows.append(
            Row((_("Sum"), "", f"{sum(p.share for p in sample.pixels):.4g}", f"{sample.value:.5g}"), "total")
        )
        title = _("The four pixels of point {n}").format(n=n)
        st.html(table(title, (_("Row, column"), _("Grey level"), "G", "G · x"), rows))
        st.caption(
            _(
                "Grey levels from 0 to 255. G is the share that eq. 4 gives each pixel; the frames are as thick."
            )
        )


def _sum(given: _Settings, samples: tuple[Sample, ...], cell: tuple[int, int]) -> None:
    modulated = bool((given.modulation != 1).any())
    head = [_("Point"), "Δy, Δx", _("reads at"), "x(p)", "w", *(["Δm"] if modulated else []), _("product")]
    rows = []
    for index, each in enumerate(samples):
        dy, dx = (end - start + 0.0 for start, end in zip(each.regular, each.place, strict=True))
        cells = (
            str(index + 1),
            f"{dy:.3g}, {dx:.3g}",
            f"{each.place[0]:.4g}, {each.place[1]:.4g}",
            f"{each.value:.4g}",
            f"{each.weight:.3g}",
            *([f"{each.modulation:.2g}"] if modulated else []),
            f"{each.product:.4g}",
        )
        rows.append(Row(cells, "chosen" if index == given.point else ""))
    total = sum(each.product for each in samples)
    rows.append(Row((_("Sum"), *[""] * (len(head) - 2), f"{total:.5g}"), "total"))
    with st.expander(_("All {count} samples of this output").format(count=len(samples))):
        st.html(
            table(_("Samples of row {row}, column {column}").format(row=cell[0], column=cell[1]), head, rows)
        )


def _maps(lesson: LessonPage, given: _Settings, made: Maps) -> None:
    signed = bool((given.kernel < 0).any())
    # Zeros around the photo make the strongest edges of all, which would press the photo's own together.
    top = max(float(np.quantile(np.abs(each), 0.98)) for each in (made.ordinary, made.deformable)) or 1.0
    palette, limits = (DIVERGING, (-top, top)) if signed else ("gray", (0.0, top))
    factor = max(2, 2 * _MAP // max(given.x.shape))
    difference = np.abs(made.deformable - made.ordinary)
    largest = float(np.quantile(difference, 0.98)) or 1.0
    shown = (
        (_("Ordinary convolution"), made.ordinary, palette),
        (_("With these offsets"), made.deformable, palette),
        (_("Size of the difference"), difference, "inferno"),
    )
    with st.container(horizontal=True):
        for name, values, colours in shown:
            ends = limits if colours == palette else (0.0, largest)
            words = _("{name}: {low} to {high}").format(
                name=name, low=f"{values.min():.4g}", high=f"{values.max():.4g}"
            )
            with st.container(width=_MAP):
                lesson.map_image(enlarge(colour(values, colours, ends), factor), words, caption=words)


def _proofs(given: _Settings, samples: tuple[Sample, ...], made: Maps, cell: tuple[int, int]) -> list[Proof]:
    sample = samples[given.point]
    mixed = [rf"{tex(p.share)} \cdot {p.value:g}" for p in sample.pixels if p.share] or ["0"]
    products = [rf"{tex(s.weight * s.modulation)} \cdot {tex(s.value)}" for s in samples if s.weight] or ["0"]
    if len(products) > _TERMS + 1:
        products = [*products[:_TERMS], r"\cdots", products[-1]]
    proofs = [
        Proof(
            _("What point {n} reads").format(n=given.point + 1),
            " + ".join(mixed),
            settled(sample.value),
            measured=settled(float(made.reads[(given.point, *cell)])),
            tolerance=1e-9,
            why=_("PyTorch: F.grid_sample, at this one place."),
        ),
        Proof(
            _("Output at row {row}, column {column}").format(row=cell[0], column=cell[1]),
            " + ".join(products),
            settled(sum(each.product for each in samples)),
            measured=settled(float(made.deformable[cell])),
            tolerance=1e-9,
            why=_("PyTorch: torchvision.ops.deform_conv2d."),
        ),
        _equal(
            _("All cells: deform_conv2d against F.grid_sample and a sum"),
            r"\max_{p_0} \left|y_{\mathrm{deform}} - y_{\mathrm{sample}}\right|",
            made.deformable - made.sampled,
        ),
    ]
    if made.fixed is not None:
        side = len(fixed_kernel(given.kernel, given.drawn, given.modulation))
        proofs.append(
            _equal(
                _("All cells: one ordinary kernel of {side} × {side} instead").format(side=side),
                r"\max_{p_0} \left|y_{\mathrm{deform}} - w' * x\right|",
                made.deformable - made.fixed,
                why=_(
                    "Offsets that are the same everywhere only spread the weights over a larger kernel. What no kernel can "
                    "do is to move them from place to place."
                ),
            )
        )
    layer = twin(given.drawn)
    if layer is not None and (given.modulation == 1).all():
        names = {
            "same": _("All cells: nn.Conv2d with dilation {dilation}"),
            "dilation": _("All cells: nn.Conv2d with dilation {dilation} instead of the offsets"),
            "shift": _("All cells: nn.Conv2d with dilation {dilation}, its output moved by {shift}"),
            "turn": _("All cells: nn.Conv2d with dilation {dilation}, its kernel turned by {angle}°"),
        }
        name = names[layer.kind].format(
            dilation=layer.dilation, shift=", ".join(map(str, layer.shift)), angle=90 * layer.quarters
        )
        proofs.append(
            _equal(
                name,
                r"\max_{p_0} \left|y_{\mathrm{deform}} - y_{\mathrm{Conv2d}}\right|",
                made.deformable - twin_map(given.x, given.kernel, layer),
            )
        )
    return proofs


def _equal(name: str, formula: str, difference: Floats, why: str = "") -> Proof:
    return Proof(name, formula, 0.0, measured=settled(float(np.abs(difference).max())), why=why)
