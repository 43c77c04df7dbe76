"""The upsampling bench: every operator on one grid of numbers, on a photo, on a feature map; and ways to unpool."""

from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.upsampling import feature_map, grid, photo, unpooling

lesson = open_lesson("upsampling")
views = {
    "grid": (_("Numbers"), grid),
    "photo": (_("Your photo"), photo),
    "map": (_("A feature map"), feature_map),
    "unpool": (_("Unpooling"), unpooling),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "grid")
views[chosen][1].draw(lesson, LayerControls(lesson))
