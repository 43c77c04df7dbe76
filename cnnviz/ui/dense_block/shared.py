"""What the views on the block have in common: its settings, and the question about its channels."""

from collections.abc import Mapping
from typing import Any

from cnnviz.blocks.dense import DenseSettings
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

INPUT_STEP, GROWTH_STEP = 8, 4


def choose(lesson: LessonPage) -> DenseSettings:
    """Sliders of a block, as DenseNet-121's first one at the start."""
    return DenseSettings(
        lesson.slider("k0", _("Input channels k₀"), INPUT_STEP, 96, 64, step=INPUT_STEP),
        lesson.slider("k", _("Growth rate k: new maps of each layer"), GROWTH_STEP, 48, 32, step=GROWTH_STEP),
        lesson.slider("n", _("Layers L"), 1, 12, 6),
        lesson.toggle("neck", _("Bottleneck: a 1×1 to 4k channels before each 3×3"), True),
        lesson.fraction("theta", _("Compression θ of the transition"), 0.1, 1.0, 0.5, step=0.1),
    )


def fair(drawn: Mapping[str, Any]) -> bool:
    """Whether random values are ones that the sliders have."""
    return drawn["k0"] % INPUT_STEP == 0 and drawn["k"] % GROWTH_STEP == 0
