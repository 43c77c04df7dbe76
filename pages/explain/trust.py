"""Should you believe the map? Random weights, pixels in its order, and parts of the photo covered by hand."""

from cnnviz.explain.attribution.code import script
from cnnviz.explain.attribution.grad_cam import GradCam
from cnnviz.ui import explaining
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.trust import cascade, curves, erase

lesson = open_lesson("trust")
photo = lesson.photo("coffee")
case = explaining.choose(lesson, photo)
views = {
    "cascade": (_("Does it need the network?"), cascade),
    "curves": (_("Insertion and deletion"), curves),
    "erase": (_("Erase it yourself"), erase),
}
view = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "cascade")
if case is None:
    lesson.section(view)
    lesson.code(script(photo.code, GradCam(), 0), photo)
else:
    ending = views[view][1].draw(lesson, case)
    lesson.section(view)
    lesson.code(ending.source, photo)
    if ending.place is not None:
        explaining.work(lesson, ending.place, ending.jobs, ending.show)
