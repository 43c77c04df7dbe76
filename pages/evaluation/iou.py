"""IoU: of two boxes, of a box that slides past another, and of two masks."""

from cnnviz.ui.iou import boxes, masks, slide
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("iou")
views = {
    "boxes": (_("Two boxes"), boxes),
    "slide": (_("Sliding by"), slide),
    "masks": (_("Two masks"), masks),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "boxes")
views[chosen][1].draw(lesson)
