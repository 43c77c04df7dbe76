"""Squeeze and excitation: channel gates on a picture, step by step, of two pictures, and by reduction ratio."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.squeeze_excitation import compare, gates, ratio, steps

lesson = open_lesson("squeeze-excitation")
views = {
    "gates": (_("Every stage's gates"), gates),
    "steps": (_("Three steps"), steps),
    "compare": (_("Two pictures"), compare),
    "ratio": (_("The reduction ratio"), ratio),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "gates")
views[chosen][1].draw(lesson)
