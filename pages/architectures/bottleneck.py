"""The bottleneck: what the block costs, where its stride sits, and what it makes of a photo."""

from cnnviz.ui.bottleneck import block, maps, stride
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("bottleneck")
views = {
    "block": (_("The block and its price"), block),
    "stride": (_("Where the stride sits"), stride),
    "maps": (_("On your photo"), maps),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "block")
views[chosen][1].draw(lesson)
