"""Residual blocks: one block, gradients by depth, the paths, degradation live, and blocks deleted."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.residual import block, degradation, deletion, depth, paths

lesson = open_lesson("residual")
views = {
    "block": (_("One block"), block),
    "depth": (_("Gradients by depth"), depth),
    "paths": (_("Two to the n paths"), paths),
    "degradation": (_("Degradation, live"), degradation),
    "deletion": (_("Delete a block"), deletion),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "block")
views[chosen][1].draw(lesson)
