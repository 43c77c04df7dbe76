"""Lesson prose: ``assets/lessons/<language>/<id>.md``, split into named sections.

A file opens with the sentences that stand before the first control. Each further section starts
with a heading that names its anchor: ``## Why strides floor {#floor}``. A page draws a section by
its anchor, so that text and figure stay together while the words live in one file a language.
"""

import re
from dataclasses import dataclass
from functools import cache

from cnnviz.lessons import ASSETS

_HEADING = re.compile(r"^## (?P<title>.+?) \{#(?P<anchor>[a-z0-9-]+)\}$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A titled piece of prose, in Markdown."""

    title: str
    body: str


@dataclass(frozen=True)
class Prose:
    """A lesson's prose in one language: the opening, and the sections by anchor."""

    opening: str
    sections: dict[str, Section]


@cache
def read(language: str, lesson_id: str) -> Prose:
    """Read one lesson's prose.

    Raises:
        FileNotFoundError: the lesson has no prose in that language.
    """
    text = (ASSETS / "lessons" / language / f"{lesson_id}.md").read_text(encoding="utf-8")
    opening, *rest = _HEADING.split(text)
    sections = {
        anchor: Section(title, body.strip())
        for title, anchor, body in zip(rest[0::3], rest[1::3], rest[2::3], strict=True)
    }
    return Prose(opening.strip(), sections)
