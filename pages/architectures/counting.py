"""Count any network: one of torchvision or of our own by name, or a stack from a table."""

from cnnviz.ui.counting import network, stack
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("counting")
views = {"network": (_("A network by name"), network), "stack": (_("A stack of your own"), stack)}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "network")
views[chosen][1].draw(lesson)
