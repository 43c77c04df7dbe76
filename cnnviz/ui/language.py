"""The reader's language: chosen once, followed everywhere.

English sentences stand in the code; `locale/ko` holds the Korean ones. The catalogue is read from
its ``.po`` file, so that there is no compiled copy to forget.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

import streamlit as st

from cnnviz.errors import CnnvizError

LANGUAGES = {"en": "English", "ko": "한국어"}
LOCALE = Path(__file__).resolve().parent.parent / "locale"
KEY = "lang"


@cache
def catalogue(language: str) -> NullTranslations:
    """The translations into `language`; English needs none."""
    if language == "en":
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (LOCALE / language / "LC_MESSAGES" / "cnnviz.po").open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return GNUTranslations(compiled)


def of_browser() -> str:
    """The first visit's language: the browser's, or English."""
    locale = st.context.locale or ""
    return "ko" if locale.lower().startswith("ko") else "en"


def current() -> str:
    """The language of this session."""
    return st.session_state.get(KEY) or "en"


def _(message: str) -> str:
    """`message` in the reader's language."""
    return catalogue(current()).gettext(message)


def explain(error: CnnvizError) -> str:
    """An error's sentence in the reader's language; values that are marked messages are translated too."""
    values = {
        name: _(value) if isinstance(value, str) and value else value for name, value in error.values.items()
    }
    return _(error.message).format(**values)
