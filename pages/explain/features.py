"""What a channel looks for: first-layer kernels, and the patches of photos that excite a channel most."""

from cnnviz.ui.explaining import choose
from cnnviz.ui.features import view
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("features")
photo = lesson.photo()
case = choose(lesson, photo, by_class=False)
views = {"kernels": _("First-layer kernels"), "patches": _("Patches, any layer")}
chosen = lesson.choice("view", _("View"), views, "kernels")
if case is not None:
    view.draw(lesson, case, chosen == "kernels")
