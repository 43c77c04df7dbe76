"""What the views on trained networks share: the settings of a training, and whose run is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnviz.errors import SettingError
from cnnviz.training.degradation import NETWORKS, STEPS, WIDTH, WIDTHS, Setup, Snapshot, load
from cnnviz.training.pictures import PICTURES
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.training import last

NAMES = {name: name.replace("resnet", "ResNet") for name in NETWORKS}
"""As the paper writes them, in any language."""
MOST_STEPS, STEP = 600, 20


@dataclass(frozen=True, eq=False)
class Shown:
    """A finished run.

    Attributes:
        setup: what it was trained with.
        own: whether it is the visitor's.
    """

    setup: Setup
    run: Snapshot
    own: bool

    @property
    def told(self) -> str:
        """Whose it is, in the reader's language."""
        words = (
            _("Your own run: width {width}, seed {seed}, {steps} steps.")
            if self.own
            else _("The run that comes with this page: width {width}, seed {seed}, {steps} steps.")
        )
        return words.format(width=self.setup.width, seed=self.setup.seed, steps=self.setup.steps)


def choose_pictures(lesson: LessonPage) -> str:
    titles = {name: _(title) for name, title in PICTURES.items()}
    return lesson.choice("pic", _("Pictures"), titles, "digits", kind="list")


def choose(lesson: LessonPage) -> None:
    """The controls of a training."""
    choose_pictures(lesson)
    for name in NETWORKS:
        lesson.toggle(_short(name), NAMES[name], True)
    lesson.slider(
        "wide", _("Channels of the first stage"), *WIDTHS, WIDTH,
        help=_("The paper has 16. Time grows with it; the second and third stage have twice and four times as many."),
    )  # fmt: skip
    lesson.slider("steps", _("Training steps"), STEP, MOST_STEPS, STEPS, step=STEP)
    lesson.slider("runseed", _("Seed of the training"), 0, 9, 0)


def setup(lesson: LessonPage) -> Setup:
    """What the controls of :func:`choose` say, whether they are drawn or not.

    Raises:
        SettingError: no network is chosen.
    """
    return Setup(
        lesson.linked("pic", "digits", state.choice(list(PICTURES))),
        tuple(name for name in NETWORKS if lesson.linked(_short(name), True, state.flag())),
        lesson.linked("wide", WIDTH, state.whole(*WIDTHS)),
        lesson.linked("runseed", 0, state.whole(0, 9)),
        lesson.linked("steps", STEPS, state.whole(STEP, MOST_STEPS)),
    )


def shown(lesson: LessonPage, needed: Sequence[str]) -> Shown:
    """The visitor's own run with today's settings, if it is finished and has the networks `needed`, or the shipped one."""
    try:
        wanted = setup(lesson)
    except SettingError:
        return shipped(lesson.linked("pic", "digits", state.choice(list(PICTURES))))
    run = last(lesson, wanted)
    if isinstance(run, Snapshot) and set(needed) <= set(run.trained):
        return Shown(wanted, run, True)
    return shipped(wanted.pictures)


def shipped(pictures: str) -> Shown:
    return Shown(Setup(pictures), load(pictures), False)


def _short(name: str) -> str:
    """The name of its control: "p20" of plain-20."""
    kind, depth = name.split("-")
    return kind[0] + depth
