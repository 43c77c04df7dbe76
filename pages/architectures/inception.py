"""Inception: the module with its four branches, and the auxiliary classifiers with the gradient they inject."""

from cnnviz.ui.inception import auxiliary, module
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("inception")
views = {
    "module": (_("The module"), module),
    "auxiliary": (_("Auxiliary classifiers"), auxiliary),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "module")
views[chosen][1].draw(lesson)
