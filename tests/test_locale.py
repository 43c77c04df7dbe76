"""Nothing untranslated, nothing stale, nothing in one language only."""

import ast
import re
import string
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from cnnviz import prose
from cnnviz.lessons import ASSETS, LESSONS
from cnnviz.ui.language import LANGUAGES, LOCALE, catalogue

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "cnnviz", ROOT / "pages"]


@cache
def extracted() -> set[str]:
    """What Babel collects for the catalogue."""
    found = set()
    for folder in FOLDERS:
        for _file, _line, message, *_rest in extract_from_dir(folder, keywords={"_": None, "N_": None}):
            found.add(message)
    return found


def called() -> dict[str, str]:
    """Every literal handed to _() or N_(), by Python's own parser, with where it stands."""
    found = {}
    for folder in FOLDERS:
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("_", "N_")
                    and isinstance(node.args[0], ast.Constant)
                ):
                    found[node.args[0].value] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def korean() -> dict[str, str]:
    with (LOCALE / "ko/LC_MESSAGES/cnnviz.po").open("rb") as file:
        messages = read_po(file, locale="ko")
    assert not [message.id for message in messages if message.fuzzy and message.id]
    return {str(message.id): str(message.string) for message in messages if message.id}


def fields(text: str) -> set[str | None]:
    return {name for _text, name, *_rest in string.Formatter().parse(text) if name is not None}


def test_babel_sees_every_sentence() -> None:
    missed = {text: where for text, where in called().items() if text not in extracted()}
    assert not missed, "Babel cannot look into f-strings: translate first, format then"


def test_no_untranslated_sentence() -> None:
    catalogue_ko = korean()
    assert [text for text in extracted() if not catalogue_ko.get(text)] == []


def test_no_stale_sentence() -> None:
    assert sorted(set(korean()) - extracted()) == []


def test_translations_keep_their_fields() -> None:
    wrong = [text for text, translated in korean().items() if not fields(translated) <= fields(text)]
    assert wrong == []


def test_bold_closes() -> None:
    """Markdown doesn't end bold between a sign and a letter, where Korean puts its particles."""
    texts = {**korean(), **{str(path): path.read_text("utf-8") for path in ASSETS.glob("lessons/*/*.md")}}
    wrong = []
    for where, text in texts.items():
        for line in text.splitlines():
            for mark in list(re.finditer(r"\*\*", line))[1::2]:
                before, after = line[mark.start() - 1], line[mark.end() : mark.end() + 1]
                if not (before.isalnum() or before == "}") and after.isalnum():
                    wrong.append((where, line[mark.start() - 20 : mark.end() + 5]))
    assert wrong == []


def test_translation_is_really_used() -> None:
    assert catalogue("ko").gettext("Convolution") == "합성곱"
    assert catalogue("en").gettext("Convolution") == "Convolution"


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_prose_is_complete_in_both_languages(lesson: str) -> None:
    english, other = prose.read("en", lesson), prose.read("ko", lesson)
    assert english.opening
    assert other.opening
    assert list(english.sections) == list(other.sections), "same sections, same order"
    assert all(section.body for text in (english, other) for section in text.sections.values())


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_at_most_three_sentences_before_the_first_control(lesson: str) -> None:
    for language in LANGUAGES:
        opening = prose.read(language, lesson).opening
        ends = sum(opening.count(mark) for mark in (". ", "? ", "! ")) + 1
        assert ends <= 3, opening


def test_no_prose_without_a_lesson() -> None:
    known = {lesson.id for lesson in LESSONS}
    for language in LANGUAGES:
        assert {path.stem for path in (ASSETS / "lessons" / language).glob("*.md")} == known
