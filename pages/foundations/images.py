"""Images as tensors: what a network gets when you give it a photo."""

from cnnviz.ui.images import channels, memory, numbers, shrinking, zoom
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("images")
views = {
    "zoom": (_("Pixels"), zoom),
    "channels": (_("Channels"), channels),
    "layout": (_("Memory"), memory),
    "numbers": (_("Numbers"), numbers),
    "shrink": (_("Shrinking"), shrinking),
}
titles = {name: title for name, (title, _view) in views.items()}
chosen = lesson.choice("view", _("What to look at"), titles, "zoom")
photo = lesson.photo()
controls, stage = lesson.bench()
with stage:
    source = views[chosen][1].draw(lesson, photo, controls)
lesson.section(chosen)
lesson.code(source, photo)
