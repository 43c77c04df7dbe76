"""Deletion: what a trained network loses with a block."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import streamlit as st
import torch
from torch import Tensor

from cnnviz.blocks.small_resnet import SmallResNet
from cnnviz.figures.degradation import DeletionLabels, Deletions, Guesses, deletion_figure, guesses_table
from cnnviz.proof import Proof
from cnnviz.training.degradation import Setup, error, lesions, predict, silenced
from cnnviz.training.degradation_code import WEIGHTS_FILE, deletion_code
from cnnviz.training.pictures import Pictures, pictures
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.residual import runs
from cnnviz.ui.residual.runs import NAMES, Shown
from cnnviz.upsampling.decoder_code import archive

SHOWN = 8
"""Test pictures in a row."""
_COSTS = {"little": 0.02, "some": 0.1}
"""Most that is lost, as a share of the test pictures, for each answer but the last."""


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        data = pictures(runs.choose_pictures(lesson))
        depths = {"20": _("{depth} layers").format(depth=20), "56": _("{depth} layers").format(depth=56)}
        depth = lesson.choice("deep", _("Depth"), depths, "20")
        names = (f"resnet-{depth}", f"plain-{depth}")
        shown = runs.shown(lesson, names)
        networks = {name: shown.run.trained[name] for name in names}
        blocks = len(networks[names[0]].blocks)
        first = lesson.slider("b", _("Block that is deleted"), 1, blocks, 5)
        many = lesson.slider("many", _("Blocks in a row"), 1, 9, 1)
        start = SHOWN * (
            lesson.slider("g", _("Test pictures, eight at a time"), 1, len(data.test) // SHOWN, 1) - 1
        )
    gone = range(first, min(first + many, blocks + 1))
    each = {name: _deletions(shown.setup, shown.own, name, networks[name]) for name in names}
    with stage:
        costs = {name: _cost(shown.setup, shown.own, name, tuple(gone), networks[name]) for name in names}
        without = {name: deleted for name, (deleted, _silenced) in costs.items()}
        if _ask(lesson, names[0], gone, without[names[0]] - each[names[0]].whole, shown):
            with lesson.card():
                _bars(lesson, list(each.values()), gone, _halving(networks[names[0]]))
            _tell(each, without, gone, shown)
            _guesses(data, networks, start, gone)
            lesson.prove(*_proofs(data, each, costs, gone))
    lesson.section("deletion")
    lesson.code(
        deletion_code(shown.setup.pictures, names, shown.setup.width, len(data.classes), _from_zero(gone)),
        files=lambda: {WEIGHTS_FILE: weights_file(networks)},
    )


def weights_file(networks: Mapping[str, SmallResNet]) -> bytes:
    """What the code reads."""
    return archive(
        **{
            f"{name}.{key}": values.contiguous().numpy()
            for name, network in networks.items()
            for key, values in network.state_dict().items()
        }
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _deletions(setup: Setup, own: bool, name: str, _network: SmallResNet) -> Deletions:
    """One network, whole and without each block. The same setup always trains the same network."""
    tests = _tests(pictures(setup.pictures))
    return Deletions(NAMES[name], error(_network, *tests), lesions(_network, *tests))


@st.cache_data(max_entries=256, show_spinner=False)
def _cost(
    setup: Setup, own: bool, name: str, gone: tuple[int, ...], _network: SmallResNet
) -> tuple[float, float]:
    """The error without the blocks `gone`, deleted and, in another way, silenced."""
    images, labels = _tests(pictures(setup.pictures))
    missing = _from_zero(gone)
    deleted = float((predict(_network, images, missing) != labels).double().mean())
    return deleted, error(silenced(_network, missing), images, labels)


def _from_zero(gone: Iterable[int]) -> list[int]:
    """The page counts blocks from 1, the core from 0."""
    return [number - 1 for number in gone]


def _tests(data: Pictures) -> tuple[Tensor, Tensor]:
    return torch.tensor(data.test), torch.tensor(data.test_labels)


def _told(gone: range) -> str:
    """ "block 4", or "blocks 4 to 6"."""
    if len(gone) == 1:
        return _("block {number}").format(number=gone[0])
    return _("blocks {first} to {last}").format(first=gone[0], last=gone[-1])


def _ask(lesson: LessonPage, name: str, gone: range, cost: float, shown: Shown) -> bool:
    options = {
        "little": _("by two points at most"),
        "some": _("by two to ten points"),
        "much": _("by more than ten points"),
    }
    answer = next((option for option, most in _COSTS.items() if cost <= most), "much")
    return lesson.predict(
        _(
            "{network} loses {blocks} after its training, and nothing else is changed. How does its error on the test "
            "pictures grow?"
        ).format(network=NAMES[name], blocks=_told(gone)),
        answer,
        why=_("By {points} points. {run}").format(points=f"{100 * cost:.1f}", run=shown.told),
        options=options,
        redraw=["pic", "deep", "b", "many"],
    )


def _halving(network: SmallResNet) -> list[int]:
    return [number for number, block in enumerate(network.blocks, start=1) if block.stride == 2]


def _bars(lesson: LessonPage, each: Sequence[Deletions], gone: range, halving: Sequence[int]) -> None:
    words = DeletionLabels(
        _("deleted block (↓ halves the map)"), _("test error"), _("{network}, whole"), _told(gone)
    )
    told = "; ".join(
        _("{network}: whole {whole}, without a block {least} to {most}, in the median {median}").format(
            network=network.name,
            whole=f"{network.whole:.1%}",
            least=f"{min(network.without):.1%}",
            most=f"{max(network.without):.1%}",
            median=f"{median(network.without):.1%}",
        )
        for network in each
    )
    alt = _("Test error without each block in turn. {errors}.").format(errors=told)
    lesson.figure(deletion_figure(each, gone, halving, words), alt, name="deletion")


def _tell(each: Mapping[str, Deletions], without: Mapping[str, float], gone: range, shown: Shown) -> None:
    words = _(
        "{network} without {blocks}: **{after}** of the test pictures wrong, **{before}** with all of them."
    )
    lines = [
        words.format(
            network=NAMES[name], blocks=_told(gone), after=f"{after:.1%}", before=f"{each[name].whole:.1%}"
        )
        for name, after in without.items()
    ]
    st.markdown("  \n".join(lines))
    st.caption(shown.told)


def _guesses(data: Pictures, networks: Mapping[str, SmallResNet], start: int, gone: range) -> None:
    images, labels = (part[start : start + SHOWN] for part in _tests(data))
    classes = [_(name) for name in data.classes]

    def named(numbers: Tensor) -> list[str]:
        return [classes[number] for number in numbers.tolist()]

    truth = named(labels)
    rows = [Guesses(_("What it is"), truth)]
    for name, network in networks.items():
        for title, missing in ((NAMES[name], ()), (_("without {blocks}").format(blocks=_told(gone)), gone)):
            found = predict(network, images, _from_zero(missing))
            rows.append(Guesses(title, named(found), (found == labels).tolist()))
    alts = [
        _("Test picture {number}: {name}").format(number=start + place, name=name)
        for place, name in enumerate(truth, 1)
    ]
    title = _("What the networks take test pictures for, before and after; wrong answers are crossed")
    st.html(guesses_table(data.test[start : start + SHOWN, 0], rows, title, alts))


def _proofs(
    data: Pictures, each: Mapping[str, Deletions], costs: Mapping[str, tuple[float, float]], gone: range
) -> list[Proof]:
    residual, plain = costs
    total = len(data.test)

    def share(value: float) -> str:
        return rf"\frac{{{round(value * total)}}}{{{total}}}"

    def title(name: str) -> str:
        return _("Test error of {network} without {blocks}").format(network=NAMES[name], blocks=_told(gone))

    deleted, silent = costs[residual]
    proofs = [
        Proof(
            title(residual), share(deleted), deleted, measured=silent,
            why=_(
                "Measured in another way: nothing deleted, but the last BatchNorm of these blocks set to 0, so that F(x) = 0."
            ),
        )
    ]  # fmt: skip
    if len(gone) == 1:
        deleted = costs[plain][0]
        proofs.append(
            Proof(
                title(plain), share(deleted), deleted, measured=each[plain].without[gone[0] - 1],
                why=_("Measured in another way: from the maps in front of the block, as for the bars above."),
            )
        )  # fmt: skip
    return proofs
