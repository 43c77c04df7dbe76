"""The convention switchboard: one data set, every way to count it, and the detection that flips."""

import streamlit as st

from cnnviz.metrics import convention_code
from cnnviz.metrics.conventions import decode, encode
from cnnviz.metrics.matching import COCO
from cnnviz.ui import state
from cnnviz.ui.conventions import data, every, explain, proofs, switches
from cnnviz.ui.detections import pick_set
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("conventions")
picked = pick_set()
controls, stage = lesson.bench()
with controls:
    convention = switches.draw(lesson)
    classes = range(len(picked.data.categories))
    options = {"all": _("all: the mean")} | {str(i): picked.category(i) for i in classes}
    of = lesson.choice("class", _("Class"), options, "all", kind="list")
category = None if of == "all" else int(of)
chosen = tuple(classes) if category is None else (category,)

# The convention before the last switch travels in the link, so that its reader sees the same change.
seen = st.session_state.get("conventions.seen")
was = lesson.linked("was", encode(COCO), state.cells(8))
if seen is not None and seen != convention:
    was = encode(seen)
    lesson.put("was", was)
st.session_state["conventions.seen"] = convention

with stage:
    after = data.matchings(picked, convention, chosen)
    before = data.matchings(picked, decode(was), chosen)
    values = data.mean(before), data.mean(after)
    st.metric(
        "mAP" if category is None else "AP",
        explain.percent(values[1]),
        explain.difference(*values),
        delta_description=_("points since the last switch"),
    )
    near = data.nearest(picked, category, convention)
    told = True
    if near is not None:
        far, strongest = every.strongest(near, convention)
        names = dict(switches.titles()) | {"none": _("None of them changes it")}
        # Of switches that move it equally far one is offered, so that one answer is right.
        rivals = {round(value, 6): switch for switch, value in reversed(far.items()) if value}
        offered = [switch for switch in far if switch in rivals.values() or not far[switch]]
        told = lesson.predict(
            _("Which one switch, turned from here, can move the number farthest?"),
            strongest,
            why=_("Turned alone it moves it by up to {points} points.").format(
                points=f"{far.get(strongest, 0.0):.2f}"
            ),
            options={switch: names[switch] for switch in [*offered, "none"]},
            redraw=["plus", "cmp", "match", "special", "ties", "area"],
        )
    if told:
        with st.container(border=True):
            st.markdown("**" + _("What the last switch did") + "**")
            explain.draw(picked, before, after, values)
        combinations = every.get(lesson, picked, category, convention.iou_threshold)
        if combinations is not None:
            every.strip(lesson, combinations, convention)
        lesson.prove(*proofs.area_proofs(picked, after), *proofs.iou_proofs(picked, before, after))

lesson.section("one")
if told and near is not None:
    every.flips(near, convention)
lesson.section("voc")
lesson.section("edges")
lesson.section("report")
code = convention_code.classes_code(picked.code, convention)
lesson.code(code, files=picked.files)
