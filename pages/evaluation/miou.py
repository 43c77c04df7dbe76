"""mIoU: a prediction to paint, and every score over the strength of a mistake."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.miou import curves, paint

lesson = open_lesson("miou")
views = {
    "paint": (_("Paint a prediction"), paint),
    "curves": (_("How fast scores fall"), curves),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "paint")
views[chosen][1].draw(lesson)
