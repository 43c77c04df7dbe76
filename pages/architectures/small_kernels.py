"""Why small kernels win: stacks of them, factorised layers, and convolutions against dense layers."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.small_kernels import dense, factorised, stacks

lesson = open_lesson("small-kernels")
views = {
    "stacks": (_("Stacks"), stacks),
    "factorised": (_("Factorised"), factorised),
    "dense": (_("Dense or convolution"), dense),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "stacks")
views[chosen][1].draw(lesson)
