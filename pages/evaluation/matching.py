"""Matching, step by step: what becomes of each detection, and what a score threshold lets through."""

from cnnviz.ui.detections import pick_set
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson
from cnnviz.ui.matching import steps, threshold

lesson = open_lesson("matching")
picked = pick_set()
views = {"steps": (_("Step by step"), steps), "threshold": (_("At a threshold"), threshold)}
chosen = lesson.choice("view", _("View"), {name: title for name, (title, _view) in views.items()}, "steps")
views[chosen][1].draw(lesson, picked)
