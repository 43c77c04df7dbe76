"""Transposed convolution: stamps, an ordinary convolution over zeros, a transposed matrix; and no inverse."""

from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.transposed import inverse, sparse, stamping, stuffed

lesson = open_lesson("transposed")
views = {
    "stamps": (_("Stamps"), stamping),
    "stuffed": (_("Zeros between"), stuffed),
    "matrix": (_("A matrix, transposed"), sparse),
    "inverse": (_("Not the inverse"), inverse),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "stamps")
views[chosen][1].draw(lesson, LayerControls(lesson))
