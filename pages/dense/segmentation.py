"""Segmentation on the visitor's photo: masks, scores, skips, a classifier made convolutional, and what they are good for."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.segmentation import batch, compare, cutout, dense, mask, paint, scores, skips

lesson = open_lesson("segmentation")
views = {
    "mask": (_("Mask"), mask),
    "compare": (_("Two models"), compare),
    "skips": (_("FCN's skips"), skips),
    "scores": (_("Raw scores"), scores),
    "dense": (_("Any classifier"), dense),
    "cutout": (_("Cut-out"), cutout),
    "paint": (_("Paint and measure"), paint),
    "several": (_("Several photos"), batch),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "mask")
views[chosen][1].draw(lesson)
