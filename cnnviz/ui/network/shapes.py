"""Every stage in numbers: its shape, and what it stores and computes."""

import streamlit as st

from cnnviz.figures import network
from cnnviz.ui.language import _
from cnnviz.ui.network.proofs import count_proofs, side_proof
from cnnviz.ui.network.visit import Visit, ink
from cnnviz.zoo import anatomy


def draw(visit: Visit) -> None:
    controls, area = visit.lesson.bench()
    with controls:
        stage, index = visit.choose_stage()
    with area:
        _slabs(visit, index)
        with st.container(key="wide-table"):
            # On a phone the table scrolls by itself instead of moving the page.
            st.html("<style>.st-key-wide-table { overflow-x: auto; }</style>")
            st.markdown(_table(visit, index))
    measured = visit.look.stages[index].maps.shape[-1] if visit.look else None
    visit.proofs.append(side_proof(visit.stages[stage], index, visit.costs[index], measured))
    visit.proofs.extend(count_proofs(visit.costs, *_by_torch()))


def _slabs(visit: Visit, index: int) -> None:
    made = list(zip(visit.stages.items(), visit.costs, strict=False))
    short = [
        name.removeprefix("stage") if name.startswith("stage") else title for (name, title), _cost in made
    ]
    sides, channels = [cost.side for _name, cost in made], [cost.channels for _name, cost in made]
    listed = ", ".join(
        f"{title} {cost.channels} × {cost.side} × {cost.side}" for (_name, title), cost in made
    )
    hover = _("%{customdata[1]} maps of %{customdata[0]} × %{customdata[0]} cells")
    alt = _("One slab a stage, flatter and wider from stem to head: {listed}.").format(listed=listed)
    figure = network.silhouette(short, sides, channels, index, hover, ink())
    visit.lesson.figure(figure, alt, name="silhouette")


def _table(visit: Visit, index: int) -> str:
    head = (_("Stage"), _("Layers"), "C × h × w", _("Stride"), _("Parameters"), _("MACs"))
    rows = []
    for stage, cost in zip(visit.net.stages, visit.costs, strict=False):
        shape = f"{cost.channels:,} × {cost.side} × {cost.side}"
        layers, stride = f"{stage.layers} × {stage.operator}", str(stage.stride)
        rows.append(
            [visit.stages[stage.name], layers, shape, stride, f"{cost.parameters:,}", f"{cost.macs:,}"]
        )
    last = visit.costs[-1]
    counts = f"{last.channels:,}", "–", f"{last.parameters:,}", f"{last.macs:,}"
    rows.append([_("classifier"), _("average, dense"), *counts])
    return network.table(head, rows, index)


@st.cache_data(max_entries=1, show_spinner=False)
def _by_torch() -> tuple[int, int]:
    """Parameters and multiply–accumulates, as PyTorch counts them."""
    blank = anatomy.blank()
    return sum(parameter.numel() for parameter in blank.parameters()), anatomy.measured_macs(blank)
