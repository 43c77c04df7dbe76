"""The checkerboard: overlaps counted, the pattern on a photo with its spectrum, and the cures."""

from cnnviz.ui.checkerboard import counts, cures, photo
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("checkerboard")
views = {
    "counts": (_("Count the overlaps"), counts),
    "photo": (_("On your photo"), photo),
    "cures": (_("The cures"), cures),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "counts")
views[chosen][1].draw(lesson, LayerControls(lesson))
