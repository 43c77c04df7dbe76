"""Receptive field: through a stack layer by layer, on a photo, and through any network of torchvision."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.receptive_field import layers, network, photo

lesson = open_lesson("receptive-field")
views = {
    "layers": (_("Layer by layer"), layers),
    "photo": (_("On your photo"), photo),
    "network": (_("Any network"), network),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "layers")
views[chosen][1].draw(lesson)
