"""Detection on the visitor's photo: boxes, what suppression removes, where boxes come from, and how they overlap."""

from cnnviz.ui.detection import batch, boxes, cells, nms, pair
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("detection")
views = {
    "boxes": (_("Boxes"), boxes),
    "nms": (_("What NMS removed"), nms),
    "cells": (_("Anchors and cells"), cells),
    "iou": (_("IoU of two boxes"), pair),
    "several": (_("Several photos"), batch),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "boxes")
views[chosen][1].draw(lesson)
