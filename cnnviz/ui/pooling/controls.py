"""What the views have in common: the window, a convolution's kernel, and names."""

from collections.abc import Mapping

from cnnviz.layers.pooling import PoolingSettings
from cnnviz.layers.pooling_presets import KERNELS
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def translated(titles: Mapping[str, str]) -> dict[str, str]:
    """English titles in the reader's language."""
    return {name: _(title) for name, title in titles.items()}


def layer_names() -> dict[str, str]:
    """The three poolings, and the convolution beside them."""
    return {
        "max": _("Maximum"),
        "average": _("Average"),
        "min": _("Minimum"),
        "convolution": _("Convolution"),
    }


def window(lesson: LessonPage, *, padding: bool = True, disabled: bool = False) -> PoolingSettings:
    """Window, stride and padding: the same layer in every view."""
    size = lesson.slider("k", _("Window"), 1, 4, 2, disabled=disabled)
    stride = lesson.slider("s", _("Stride"), 1, 4, 2, disabled=disabled)
    pad = lesson.slider("p", _("Padding"), 0, size // 2, 0, disabled=disabled) if padding else 0
    return PoolingSettings("max", (size, size), stride, pad)


def kernel(lesson: LessonPage, name: str, default: str) -> str:
    """Which of :data:`KERNELS` the convolution has."""
    return lesson.choice(name, _("The convolution's kernel"), translated(KERNELS), default, kind="list")
