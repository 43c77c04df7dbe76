"""PR curve and AP: the area under one curve, every class, sizes and limits, ten thresholds."""

from cnnviz.ui.average_precision import classes, curve, ranges, thresholds
from cnnviz.ui.detections import pick_set
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("average-precision")
picked = pick_set()
views = {
    "curve": (_("Curve and area"), curve),
    "classes": (_("Classes and their mean"), classes),
    "ranges": (_("Sizes and limits"), ranges),
    "ious": (_("Ten thresholds"), thresholds),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "curve")
views[chosen][1].draw(lesson, picked)
