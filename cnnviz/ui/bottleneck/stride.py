"""Second view: which pixels a strided block reads, and what that makes of whole networks."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.blocks.bottleneck import Version
from cnnviz.blocks.bottleneck_code import stride_code
from cnnviz.blocks.bottleneck_stride import (
    DEPTHS,
    Path,
    measure_network,
    measured_reads,
    network_cost,
    plans,
    reads_1d,
    reads_2d,
)
from cnnviz.figures.bottleneck import read_picture
from cnnviz.figures.zoo import Row, short, table
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import published

PAPER = {50: 3.8, 101: 7.6, 152: 11.3}
"""Billions of “FLOPs” in Table 1, which are multiply–accumulates."""
FIELDS = {50: 483, 101: 1027, 152: 1507}
"""Receptive fields as google-research/receptive_field has them, of v1."""
VERSIONS: tuple[Version, Version] = ("v1", "v1.5")
_SIDE = 218
"""Width of a picture of which three stand side by side, in pixels."""

_measured = st.cache_data(max_entries=2 * len(DEPTHS), show_spinner=False)(measure_network)


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo()
    controls, stage = lesson.bench()
    with controls:
        stride = lesson.slider("z", _("Stride of the block"), 1, 4, 2)
        cells = lesson.slider("cells", _("Cells along the long side"), 8, 96, 36)
        names = {str(depth): f"ResNet-{depth}" for depth in DEPTHS}
        depth = int(lesson.choice("depth", _("Network"), names, "50"))
    small = fit(photo.rgb, cells)
    size = (small.shape[0], small.shape[1])
    with stage:
        if _ask(lesson, size, stride):
            with lesson.card():
                _pictures(lesson, small, stride)
            lesson.prove(*_read_proofs(size, stride))
    # While the learner is asked, the words would answer.
    if not lesson.asking:
        lesson.section("stride")
        lesson.section("networks")
        _tables(depth)
        lesson.prove(*_network_proofs(depth))
    lesson.code(stride_code(photo.code, size, stride, depth), photo)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}\u00a0%"


def _ask(lesson: LessonPage, size: tuple[int, int], stride: int) -> bool:
    ignored = float((reads_2d(size, stride, "v1") == 0).mean())
    question = _(
        "A map of {rows} × {columns} cells comes into a block whose first 1×1 has a stride of {stride}. How many percent of the cells does it ignore, rounded?"
    )
    return lesson.predict(
        question.format(rows=size[0], columns=size[1], stride=stride),
        round(100 * ignored),
        why=rf"$100\left(1 - {_kept(size, stride)}\right)$",
        redraw=["z"],
    )


def _kept(size: tuple[int, int], stride: int) -> str:
    """LaTeX of the share that a strided 1×1 reads."""
    rows, columns = (rf"\lceil {side} / {stride} \rceil" for side in size)
    return rf"\tfrac{{{rows}\cdot {columns}}}{{{size[0]}\cdot {size[1]}}}"


def _pictures(lesson: LessonPage, small: NDArray[np.uint8], stride: int) -> None:
    size = (small.shape[0], small.shape[1])
    titles: dict[Path, str] = {
        "v1": _("v1: stride in the first 1×1"),
        "v1.5": _("v1.5: stride in the 3×3"),
        "shortcut": _("the shortcut's 1×1, in both"),
    }
    zoom = max(1, 3 * _SIDE // max(size))
    with st.container(horizontal=True):
        for path, title in titles.items():
            counts = reads_2d(size, stride, path)
            share, most = _percent(float((counts > 0).mean())), int(counts.max())
            caption = (
                _("{title}: {share} of the cells are read, up to {most} times")
                if most > 1
                else _("{title}: {share} of the cells are read, once each")
            ).format(title=title, share=share, most=most)
            alt = _("The photo with {rows} × {columns} cells; dark where nothing is read. {caption}.")
            said = alt.format(rows=size[0], columns=size[1], caption=caption)
            with st.container(width=_SIDE):
                lesson.map_image(read_picture(small, counts, zoom), said, caption=caption)


def _read_proofs(size: tuple[int, int], stride: int) -> list[Proof]:
    """Cells that F ignores; He and his co-authors say it of maps that a stride of 2 halves."""
    names: dict[Version, str] = {
        "v1": _("Cells that v1 ignores, in %"),
        "v1.5": _("Cells that v1.5 ignores, in %"),
    }
    halved = stride == 2 and not any(side % 2 for side in size)
    found = []
    for version, name in names.items():
        if version == "v1":
            kept = _kept(size, stride)
        else:
            rows, columns = ((reads_1d(side, stride, version) > 0).sum() for side in size)
            kept = rf"\tfrac{{{rows}\cdot {columns}}}{{{size[0]}\cdot {size[1]}}}"
        counts, measured = reads_2d(size, stride, version), measured_reads(size, stride, version)
        found.append(
            Proof(
                name,
                rf"100\left(1 - {kept}\right)",
                100 * float((counts == 0).mean()),
                measured=100 * float((measured == 0).mean()),
                published=75.0 if halved and version == "v1" else None,
                source="He et al. 2019, arXiv 1812.01187, § 4",
            )
        )
    return found


# Whole networks


def _tables(depth: int) -> None:
    v1, later = (network_cost(depth, version) for version in VERSIONS)
    title = _("ResNet-{depth}, stage by stage, on 224 × 224 pixels").format(depth=depth)
    headings = (
        _("Stage"),
        _("Blocks"),
        _("Step, pixels"),
        _("Field, v1"),
        _("Field, v1.5"),
        _("MACs, v1"),
        _("MACs, v1.5"),
    )
    rows = [
        Row((
            f"conv{stage + 2}",
            str(DEPTHS[depth][stage]),
            str(v1.jumps[stage]),
            f"{v1.fields[stage]:,}",
            f"{later.fields[stage]:,}",
            short(v1.stages[stage]),
            short(later.stages[stage]),
        ))
        for stage in range(len(v1.stages))
    ]  # fmt: skip
    ends = Row(
        (_("7×7 and dense layer"), "", "", "", "", *(short(each.stem + each.head) for each in (v1, later)))
    )
    total = Row((_("All"), str(sum(DEPTHS[depth])), "", "", "", short(v1.macs), short(later.macs)), "total")
    st.markdown(f"**{title}**")
    st.html(table(title, headings, [*rows, ends, total]))

    title = _("The three networks with either stride")
    columns = (
        _("Network"),
        _("Parameters"),
        _("MACs, v1"),
        _("the paper’s “FLOPs”"),
        _("MACs, v1.5"),
        _("torchvision says"),
        _("Difference"),
        _("Field, v1"),
        _("Field, v1.5"),
    )
    rows = []
    for each in DEPTHS:
        v1, later = (network_cost(each, version) for version in VERSIONS)
        rows.append(
            Row(
                (
                    f"ResNet-{each}",
                    f"{v1.parameters:,}",
                    f"{v1.macs / 1e9:.3f} G",
                    f"{PAPER[each]:g} G",
                    f"{later.macs / 1e9:.3f} G",
                    f"{_documented(each):g} G",
                    f"{(later.macs - v1.macs) / 1e9:.3f} G",
                    f"{v1.fields[-1]:,}",
                    f"{later.fields[-1]:,}",
                ),
                "chosen" if each == depth else "",
            )
        )
    st.markdown(f"**{title}**")
    st.html(table(title, columns, rows))


def _documented(depth: int) -> float:
    """What torchvision says of its network, in billions."""
    macs = published(f"resnet{depth}").macs
    assert macs is not None
    return macs / 1e9


def _network_proofs(depth: int) -> list[Proof]:
    v1, later = (network_cost(depth, version) for version in VERSIONS)
    torch_v1, torch_later = (_measured(depth, version) for version in VERSIONS)
    spent = " + ".join(map(str, (v1.stem, *v1.stages, v1.head)))
    moved = " + ".join(
        rf"{row[0].inputs}\cdot {row[0].middle}\cdot {56 // 2**stage}^2"
        for stage, row in enumerate(plans(depth, "v1")[1:], start=1)
    )
    rounds = (
        _("The paper calls multiply–accumulates FLOPs and drops digits: 3.8 stands for 3.86 billion.")
        if depth == 50
        else _("The paper calls multiply–accumulates FLOPs, and rounds.")
    )
    documents = _("torchvision calls its figure GFLOPS; it counts multiply–accumulates, half as many.")
    order = _("Field after conv2, conv3, conv4, conv5; {version}")
    found = [
        Proof(
            _("Parameters, either stride"),
            r"\textstyle\sum k^2\, C_\text{in}\, C_\text{out} + 2\, C_\text{norm} + 2048\cdot 1000 + 1000",
            v1.parameters,
            measured=torch_v1.parameters,
            published=published(f"resnet{depth}").parameters,
            source="torchvision",
        ),
        Proof(_("MACs, v1: 7×7, four stages, dense layer"), spent, v1.macs, measured=torch_v1.macs),
        Proof(
            _("MACs, v1.5: three 1×1 run on four times as many cells"),
            rf"{v1.macs} + 3\,({moved})",
            later.macs,
            measured=torch_later.macs,
        ),
        Proof(
            _("v1 in billions"),
            rf"{v1.macs} / 10^9",
            v1.macs / 1e9,
            measured=torch_v1.macs / 1e9,
            published=PAPER[depth],
            source="He et al. 2015, arXiv 1512.03385, Table 1",
            why=rounds,
            tolerance=0.02,
        ),
        Proof(
            _("v1.5 in billions"),
            rf"{later.macs} / 10^9",
            later.macs / 1e9,
            measured=torch_later.macs / 1e9,
            published=_documented(depth),
            source="torchvision",
            why=documents,
            tolerance=2e-4,
        ),
    ]
    for cost, measured in ((v1, torch_v1), (later, torch_later)):
        found.append(
            Proof(
                order.format(version=cost.version),
                _field_formula(depth, cost.version),
                _listed(cost.fields),
                measured=_listed(measured.fields),
            )
        )
    steps = " + ".join(rf"{blocks}\cdot {jump}" for blocks, jump in zip(DEPTHS[depth], v1.jumps, strict=True))
    return [
        *found,
        Proof(
            _("Field at the end, v1"),
            rf"11 + 2\,({steps})",
            v1.fields[-1],
            measured=torch_v1.fields[-1],
            published=FIELDS[depth],
            source="github.com/google-research/receptive_field",
        ),
    ]


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _field_formula(depth: int, version: Version) -> str:
    """What each stage adds: two steps a block, which the first block takes before or after it strides."""
    terms = []
    for stage, blocks in enumerate(DEPTHS[depth]):
        jump = 4 * 2**stage
        if stage and version == "v1.5":
            terms.append(rf"2\,({jump // 2} + {blocks - 1}\cdot {jump})")
        else:
            terms.append(rf"2\cdot {blocks}\cdot {jump}")
    return "11 + " + r",\ {+}\,".join(terms)
