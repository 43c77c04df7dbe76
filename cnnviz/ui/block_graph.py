"""A block on the page: the graph that its module really computes, with a shape on every arrow."""

import streamlit as st
from torch import nn

from cnnviz.blocks.drawing import drawing
from cnnviz.figures.zoo import dot, graph_style
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import Shape


def block_graph(
    lesson: LessonPage,
    block: nn.Module,
    input_shape: Shape,
    *,
    title: str,
    name: str = "graph",
    zoom: float = 1.0,
) -> None:
    """Draw `block`, traced on an input of (N, C, H, W).

    Args:
        title: what the block is, in the reader's language.
        name: tells several graphs of one page apart.
        zoom: magnification, 1 for text of the page's size.
    """
    drawn = drawing(block, input_shape)
    sizes = [" × ".join(map(str, node.output_shape or ())) for node in drawn.nodes]
    alt = _(
        "{title}, drawn from the module itself: {boxes} boxes, {joins} of them where paths join; {before} goes in, {after} comes out."
    ).format(
        title=title,
        boxes=len(drawn.nodes) - 2,
        joins=sum(drawn.inputs(index) > 1 for index in range(len(drawn.nodes))),
        before=sizes[0],
        after=sizes[-1],
    )
    key = f"{lesson.scope}-{name}"
    # A wide graph scrolls on a phone, and not the whole page with it.
    st.html(f"{graph_style(key, zoom)}<style>.st-key-{key} {{ overflow-x: auto; }}</style>")
    with st.container(key=key):
        names = {"input": _("Input"), "output": _("Output")}
        st.graphviz_chart(dot(drawn, names, shapes_on_arrows=True), width="stretch", alt=alt)
    st.caption(alt)
