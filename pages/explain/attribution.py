"""Why did it say that? Attributions of one answer: side by side, one by one, through the depth, and proved."""

from cnnviz.explain.attribution.code import script
from cnnviz.explain.attribution.gradients import Saliency
from cnnviz.ui import explaining
from cnnviz.ui.attribution import compare, depth, equality, one, sums
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("attribution")
photo = lesson.photo()
case = explaining.choose(lesson, photo)
views = {
    "compare": (_("Side by side"), compare),
    "one": (_("One method"), one),
    "depth": (_("Through the depth"), depth),
    "sums": (_("Does it add up?"), sums),
    "equality": (_("CAM and Grad-CAM"), equality),
}
view = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "compare")
if case is None:
    lesson.section(view)
    lesson.code(script(photo.code, Saliency(), 0), photo)
else:
    drawn = views[view][1].draw(lesson, case)
    lesson.section(view)
    last, network = case.layers[-1].name, case.subject.id
    lesson.code(script(photo.code, drawn.settings, case.target, last, network, case.size[0]), photo)
    if drawn.place is not None:
        explaining.work(lesson, drawn.place, drawn.jobs, drawn.show)
