"""Convolution: one window on a grid of numbers, on a photo, along a line, and in two libraries' words."""

from cnnviz.ui.convolution import grid, line, names, photo
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("convolution")
views = {
    "grid": (_("On a grid"), grid),
    "photo": (_("On your photo"), photo),
    "line": (_("In one dimension"), line),
    "names": (_("In PyTorch and Keras"), names),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "grid")
views[chosen][1].draw(lesson, LayerControls(lesson))
