"""Your photo through a network: what it says, what every stage sees, and what that takes."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.network import answer, kernels, maps, shapes
from cnnviz.ui.network.visit import look_at
from cnnviz.zoo.standalone import script

lesson = open_lesson("network")
photo = lesson.photo()
visit = look_at(lesson, photo)
lesson.section("answer")
answer.draw(visit)

views = {
    "maps": _("Maps of every stage"),
    "kernels": _("First-layer kernels"),
    "shapes": _("Shapes and cost"),
}
view = lesson.choice("view", _("Look inside"), views, "maps")
stage, channel = "", None
if visit.look is not None and view != "shapes":
    lesson.section(view)
    stage, channel = (maps if view == "maps" else kernels).draw(visit, visit.look)
else:
    lesson.section("shapes")
    shapes.draw(visit)
lesson.prove(*visit.proofs)
lesson.code(script(photo.code, stage, channel), photo)
