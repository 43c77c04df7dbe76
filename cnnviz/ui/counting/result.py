"""A count on screen: totals, kinds of layers, treemap, table."""

import streamlit as st

from cnnviz.figures import counting as figures
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import LayerRow, NetworkCount
from cnnviz.zoo.counting.export import to_csv
from cnnviz.zoo.counting.shares import KINDS, MEASURES, Measure, amount, by_kind

WHOLE = "all"
"""Id of the whole network among its modules."""
PATH = state.Codec(str, str, N_("the path of a module"), {})


def choose_measure(lesson: LessonPage) -> Measure:
    """Draw the choice of what areas and bars stand for."""
    titles = measure_titles()
    chosen = lesson.choice("by", _("Share of"), titles, "parameters", kind="radio")
    return next(measure for measure in MEASURES if measure == chosen)


def measure_titles() -> dict[str, str]:
    """What can be counted."""
    return {
        "parameters": _("Parameters"),
        "macs": _("Multiply–accumulates"),
        "memory": _("Memory for training"),
    }


def choose_module(lesson: LessonPage, counted: NetworkCount) -> str:
    """Draw the list of modules with others inside; the treemap opens at the one chosen, and the table keeps to it."""
    paths = [node.name for node in counted.tree.walk() if node.children and node.name]
    if lesson.linked("in", WHOLE, PATH) not in paths:
        lesson.put("in", WHOLE)
    titles = {WHOLE: _("the whole network"), **{path: path for path in paths}}
    return st.selectbox(
        _("Open"),
        list(titles),
        format_func=lambda path: titles.get(path, path),
        key=lesson.key("in"),
        disabled=not paths,
        persist_state="session",
    )


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Sizes joined by a cross."""
    return "–" if shape is None else " × ".join(map(str, shape))


def draw_totals(counted: NetworkCount, title: str) -> None:
    """What goes in, what comes out, and the totals."""
    outputs = [shape_text(shape) for shape in counted.output_shapes]
    out = ", ".join(outputs[:2]) + (" …" if len(outputs) > 2 else "")
    heads = (
        _("parameters"),
        _("buffers"),
        _("MACs"),
        _("inference memory"),
        _("training memory"),
    )
    cells = (
        f"**{counted.parameters:,}**",
        f"{counted.buffers:,}",
        f"**{figures.short(counted.macs)}**",
        figures.short(counted.inference_bytes, "B"),
        figures.short(counted.training_bytes, "B"),
    )
    table = f"| {' | '.join(heads)} |\n|{'--:|' * len(heads)}\n| {' | '.join(cells)} |"
    words = _("Totals")
    region = f'tabindex="0" role="region" aria-label="{words}"'
    head = f"**{title}** · {shape_text(counted.input_shape)} → {out}"
    st.markdown(
        f'{head}\n\n<div {region} style="overflow:auto;white-space:nowrap">\n\n{table}\n\n</div>',
        unsafe_allow_html=True,
    )


def draw_kinds(counted: NetworkCount) -> None:
    """Who holds what: each measure as a bar, divided by kind of layer."""
    names = {kind: _(name) for kind, name in KINDS.items()}
    sums = {measure_titles()[measure]: by_kind(counted, measure) for measure in MEASURES}
    said = []
    for title, amounts in sums.items():
        whole = sum(amounts.values())
        shares = ", ".join(
            f"{names[kind]} {figures.percent(value, whole)}" for kind, value in amounts.items() if value
        )
        said.append(f"{title}: {shares or 0}.")
    st.html(figures.kind_bars(sums, names, " ".join(said)))


def draw_treemap(
    lesson: LessonPage, counted: NetworkCount, measure: Measure, opened: str, title: str
) -> None:
    """The modules as areas."""
    tiles = figures.tiles(counted.tree, measure, title)
    if not tiles:
        st.info(_("Nothing here has any: choose something else to count."))
        return
    start = figures.ROOT if opened == WHOLE else opened
    if start not in {tile.id for tile in tiles}:
        start = figures.ROOT
    inside = sorted((tile for tile in tiles if tile.parent == start), key=lambda tile: -tile.value)
    shares = ", ".join(f"{tile.label} {figures.percent(tile.value, tiles[0].value)}" for tile in inside[:4])
    words = _("{measure}, as areas: of the whole network, the largest in {module} are {shares}.")
    said = words.format(
        measure=measure_titles()[measure], module=title if opened == WHOLE else opened, shares=shares or "–"
    )
    aside = _("of all: {measure}").format(measure=measure_titles()[measure])
    unit = "B" if measure == "memory" else ""
    with lesson.card():
        lesson.figure(figures.treemap(tiles, start, unit, aside), said, name="treemap")
    st.caption(said)


def rows_of(counted: NetworkCount, opened: str) -> list[LayerRow]:
    """The rows of a module and of all within."""
    if opened == WHOLE:
        return list(counted.rows)
    return [row for row in counted.rows if row.name == opened or row.name.startswith(f"{opened}.")]


def draw_table(lesson: LessonPage, counted: NetworkCount, measure: Measure, opened: str, title: str) -> None:
    """Layer by layer; a click on a heading sorts."""
    with st.container(horizontal=True, vertical_alignment="center"):
        first = lesson.toggle("top", _("Largest first"))
        st.download_button(
            _("Download as CSV"),
            lambda: to_csv(counted).encode(),
            file_name=f"cnnviz-{title}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=lesson.key("csv"),
        )
    rows = rows_of(counted, opened)
    if first:
        rows.sort(key=lambda row: -amount(row, measure))
    whole = amount(counted.tree, measure)
    numbers = {
        _("weights"): [row.weights for row in rows],
        _("biases"): [row.biases for row in rows],
        _("buffers"): [row.buffers for row in rows],
        _("MACs"): [row.macs for row in rows],
        _("MACs a weight"): [
            round(row.macs / row.weights, 1) if row.weights and row.macs else None for row in rows
        ],
        _("alive, kB"): [round(row.inference_bytes / 1000) for row in rows],
        _("kept, kB"): [round(row.training_bytes / 1000) for row in rows],
    }
    share = _("share")
    shares = [amount(row, measure) / whole if whole else 0.0 for row in rows]
    table = {
        _("layer"): [row.name or title for row in rows],
        share: shares,
        _("output"): [shape_text(row.output_shape) for row in rows],
        **numbers,
        _("kind"): [row.kind for row in rows],
    }
    config = {name: st.column_config.NumberColumn(format="localized") for name in numbers}
    config |= {
        share: st.column_config.ProgressColumn(
            format="percent",
            min_value=0.0,
            max_value=max(shares, default=0.0) or 1.0,
            help=measure_titles()[measure],
        )
    }
    words = _("{count} layers; share is of: {measure}.")
    said = words.format(count=len(rows), measure=measure_titles()[measure])
    st.dataframe(table, hide_index=True, height=420, column_config=config, placeholder="–", alt=said)
    st.caption(said)
