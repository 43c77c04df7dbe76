"""One network: when and why, its table, its graph, and what is said of it."""

from typing import Literal, get_args

import streamlit as st

from cnnviz.figures.zoo import Row, dot, graph_style, short
from cnnviz.figures.zoo import table as html_table
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.zoo import data
from cnnviz.ui.zoo.data import Table
from cnnviz.zoo.diagram import Detail, diagram
from cnnviz.zoo.history import FAMILY_OF, TITLES
from cnnviz.zoo.history_code import stages_code

MOST_NODES, MOST_EDGES = 220, 420
"""What can still be read, and laid out in a browser without waiting."""
WHOLE = "all"
Numbers = Literal["parameters", "macs"]


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        name = lesson.choice("net", _("Network"), TITLES, "resnet50", kind="list")
        auxiliary = (
            lesson.toggle(
                "aux",
                _("Auxiliary heads"),
                disabled=name != "googlenet",
                help=_(
                    "GoogLeNet only: two small classifiers half-way, which run in training and are then dropped."
                ),
            )
            and name == "googlenet"
        )
        counted = data.table(name, auxiliary)
        detail = lesson.choice(
            "detail",
            _("Level of detail"),
            {"stages": _("Stages"), "blocks": _("Blocks"), "layers": _("Layers")},
            "blocks",
        )
        parts = {WHOLE: _("The whole network")} | {row.name: row.name for row in counted.stages}
        part = lesson.choice("part", _("Drawn part"), parts, WHOLE, kind="list", disabled=detail == "stages")
        zoom = lesson.slider("zoom", _("Zoom, %"), 40, 200, 100, step=10)
    family = FAMILY_OF[name]
    with stage:
        st.markdown(f"**{TITLES[name]}** ({family.year}). {_(family.idea)}  \n[{family.paper}]({family.url})")
        with lesson.card():
            _graph(lesson, name, auxiliary, detail, "" if part == WHOLE else part, zoom)
        if _ask(lesson, name, counted):
            st.html(_table(name, counted))
    lesson.section("table")
    lesson.section("claims")
    lesson.prove(*data.proofs(name))
    lesson.code(stages_code({name: counted.stages}, {name: counted.input_shape[-1]}, auxiliary))


def _graph(lesson: LessonPage, name: str, auxiliary: bool, detail: str, part: str, zoom: int) -> None:
    with st.spinner(_("Tracing the network…"), show_time=True):
        operations = data.graph(name, auxiliary)
    rows = data.table(name, auxiliary).stages
    level: Detail = next(each for each in get_args(Detail) if each == detail)
    drawn = diagram(operations, rows, level, "" if level == "stages" else part)
    if len(drawn.nodes) > MOST_NODES or len(drawn.edges) > MOST_EDGES:
        words = _(
            "{nodes} boxes and {edges} arrows are too many to read: here are the stages. Choose a part to open it."
        )
        st.info(words.format(nodes=len(drawn.nodes), edges=len(drawn.edges)), icon=":material/account_tree:")
        drawn = diagram(operations, rows, "stages")
    joins = sum(drawn.inputs(index) > 1 for index in range(len(drawn.nodes)))
    alt = _(
        "Graph of {network}, traced: {operations} operations as {nodes} boxes and {edges} arrows; boxes where paths join: {joins}."
    ).format(
        network=TITLES[name],
        operations=len(operations),
        nodes=len(drawn.nodes),
        edges=len(drawn.edges),
        joins=joins,
    )
    key = f"{lesson.scope}-graph"
    st.html(graph_style(key, zoom / 100))
    with st.container(key=key, height=540):
        names = {"input": _("Input"), "output": _("Output")}
        st.graphviz_chart(dot(drawn, names, part or "features"), width="stretch", alt=alt)
    st.caption(alt)


def _ask(lesson: LessonPage, name: str, counted: Table) -> bool:
    most = sorted(counted.stages, key=lambda row: row.parameters, reverse=True)[:4]
    options = {
        row.name: f"{row.name}: {row.layers}" for row in counted.stages if row in most and row.parameters
    }
    share = 100 * most[0].parameters / counted.parameters
    return lesson.predict(
        _("Which part of {network} has the most parameters?").format(network=TITLES[name]),
        most[0].name,
        why=_("It has {share} % of them: {count}.").format(
            share=f"{share:.0f}", count=f"{most[0].parameters:,}"
        ),
        options=options,
        redraw=["net"],
    )


def _table(name: str, counted: Table) -> str:
    def share(number: int, total: int) -> str:
        return f"{100 * number / total:.1f}" if total else "0"

    rows = [
        Row(
            (
                row.name,
                row.layers,
                " × ".join(map(str, row.output_shape)) if row.output_shape else _("in training only"),
                str(row.blocks),
                f"{row.parameters:,}",
                share(row.parameters, counted.parameters),
                short(row.macs),
                share(row.macs, counted.macs),
            )
        )
        for row in counted.stages
    ]
    total = (_("Total"), "", "", "", f"{counted.parameters:,}", "100", short(counted.macs), "100")
    headings = (
        _("Stage"),
        _("Layers"),
        _("Output"),
        _("Blocks"),
        _("Parameters"),
        "%",
        "MAC",
        "%",
    )
    title = _("Stages of {network}").format(network=TITLES[name])
    return html_table(title, headings, [*rows, Row(total, "total")], words=(0, 1))
