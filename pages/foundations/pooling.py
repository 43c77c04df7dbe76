"""Pooling: on a grid of numbers, on a photo, under a shift, and against a convolution with a stride."""

from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.pooling import convolution, grid, photo, shift

lesson = open_lesson("pooling")
views = {
    "grid": (_("On a grid"), grid),
    "photo": (_("On your photo"), photo),
    "shift": (_("Shifted by one"), shift),
    "convolution": (_("Or a convolution"), convolution),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "grid")
views[chosen][1].draw(lesson, LayerControls(lesson))
