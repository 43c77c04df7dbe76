"""First view: the four branches, what they make of an input, and what they cost with and without the 1×1s."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.blocks.inception import (
    BRANCHES,
    MOST_INPUTS,
    MOST_SIDE,
    MOST_WIDTH,
    TABLE,
    TABLE_TOLERANCE,
    Inception,
    InceptionSettings,
    Widths,
    costs,
    growth,
    printed,
)
from cnnviz.blocks.inception_code import module_code
from cnnviz.blocks.inception_live import Seen, look
from cnnviz.figures.inception import BranchBars, branch_bars
from cnnviz.figures.maps import colour, montage, palette_for
from cnnviz.figures.zoo import Row, table
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.inception.proofs import module_proofs
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels.parts import Preset, presets, ratio_text
from cnnviz.zoo.counting import build_on_meta

MOST_BLOCKS = 9
"""Modules in a row: as many as GoogLeNet has."""
_START = "3a"


# Never shared: the photo may be a visitor's own.
@st.cache_data(max_entries=8, show_spinner=False, scope="session")
def _look(
    settings: InceptionSettings, side: int, seed: int, photo: NDArray[np.uint8] | None
) -> Mapping[str, Seen]:
    return look(settings, side, seed, photo)


def draw(lesson: LessonPage) -> None:
    picker = st.container()
    controls, stage = lesson.bench()
    with controls:
        settings, side = _settings(lesson)
        blocks = lesson.slider("n", _("Modules in a row"), 1, MOST_BLOCKS, 5)
        inputs = {"photo": _("Your photo"), "random": _("Random numbers")}
        chosen = lesson.choice("in", _("Input"), inputs, "photo")
        layer = LayerControls(lesson)
        layer.reseed_button()
    photo = None
    if chosen == "photo":
        with picker:
            photo = lesson.photo()
    with stage:
        shown = _ask(lesson, settings, side)
        if shown:
            with lesson.card():
                module = build_on_meta(lambda: Inception(settings))
                title = _("The naive module") if settings.naive else _("The module with its 1×1s")
                block_graph(lesson, module, (1, settings.inputs, side, side), title=title)
            seen = _look(settings, side, layer.seed, photo.rgb if photo else None)
            _maps(lesson, seen, photo is not None)
    lesson.section("branches")
    lesson.section("reduce")
    if shown:
        _costs(settings, side)
        lesson.prove(*module_proofs(settings, side, blocks))
    lesson.section("growth")
    if shown:
        _growth(settings, side, blocks)
    lesson.section("table")
    if shown:
        _table(settings, side)
    lesson.section("torchvision")
    lesson.code(module_code(settings, side, layer.seed, photo.code if photo else "", blocks), photo)


def _settings(lesson: LessonPage) -> tuple[InceptionSettings, int]:
    examples = {
        name: Preset(name, {"i": row.inputs, "s": row.side} | _links(row.widths))
        for name, row in TABLE.items()
    }
    start = TABLE[_START]
    kinds = {"reduced": _("With 1×1s"), "naive": _("Naive")}
    with presets(lesson, "example", examples):
        inputs = lesson.slider("i", _("Input channels"), 1, MOST_INPUTS, start.inputs)
        side = lesson.slider("s", _("Map, height and width"), 1, MOST_SIDE, start.side)
        naive = lesson.choice("kind", _("Build it"), kinds, "reduced") == "naive"
        labels = _labels()
        sliders = {
            name: lesson.slider(
                link,
                labels[name],
                1,
                MOST_WIDTH if name in ("one", "three") else MOST_WIDTH // 2,
                getattr(start.widths, name),
                disabled=naive and name not in ("one", "three", "five"),
            )
            for name, link in _LINKS.items()
        }
    likes = {"paper": _("As in the paper"), "torchvision": _("As in torchvision")}
    like = lesson.choice(
        "like", _("Details"), likes, "paper", help=_("torchvision: a 3×3 in place of the 5×5, and BatchNorm")
    )
    other = like == "torchvision"
    settings = InceptionSettings(inputs, Widths(**sliders), naive, 3 if other else 5, other)
    return settings, side


_LINKS = {
    "one": "a",
    "reduce_three": "r3",
    "three": "b",
    "reduce_five": "r5",
    "five": "c",
    "pool": "p",
}
"""Width -> its name in the link."""


def _links(widths: Widths) -> dict[str, int]:
    return {_LINKS[name]: width for name, width in asdict(widths).items()}


def _labels() -> dict[str, str]:
    return {
        "one": _("1×1"),
        "reduce_three": _("1×1 before the 3×3"),
        "three": _("3×3"),
        "reduce_five": _("1×1 before the 5×5"),
        "five": _("5×5"),
        "pool": _("1×1 after the pooling"),
    }


def _branch_titles(settings: InceptionSettings) -> dict[str, str]:
    return {
        "one": _("1×1 branch"),
        "three": _("3×3 branch"),
        "five": _("5×5 branch") if settings.five == 5 else _("5×5 branch, here a 3×3"),
        "pool": _("Pooling branch"),
    }


def _ask(lesson: LessonPage, settings: InceptionSettings, side: int) -> bool:
    passed = settings.passed
    if settings.naive:
        question = _(
            "A naive module gets {inputs} channels of {side} × {side}; its 1×1, 3×3 and 5×5 have {one}, {three} and {five} "
            "channels, and the pooled maps go on as they are. How many channels come out?"
        )
    else:
        question = _(
            "A module gets {inputs} channels of {side} × {side}; its 1×1, 3×3 and 5×5 have {one}, {three} and {five} "
            "channels, and the 1×1 behind the pooling has {pool}. How many channels come out?"
        )
    return lesson.predict(
        question.format(inputs=settings.inputs, side=side, **passed),
        settings.outputs,
        why=f"${' + '.join(map(str, passed.values()))} = {settings.outputs}$",
        redraw=["kind", "a"],
        # Round numbers, for sums done by heart.
        accept=lambda drawn: drawn["a"] % 8 == 0,
    )


def _maps(lesson: LessonPage, seen: Mapping[str, Seen], photo: bool) -> None:
    titles = {
        "input": _("Input"),
        "one": _("1×1 branch"),
        "three": _("3×3 branch"),
        "five": _("5×5 branch"),
        "pool": _("Pooling branch"),
    }
    for name, each in seen.items():
        channels, height, width = each.shape
        words = _("{title}: {channels} × {height} × {width}, mean {mean}").format(
            title=titles[name], channels=channels, height=height, width=width, mean=f"{each.mean:.3g}"
        )
        alt = _("{words}. Shown are {count} maps, with values from {low} to {high}.").format(
            words=words,
            count=len(each.maps),
            low=f"{each.maps.min():.2f}",
            high=f"{each.maps.max():.2f}",
        )
        palette = palette_for(each.maps)
        strip = montage([colour(one, palette) for one in each.maps], 8)
        lesson.map_image(strip, alt, caption=words)
    if photo:
        source = _(
            "The photo's middle comes through as many random 7×7 filters as the module has input channels."
        )
    else:
        source = _("The input is drawn from a normal distribution.")
    key = _(
        "Nothing is trained. Of each the eight maps that vary most, each with its own scale: black is 0, or white where there are both signs."
    )
    st.caption(f"{source} {key}")


def _costs(settings: InceptionSettings, side: int) -> None:
    naive, reduced = (costs(replace(settings, naive=each), side) for each in (True, False))
    titles = _branch_titles(settings)
    named = ((_("naive"), naive), (_("with 1×1s"), reduced))
    branches = [
        BranchBars(
            titles[branch],
            tuple((name, found[branch].design, f"{found[branch].macs:,}") for name, found in named),
        )
        for branch in BRANCHES
    ]
    before, after = (sum(branch.macs for branch in found.values()) for found in (naive, reduced))
    said = _(
        "All branches together need {before} multiply–accumulates naively, and {after} with the 1×1s: {ratio}."
    )
    said = said.format(before=f"{before:,}", after=f"{after:,}", ratio=ratio_text(after, before))
    st.markdown(branch_bars(branches, said), unsafe_allow_html=True)
    key = _("Multiply–accumulates of each branch; blue: convolutions that look around, green: 1×1s.")
    st.caption(f"{key} {said}")
    columns = [
        [getattr(found[branch], what) for branch in BRANCHES]
        for found in (naive, reduced)
        for what in ("parameters", "macs")
    ]
    rows = [
        Row((titles[branch], *(f"{column[place]:,}" for column in columns)))
        for place, branch in enumerate(BRANCHES)
    ]
    rows.append(Row((_("Together"), *(f"{sum(column):,}" for column in columns)), "total"))
    headings = (
        _("Branch"),
        _("Parameters, naive"),
        _("MACs, naive"),
        _("Parameters, with 1×1s"),
        _("MACs, with 1×1s"),
    )
    st.html(table(_("What each branch costs"), headings, rows))


def _growth(settings: InceptionSettings, side: int, blocks: int) -> None:
    naive, reduced = (growth(replace(settings, naive=each), side, blocks) for each in (True, False))
    rows = [
        Row(
            (
                str(place + 1),
                f"{naive.channels[place]:,} → {naive.channels[place + 1]:,}",
                f"{naive.macs[place]:,}",
                f"{reduced.channels[place]:,} → {reduced.channels[place + 1]:,}",
                f"{reduced.macs[place]:,}",
            )
        )
        for place in range(blocks)
    ]
    headings = (
        _("Module"),
        _("Channels, naive"),
        _("MACs, naive"),
        _("Channels, with 1×1s"),
        _("MACs, with 1×1s"),
    )
    st.html(table(_("Modules of the same widths in a row"), headings, rows))


def _table(settings: InceptionSettings, side: int) -> None:
    chosen = printed(settings, side)
    rows = []
    for name, row in TABLE.items():
        found = costs(InceptionSettings(row.inputs, row.widths), row.side).values()
        parameters, macs = (sum(getattr(each, what) for each in found) for what in ("parameters", "macs"))
        cells = [name, f"{row.inputs} → {row.outputs}"]
        for computed, said in ((parameters / 1024, row.parameters), (macs / 1e6, row.operations)):
            off = computed / said - 1
            mark = "" if abs(off) <= TABLE_TOLERANCE else f" ({off:+.1%})"
            cells += [f"{said:,}", f"{computed:,.1f}{mark}"]
        rows.append(Row(tuple(cells), "chosen" if name == chosen else ""))
    headings = (
        _("Module"),
        _("Channels"),
        _("Parameters / 1024, printed"),
        _("computed"),
        _("Operations / 10⁶, printed"),
        _("computed"),
    )
    st.html(table(_("Table 1 of the paper, computed again"), headings, rows))
