"""Deformable convolution: offsets drawn by hand on a photo, offsets that a network learns, and what they cost."""

from cnnviz.ui.deformable import cost, learned, points
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("deformable")
views = {
    "points": (_("Points on your photo"), points),
    "learned": (_("Learned offsets"), learned),
    "cost": (_("What it costs"), cost),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "points")
views[chosen][1].draw(lesson)
