"""All networks at once: accuracy against size, and the years."""

import streamlit as st

from cnnviz.figures.zoo import (
    Milestone,
    Point,
    Row,
    ScatterLabels,
    scatter_figure,
    short,
    timeline_figure,
)
from cnnviz.figures.zoo import table as html_table
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.zoo import data
from cnnviz.zoo import counting
from cnnviz.zoo.history import (
    FAMILIES,
    FAMILY_OF,
    HUMAN_SOURCE,
    HUMAN_TOP5_ERROR,
    TITLES,
    accuracy,
)
from cnnviz.zoo.history_code import overview_code
from cnnviz.zoo.sizes import Size, size


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        against = lesson.choice(
            "x", _("Size"), {"parameters": _("Parameters"), "macs": _("Multiply–accumulates")}, "parameters"
        )
        guesses = lesson.choice("y", _("Accuracy"), {"top1": "top-1", "top5": "top-5"}, "top5")
        recipes = {"first": _("As first published"), "best": _("Best today")}
        best = (
            lesson.choice(
                "w",
                _("Trained weights"),
                recipes,
                "first",
                help=_(
                    "torchvision trained some networks again years later, by a better recipe: same network, other accuracy."
                ),
            )
            == "best"
        )
        years = [family.year for family in FAMILIES]
        until = lesson.slider("to", _("Up to the year"), years[0], years[-1], years[-1])
        chosen = lesson.choice("net", _("Network"), TITLES, "resnet50", kind="list")
    with st.spinner(_("Counting all networks…"), show_time=True):
        sizes = {name: size(name) for name in TITLES}
    with stage:
        if _ask(lesson, chosen, against, sizes):
            _scatter(lesson, chosen, against, guesses, best, sizes, until)
            lesson.prove(*_proofs(chosen, sizes[chosen]))
    lesson.section("scatter")
    lesson.section("timeline")
    _timeline(lesson, chosen, until)
    names = [name for name in TITLES if counting.group_of(name) == "classification"]
    lesson.code(overview_code(names, best))


def _ask(lesson: LessonPage, chosen: str, against: str, sizes: dict[str, Size]) -> bool:
    names = list(TITLES)
    start = names.index(chosen)
    picked = sorted({(start + step * len(names) // 4) % len(names) for step in range(4)})
    options = {names[i]: TITLES[names[i]] for i in picked}
    values = {name: getattr(sizes[name], against) for name in options}
    question = {
        "parameters": _("Which of these has the most parameters?"),
        "macs": _("Which of these needs the most multiply–accumulates for one image?"),
    }[against]
    return lesson.predict(
        question,
        max(values, key=lambda name: values[name]),
        why="; ".join(f"{TITLES[name]}: {short(value)}" for name, value in values.items()),
        options=options,
        redraw=["net", "x"],
    )


def _scatter(
    lesson: LessonPage,
    chosen: str,
    against: str,
    guesses: str,
    best: bool,
    sizes: dict[str, Size],
    until: int,
) -> None:
    every = [
        Point(
            name,
            TITLES[name],
            FAMILY_OF[name].title,
            data.COLOURS[FAMILY_OF[name].id],
            getattr(sizes[name], against),
            getattr(known, guesses),
            sizes[name].memory_bytes,
        )
        for name in TITLES
        if (known := accuracy(name, best)) is not None
    ]
    points = [each for each in every if FAMILY_OF[each.name].year <= until]
    words = {
        "parameters": _("Parameters"),
        "macs": _("Multiply–accumulates"),
        "top1": _("top-1 accuracy"),
        "top5": _("top-5 accuracy"),
    }
    human = 100 - HUMAN_TOP5_ERROR if guesses == "top5" else None
    labels = ScatterLabels(
        words[against],
        words[guesses],
        _("Memory"),
        _("a person: top-5 error {error} %").format(error=HUMAN_TOP5_ERROR),
    )
    if not points:
        st.info(_("None of these networks has seen ImageNet yet: it appeared in 2009, AlexNet in 2012."))
        st.markdown(_remark(chosen, guesses, best, sizes[chosen], []))
        return
    alt = _(
        "{count} networks by {x} and {y}. Most accurate: {best}, {accuracy} %, with {best_size}. Smallest: {smallest}, {smallest_accuracy} %, with {smallest_size}."
    )
    top, least = max(points, key=lambda each: each.y), min(points, key=lambda each: each.x)
    alt = alt.format(
        count=len(points),
        x=labels.x,
        y=labels.y,
        best=top.title,
        accuracy=f"{top.y:.2f}",
        best_size=short(top.x),
        smallest=least.title,
        smallest_accuracy=f"{least.y:.2f}",
        smallest_size=short(least.x),
    )
    with lesson.card():
        lesson.figure(scatter_figure(points, chosen, human, labels, every), alt, name="scatter")
    st.markdown(_remark(chosen, guesses, best, sizes[chosen], [each.y for each in points]))


def _remark(chosen: str, guesses: str, best: bool, found: Size, heights: list[float]) -> str:
    """What is worth saying about the chosen network, and about the line."""
    known = accuracy(chosen, best)
    facts = {
        "network": TITLES[chosen],
        "parameters": short(found.parameters),
        "macs": short(found.macs),
        "memory": f"{found.memory_bytes / 1e6:.0f}"
        if found.memory_bytes >= 1e7
        else f"{found.memory_bytes / 1e6:.2g}",
        "side": found.side,
    }
    said = [
        _(
            "**{network}**: {parameters} parameters, {macs} multiply–accumulates and {memory} MB for one {side} × {side} image."
        ).format(**facts)
    ]
    if known is None:
        said.append(_("It reads digits and never saw ImageNet, so it has no bubble."))
    else:
        source = known.weights or FAMILY_OF[chosen].paper
        words = _("Accuracy: top-1 {top1} %, top-5 {top5} % ({source}).")
        said.append(words.format(top1=f"{known.top1:.2f}", top5=f"{known.top5:.2f}", source=source))
    if guesses == "top5":
        above = sum(height > 100 - HUMAN_TOP5_ERROR for height in heights)
        words = _("The line is a person's top-5 error of {error} % ({source}); bubbles above it: {above}.")
        said.append(words.format(error=HUMAN_TOP5_ERROR, source=HUMAN_SOURCE, above=above))
    else:
        said.append(_("The human 5.1 % is a top-5 error, so it has no line here."))
    return " ".join(said)


def _proofs(chosen: str, found: Size) -> list[Proof]:
    told, torch_says = counting.published(chosen), data.measured(chosen)
    own = counting.group_of(chosen) == "own"
    why = " ".join(_(trap) for trap in told.traps)
    return [
        Proof(
            _("Parameters of {network}").format(network=TITLES[chosen]),
            r"\textstyle\sum_l P_l",
            found.parameters,
            torch_says.parameters,
            told.parameters,
            told.source,
        ),
        Proof(
            _("Multiply–accumulates of {network}").format(network=TITLES[chosen]),
            r"\textstyle\sum_l M_l",
            found.macs,
            torch_says.macs,
            told.macs,
            told.source,
            why,
            # torchvision rounds to millions, papers to three digits.
            tolerance=0.005 if own else 6e5 / found.macs,
        ),
    ]


def _timeline(lesson: LessonPage, chosen: str, until: int) -> None:
    milestones = [
        Milestone(family.title, family.year, _(family.idea), data.COLOURS[family.id]) for family in FAMILIES
    ]
    family = FAMILY_OF[chosen]
    alt = _("Timeline: {networks}.").format(
        networks=", ".join(f"{each.title} {each.year}" for each in milestones)
    )
    lesson.figure(timeline_figure(milestones, family.title, until), alt, name="timeline")
    rows = [
        Row((str(each.year), each.title, each.idea), "chosen" if each.title == family.title else "")
        for each in milestones
    ]
    st.html(
        html_table(_("Networks and their ideas"), (_("Year"), _("Network"), _("Idea")), rows, words=(1, 2))
    )
