"""Through a stack, layer by layer."""

from typing import Any

import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.explain.receptive_field_code import stack_code
from cnnviz.explain.stack_gradient import LONGEST
from cnnviz.figures import receptive_field as figures
from cnnviz.layers.receptive_field import PRESETS, clip, map_sizes, trace
from cnnviz.layers.stack import Level, Stack, fan, size_formula
from cnnviz.ui.language import _, explain
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.receptive_field import proofs
from cnnviz.ui.receptive_field.choose import NOTHING, choose_stack
from cnnviz.ui.receptive_field.stack_table import stack_table


def draw(lesson: LessonPage) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    levels: tuple[Level, ...] = ()
    problem: SettingError | None = None
    with controls:
        stack = choose_stack(lesson)
        size = lesson.slider("n", _("Input size"), 1, 512, 16)
        try:
            last = map_sizes(stack, size)[-1] if stack else size
        except SettingError as error:
            problem, last = error, 1
        cell = lesson.slider("cell", _("Output cell"), 0, last - 1, last // 2)
        if stack and problem is None:
            levels = fan(stack, size, cell)
        titles = {NOTHING: _("nothing"), **{name: _(preset.title) for name, preset in PRESETS.items()}}
        rival = lesson.choice("with", _("Compare with"), titles, "one_7x7", kind="list")
        other = PRESETS[rival].layers if rival in PRESETS else ()
        weighed = bool(stack and other) and all(x.kind == "conv" and x.stride == 1 for x in stack + other)
        channels = lesson.slider("c", _("Channels"), 1, 512, 64) if weighed else 0
    with stage:
        if problem:
            lesson.problem(problem)
        if not stack:
            st.info(_("No layer yet: a cell of the input sees itself. Add a row to the table."))
        show = not stack or ask_size(lesson, stack, size)
        if levels and show:
            draw_pyramid(lesson, levels, size)
    lesson.section("recurrence")
    table, results = st.columns(2, gap="medium")
    with table:
        words = _("The stack as a table to edit, one layer a row.")
        wrong = stack_table(
            stack, key=lesson.key("table"), alt=words, on_edit=lambda edited: lesson.put("stack", edited)
        )
        for row, reason in wrong.items():
            st.warning(_("Row {row} is left out: {reason}.").format(row=row, reason=explain(reason)))
    if show and stack:
        with results:
            draw_results(stack, size)
        draw_growth(lesson, stack, other, titles[rival])
        if proofs.measured_field(stack) is None:
            words = _("The field is too long to measure here: over {most} pixels.")
            st.caption(words.format(most=f"{LONGEST:,}"))
        else:
            rule = proofs.rule_proof(stack)
            lesson.prove(*proofs.stack_proofs(stack), *([rule] if rule else []))
        lesson.section("small-kernels")
        if weighed:
            lesson.prove(*proofs.weight_proofs(stack, other, channels))
    lesson.section("rule")
    if stack:
        lesson.code(stack_code(stack, size))


def ask_size(lesson: LessonPage, stack: Stack, size: int) -> bool:
    """Predict the field of the last map; the next question is about another stack that the input is long enough for."""

    def fits(drawn: Any) -> bool:
        try:
            return bool(map_sizes(drawn["stack"], size))
        except SettingError:
            return False

    answer = trace(stack)[-1].size
    return lesson.predict(
        _("How many input pixels, in one direction, does one cell of the last map see? Ignore the border."),
        answer,
        why=f"${size_formula(stack)} = {answer}$",
        redraw=["stack"],
        accept=fits,
    )


def draw_pyramid(lesson: LessonPage, levels: tuple[Level, ...], size: int) -> None:
    """The fan from one cell down to the input, said in words above it."""
    labels = figures.PyramidLabels(
        input=_("input"),
        pixels=_("input pixel"),
        seen=_("{map}, cell {cell}: counts"),
        padding=_("{map}, cell {cell}: padding"),
        other=_("{map}, cell {cell}: does not count"),
        span=_("{map}: cells {first} to {last}"),
        count=_("cells"),
    )
    below, top = levels[0], levels[-1]
    inside = clip((below.first, below.last + 1), size)
    said = _(
        "Cell **{cell}** of **{map}** sees the pixels from {first} to {last}: **{count}**, of which {inside} lie in the input of {size}."
    ).format(
        cell=top.first,
        map=top.name,
        first=_signed(below.first),
        last=_signed(below.last),
        count=below.last - below.first + 1,
        inside=inside[1] - inside[0],
        size=size,
    )
    st.markdown(said)
    with lesson.card():
        st.markdown(figures.pyramid(levels, labels, said.replace("**", "")), unsafe_allow_html=True)


def _signed(value: int) -> str:
    return str(value).replace("-", "−")


def draw_results(stack: Stack, size: int) -> None:
    """Layer by layer in numbers; maps that don't exist are left empty."""
    steps = trace(stack)
    sizes: list[int | None] = []
    for count in range(1, len(stack) + 1):
        try:
            sizes.append(map_sizes(stack[:count], size)[-1])
        except SettingError:
            sizes += [None] * (len(steps) - len(sizes))
            break
    heads = [_("layer"), _("field"), _("jump"), _("start"), _("padding"), _("map")]
    lines = ["| " + " | ".join(heads) + " |", "|:--" + "|--:" * 5 + "|"]
    for step, length in zip(steps, sizes, strict=True):
        values = (_short(step.size), _short(step.jump), f"{step.start:g}", _short(step.padding))
        lines.append(f"| {step.layer.name} | {' | '.join(values)} | {'–' if length is None else length} |")
    # A table of Streamlit's own would be drawn on a canvas, anew with every tweak.
    name = _("Field and map after every layer")
    region = f'tabindex="0" role="region" aria-label="{name}"'
    table = "\n".join(lines)
    html = f'<div {region} style="overflow:auto;max-height:420px">\n\n{table}\n\n</div>'
    st.markdown(html, unsafe_allow_html=True)


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**9 else f"{value:.3g}"


def draw_growth(lesson: LessonPage, stack: Stack, other: Stack, rival: str) -> None:
    """Field and jump as curves, beside those of another stack."""
    labels = figures.GrowthLabels(
        layer=_("layers"),
        pixels=_("input pixels"),
        size=_("field"),
        jump=_("jump"),
        point=_("after {layer}: {value}"),
    )
    stacks = [("A", trace(stack))]
    step = stacks[0][1][-1]
    words = _("After the last layer, the field is {field} pixels wide and the jump is {jump}.")
    said = words.format(field=step.size, jump=step.jump)
    if other:
        stacks.append(("B", trace(other)))
        step = stacks[1][1][-1]
        words = _("A is your stack. B is {rival}: its field is {field} pixels wide, its jump {jump}.")
        said += " " + words.format(rival=rival, field=step.size, jump=step.jump)
    lesson.figure(figures.growth(stacks, labels), said, name="growth")
    st.caption(said)
