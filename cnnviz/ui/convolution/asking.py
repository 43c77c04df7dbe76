"""The question that a convolution's grid and its photo share: how many rows come out?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.layers.convolution import ConvolutionSettings
from cnnviz.ui.language import _
from cnnviz.ui.layer_proofs import size_formula
from cnnviz.ui.lesson import LessonPage


def ask_rows(
    lesson: LessonPage,
    settings: ConvolutionSettings,
    rows: int,
    redraw: Sequence[str],
    accept: Callable[[Mapping[str, Any]], bool],
) -> bool:
    """Ask for the output's height, if the learner wants to be asked, and say whether it may be shown."""
    pads, height = settings.pads[:2], settings.kernel_size[0]
    formula = size_formula(rows, pads, height, settings.stride, settings.dilation)
    answer = conv_output_size(rows, height, settings.stride, pads, settings.dilation)
    question = _(
        "The input has {rows} rows, and padding adds {padding}. The kernel has {height} rows, its dilation is "
        "{dilation} and its stride {stride}. How many rows does the output have?"
    )
    return lesson.predict(
        question.format(
            rows=rows, padding=sum(pads), height=height, dilation=settings.dilation, stride=settings.stride
        ),
        answer,
        why=f"${formula} = {answer}$",
        redraw=redraw,
        accept=accept,
    )
