"""The zoo: all networks by year, size and accuracy, one of them opened, one scaled, two compared."""

from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.zoo import one, overview, scaling, sides

lesson = open_lesson("zoo")
views = {
    "all": (_("All networks"), overview),
    "one": (_("One network"), one),
    "scaling": (_("Compound scaling"), scaling),
    "sides": (_("Side by side"), sides),
}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "all")
views[chosen][1].draw(lesson)
