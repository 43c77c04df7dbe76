"""What the views have in common: the kind of block, and its stride with the place of it."""

from cnnviz.blocks.bottleneck import Version
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def inverted(lesson: LessonPage) -> bool:
    """Whether the block is wide in the middle instead of narrow."""
    kinds = {"narrow": _("Bottleneck (ResNet)"), "wide": _("Inverted (MobileNetV2)")}
    return lesson.choice("kind", _("Block"), kinds, "narrow", kind="list") == "wide"


def version(lesson: LessonPage, stride: int, wide: bool) -> Version:
    """Where the stride sits; an inverted block has it in its 3×3."""
    places = {"v1.5": _("3×3 (v1.5)"), "v1": _("first 1×1 (v1)")}
    chosen = lesson.choice("place", _("The stride sits in the"), places, "v1.5", disabled=wide or stride == 1)
    return "v1" if chosen == "v1" and not wide else "v1.5"


def channels_text(*channels: int) -> str:
    """Such as 256 – 64 – 256."""
    return " – ".join(f"{count:,}" for count in channels)
