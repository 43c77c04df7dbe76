"""Dense blocks: features kept side by side, what that costs, and what a trained network reuses."""

from cnnviz.ui.dense_block import block, maps, reuse
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("dense-block")
views = {
    "block": (_("Side by side, or added"), block),
    "maps": (_("On your photo"), maps),
    "reuse": (_("What is reused"), reuse),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "block")
views[chosen][1].draw(lesson)
