"""Images as tensors: what a network gets when you give it a photo."""

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from cnnviz import pixels, pixels_code
from cnnviz.figures.pixels import memory_strip, pixel_table
from cnnviz.images import encode_jpeg, fit
from cnnviz.proof import Proof
from cnnviz.ui.cells import Box
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage, open_lesson
from cnnviz.ui.photo import Photo

COLUMNS = 32
"""Cells a row of the photo is divided into, to pick a place from."""
NUMBERS_SHOW = 10
"""Largest window, in pixels, whose numbers are legible."""
SHOWN = 420
"""Long side of photos shown side by side."""


def pick_place(lesson: LessonPage, photo: Photo, size: int) -> pixels.Crop:
    """Let the reader pick a place on the photo; the window of `size` pixels around it."""
    height, width = photo.rgb.shape[:2]
    columns = min(COLUMNS, width)
    rows = min(max(1, round(columns * height / width)), height, 2 * COLUMNS)

    def window(row: int, column: int) -> pixels.Crop:
        middle = (2 * row + 1) * height // (2 * rows), (2 * column + 1) * width // (2 * columns)
        return pixels.crop(photo.rgb, *middle, size)

    def outline(row: int, column: int) -> list[Box]:
        crop = window(row, column)
        down, right = crop.row + crop.rgb.shape[0], crop.column + crop.rgb.shape[1]
        return [Box(crop.column / width, crop.row / height, right / width, down / height, "#56b4e9")]

    picked = lesson.pick_cell(
        "at",
        encode_jpeg(photo.rgb),
        rows,
        columns,
        (rows * 3 // 8, columns // 3),
        alt=photo.alt,
        label=_("Pick a place on the photo"),
        boxes=outline,
    )
    return window(*picked)


def enlarged(rgb: NDArray[np.uint8], side: int = 512) -> NDArray[np.uint8]:
    """Pixels as squares, for the eye."""
    times = max(1, side // max(rgb.shape[:2]))
    return rgb.repeat(times, axis=0).repeat(times, axis=1)


def zoom_view(lesson: LessonPage, photo: Photo) -> str:
    with controls:
        size = lesson.slider("size", _("Window, in pixels"), 2, 64, 8)
    height, width = photo.rgb.shape[:2]
    with lesson.card():
        photo_side, window_side = st.columns([5, 6])
    with photo_side:
        crop = pick_place(lesson, photo, size)
    high, wide = crop.rgb.shape[:2]
    question = _("How many numbers make up the marked window of {h} × {w} pixels?").format(h=high, w=wide)
    why = _("{h} rows × {w} columns × 3 channels").format(h=high, w=wide)
    with window_side:
        if lesson.predict(question, crop.rgb.size, why=why, redraw=["size"]):
            where = _("Rows {top} to {bottom}, columns {left} to {right}").format(
                top=crop.row, bottom=crop.row + high - 1, left=crop.column, right=crop.column + wide - 1
            )
            if size <= NUMBERS_SHOW:
                st.html(pixel_table(crop.rgb, crop.row, crop.column, where))
            else:
                lesson.map_image(enlarged(crop.rgb), where, width=512)
            st.caption(where)
            if size > NUMBERS_SHOW:
                st.info(_("Down to {size} pixels the numbers show.").format(size=NUMBERS_SHOW))
    tensor = torch.from_numpy(photo.rgb.copy())
    lesson.prove(
        Proof(
            _("Numbers in the photo"),
            rf"H \cdot W \cdot C = {height} \cdot {width} \cdot 3",
            height * width * 3,
            measured=tensor.numel(),
        ),
        Proof(
            _("Bytes as float32"),
            rf"4 \cdot {height} \cdot {width} \cdot 3",
            4 * height * width * 3,
            measured=tensor.float().nbytes,
        ),
    )
    return pixels_code.zoom(photo.code, crop.row, crop.column, size)


def channels_view(lesson: LessonPage, photo: Photo) -> str:
    with controls:
        gains = tuple(
            lesson.fraction(name, label, 0, 1, 1)
            for name, label in (("r", _("Red")), ("g", _("Green")), ("b", _("Blue")))
        )
        greys = {"luma": _("As the eye sees"), "mean": _("Plain mean")}
        grey = lesson.choice("grey", _("Grey"), greys, "luma")
        bits = lesson.slider("bits", _("Bits a value"), 1, 8, 8)
    small = fit(photo.rgb, SHOWN)
    mixed = pixels.mix(small, *gains)
    means = [round(float(mean)) for mean in mixed.reshape(-1, 3).mean(axis=0)]
    columns = st.columns(4)
    for index, name in enumerate("RGB"):
        plane = np.zeros_like(mixed)
        plane[..., index] = mixed[..., index]
        with columns[index]:
            alt = _("Channel {name} alone, mean {mean} of 255.").format(name=name, mean=means[index])
            lesson.picture(plane, alt, caption=f"{name} · {means[index]}")
    with columns[3]:
        alt = _("The three channels together; mean red {r}, green {g}, blue {b}.")
        lesson.picture(mixed, alt.format(r=means[0], g=means[1], b=means[2]), caption=_("Their mix"))
    whole = pixels.luma(photo.rgb) if grey == "luma" else pixels.mean_grey(photo.rgb)
    coarse = pixels.quantise(whole, bits)
    used = len(np.unique(coarse))
    left, right = st.columns(2)
    options = {"R": _("Red"), "G": _("Green"), "B": _("Blue")}
    order = [channel.mean() for channel in np.moveaxis(photo.rgb, 2, 0)]
    brightest = "RGB"[int(np.argmax(order))]
    asked = _("Which channel of this photo is brightest on average?")
    why = _("Means: R {r}, G {g}, B {b}").format(
        **{k: round(v, 1) for k, v in zip("rgb", order, strict=True)}
    )
    if lesson.predict(asked, brightest, why=why, options=options):
        with left:
            alt = _("The photo in grey, mean {mean}.").format(mean=round(float(whole.mean())))
            lesson.picture(np.repeat(fit(whole, SHOWN)[..., None], 3, 2), alt, caption=greys[grey])
        with right:
            alt = _("The grey photo with {levels} levels.").format(levels=used)
            small_coarse = pixels.quantise(fit(whole, SHOWN), bits)
            lesson.map_image(
                small_coarse, alt, caption=_("{bits} bits: {levels} levels").format(bits=bits, levels=2**bits)
            )
    r, g, b = (int(value) for value in photo.rgb[0, 0])
    weights = pixels.BT601 if grey == "luma" else (1 / 3, 1 / 3, 1 / 3)
    measured = torch.from_numpy(photo.rgb[0, 0].astype(float)) @ torch.tensor(weights, dtype=torch.float64)
    terms = " + ".join(rf"{w:.3f} \cdot {v}" for w, v in zip(weights, (r, g, b), strict=True))
    lesson.prove(
        Proof(_("Grey of the first pixel"), terms, round(sum(w * v for w, v in zip(weights, (r, g, b), strict=True)), 6),
              measured=round(float(measured), 6), tolerance=1e-6),
        Proof(_("Levels that {bits} bits can hold").format(bits=bits), rf"2^{{{bits}}}", 2**bits,
              measured=len(np.unique(pixels.quantise(np.arange(256, dtype=np.uint8), bits)))),
    )  # fmt: skip
    return pixels_code.channels(photo.code, gains, grey, bits)  # type: ignore[arg-type]


def layout_view(lesson: LessonPage, photo: Photo) -> str:
    with controls:
        height = lesson.slider("h", _("Rows"), 1, 6, 4)
        width = lesson.slider("w", _("Columns"), 1, 6, 4)
        row = lesson.slider("row", _("Pixel's row"), 0, height - 1, 1)
        column = lesson.slider("col", _("Pixel's column"), 0, width - 1, 2)
    top, left = photo.rgb.shape[0] * 2 // 5, photo.rgb.shape[1] * 2 // 5
    patch = photo.rgb[top : top + height, left : left + width]
    height, width = patch.shape[:2]
    row, column = min(row, height - 1), min(column, width - 1)
    formula, measured = pixels.layouts(height, width), pixels.measured_layouts(patch)
    interleaved, planar = formula[0], formula[2]
    places = {
        layout.axes: [layout.offset(row, column, c) for c in range(3)] for layout in (interleaved, planar)
    }
    question = _("In (C, H, W), at which place in memory does the blue value of pixel ({r}, {c}) stand?")
    why = _("channel {ch} · {plane} + row {r} · {w} + column {c}").format(
        ch=2, plane=height * width, r=row, w=width, c=column
    )
    if lesson.predict(
        question.format(r=row, c=column), places["CHW"][2], why=why, redraw=["h", "w", "row", "col"],
        accept=lambda v: v["row"] < v["h"] and v["col"] < v["w"],
    ):  # fmt: skip
        patch_side, strip_side = st.columns([2, 3])
        with patch_side:
            st.html(pixel_table(patch, 0, 0, _("The patch, pixel by pixel")))
        with strip_side:
            caption = _("(H, W, C): the three values of pixel ({r}, {c}) stand at {places}").format(
                r=row, c=column, places=places["HWC"]
            )
            st.html(memory_strip(patch.reshape(-1), np.arange(patch.size) % 3, places["HWC"], caption))
            caption = _("(C, H, W): they stand at {places}").format(places=places["CHW"])
            by_channel = np.ascontiguousarray(patch.transpose(2, 0, 1)).reshape(-1)
            st.html(
                memory_strip(by_channel, np.arange(patch.size) // (height * width), places["CHW"], caption)
            )
    names = (_("as read"), "permute(2, 0, 1)", "permute(2, 0, 1).contiguous()")
    yes, no = _("yes"), _("no")
    table = [f"| | {_shape} | {_strides} | {_order} |" for _shape, _strides, _order in
             [(_("shape"), _("strides"), _("contiguous"))]]  # fmt: skip
    table.append("|---|---|---|---|")
    table += [
        f"| {name} | {m.shape} | {m.strides} | {yes if m.contiguous else no} |"
        for name, m in zip(names, measured, strict=True)
    ]
    st.markdown("\n".join(table))
    small = fit(photo.rgb, SHOWN)
    torn = small.reshape(3, *small.shape[:2]).transpose(1, 2, 0)
    good, bad = st.columns(2)
    with good:
        lesson.picture(small, _("The photo after permute: unchanged."), caption="permute(2, 0, 1)")
    with bad:
        alt = _("The photo after a wrong reshape: a torn pattern in which nothing can be made out.")
        lesson.picture(np.ascontiguousarray(torn), alt, caption=_("reshape(C, H, W): the classic bug"))
    lesson.prove(
        Proof(_("Place of the blue value in (C, H, W)"),
              rf"2 \cdot {height * width} + {row} \cdot {width} + {column}", places["CHW"][2],
              measured=measured[2].offset(row, column, 2)),
        Proof(_("Strides of the permuted view"), rf"(1,\; 3 \cdot {width},\; 3)", formula[1].strides,
              measured=measured[1].strides),
    )  # fmt: skip
    return pixels_code.layout(photo.code, top, left, height, width, (row, column))


def numbers_view(lesson: LessonPage, photo: Photo) -> str:
    with controls:
        first = lesson.slider("a", _("First value"), 0, 255, 200)
        second = lesson.slider("b", _("Second value"), 0, 255, 100)
        norms = {norm.id: _(norm.title) for norm in pixels.NORMALISATIONS.values()}
        norm = pixels.NORMALISATIONS[lesson.choice("norm", _("Normalisation"), norms, "lite0", kind="radio")]
        dtype = lesson.choice(
            "type", _("Float type"), {name: name for name in pixels.FLOATS}, "float32", kind="list"
        )
    total = pixels.overflow(first, second)
    question = _("What is {a} + {b} in uint8?").format(a=first, b=second)
    why = _("{sum} mod 256").format(sum=total.exact)
    if lesson.predict(question, total.wrapped, why=why, redraw=["a", "b"]):
        small = fit(photo.rgb, SHOWN)
        left, right = st.columns(2)
        with left:
            alt = _("The photo with {b} added in uint8: bright parts wrap around to dark.").format(b=second)
            caption = _("+ {b} in uint8: {a} becomes {wrapped}").format(
                a=first, b=second, wrapped=total.wrapped
            )
            lesson.picture(pixels.brighten(small, second, wrap=True), alt, caption=caption)
        with right:
            alt = _("The photo with {b} added in float and clipped to 255.").format(b=second)
            caption = _("+ {b} in float, clipped: {a} becomes {clipped}").format(
                a=first, b=second, clipped=total.clipped
            )
            lesson.picture(pixels.brighten(small, second, wrap=False), alt, caption=caption)
    trip = pixels.round_trip(photo.rgb, norm.mean, norm.std, dtype)
    low, high = min(trip.low), max(trip.high)
    sentence = _(
        "Normalised, this photo runs from **{low}** to **{high}**. Back in eight bits, **{changed}** of {all} values "
        "have changed; the worst was off by {worst} levels before rounding."
    )
    st.markdown(
        sentence.format(low=f"{low:.3f}", high=f"{high:.3f}", changed=f"{trip.changed:,}", all=f"{photo.rgb.size:,}",
                        worst=f"{trip.worst:.2g}")
    )  # fmt: skip
    as_tensor = [torch.tensor(value, dtype=torch.uint8) for value in (first, second)]
    mean, std = norm.mean[0], norm.std[0]
    by_torch = (torch.tensor(first, dtype=torch.float64) / 255 - mean) / std
    lesson.prove(
        Proof(f"{first} + {second} (uint8)", rf"({first} + {second}) \bmod 256", total.wrapped,
              measured=int(as_tensor[0] + as_tensor[1])),
        Proof(_("{a} normalised (red channel)").format(a=first),
              rf"\frac{{{first}/255 - {mean:.4g}}}{{{std:.4g}}}",
              float(pixels.normalise(np.full((1, 1, 3), first, np.uint8), norm.mean, norm.std)[0, 0, 0]),
              measured=float(by_torch), tolerance=1e-5),
    )  # fmt: skip
    return pixels_code.numbers(photo.code, first, second, norm, dtype)


def shrink_view(lesson: LessonPage, photo: Photo) -> str:
    with controls:
        factor = lesson.slider("n", _("Times smaller"), 1, 8, 4)
        pattern = lesson.toggle("rings", _("Fine rings instead of the photo"), True)
    rgb = pixels.zone_plate(320) if pattern else photo.rgb
    factor = min(factor, *rgb.shape[:2])
    methods: dict[pixels.Method, str] = {
        "drop": _("Every n-th pixel"),
        "bilinear": _("Bilinear"),
        "area": _("Mean of each block"),
    }
    results = {method: pixels.shrink(rgb, factor, method) for method in pixels.METHODS}
    question = _("Shrunk {n} times in each direction, how many of the {all} pixels are left?")
    kept = results["drop"].small.shape[0] * results["drop"].small.shape[1]
    pixel_count = rgb.shape[0] * rgb.shape[1]
    why = _("{h} × {w} whole blocks").format(
        h=results["drop"].small.shape[0], w=results["drop"].small.shape[1]
    )
    if lesson.predict(question.format(n=factor, all=pixel_count), kept, why=why, redraw=["n"]):
        columns = st.columns(4)
        with columns[0]:
            lesson.map_image(
                results["drop"].original, _("The original, at full size."), caption=_("Original")
            )
        for column, (method, title) in zip(columns[1:], methods.items(), strict=True):
            with column:
                result = results[method]
                quality = "∞" if np.isinf(result.psnr) else f"{result.psnr:.1f}"
                alt = _("{method}: mean error {error} levels, PSNR {psnr} dB.").format(
                    method=title, error=f"{result.mean_error:.1f}", psnr=quality
                )
                lesson.map_image(result.restored, alt, caption=alt)
    used = torch.from_numpy(results["area"].original.copy()).permute(2, 0, 1)[None].double()
    by_torch = torch.nn.functional.avg_pool2d(used, factor).round()
    ours = results["area"].small
    mean = float(ours.mean())
    lesson.prove(
        Proof(_("Pixels left"), rf"\lfloor {rgb.shape[0]}/{factor} \rfloor \cdot \lfloor {rgb.shape[1]}/{factor} \rfloor",
              kept, measured=by_torch.shape[2] * by_torch.shape[3]),
        Proof(_("Mean level after averaging"), r"\text{mean of } \texttt{avg\_pool2d}(x, n)".replace("n)", f"{factor})"),
              round(mean, 3), measured=round(float(by_torch.mean()), 3), tolerance=1e-3),
    )  # fmt: skip
    if pattern:
        return pixels_code.shrink(pixels_code.RINGS, factor)
    return pixels_code.shrink(photo.code, factor)


VIEWS = {
    "zoom": zoom_view,
    "channels": channels_view,
    "layout": layout_view,
    "numbers": numbers_view,
    "shrink": shrink_view,
}

lesson = open_lesson("images")
titles = {
    "zoom": _("Pixels"),
    "channels": _("Channels"),
    "layout": _("Memory"),
    "numbers": _("Numbers"),
    "shrink": _("Shrinking"),
}
view = lesson.choice("view", _("What to look at"), titles, "zoom")
photo = lesson.photo()
controls, stage = lesson.bench()
with stage:
    source = VIEWS[view](lesson, photo)
lesson.section(view)
lesson.code(source, photo)
