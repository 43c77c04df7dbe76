"""The state in the link: every control's value, in the session and in the page's address.

A *linked* value has a name, a default and a codec. It lives in ``st.session_state``, so that
switching pages loses nothing; when the page is done, every linked value of the page that differs
from its default is written to the address, so that the address opened in another browser shows the
same state. Streamlit's own ``bind="query-params"`` writes the *label* of an option, which depends on
the language, and knows no tables or grids; this does both.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import streamlit as st

from cnnviz.messages import N_
from cnnviz.ui.language import _

T = TypeVar("T")
PREDICT = "predict"
"""Session key: whether lessons ask before they show."""
PAGE = "_page"
"""Session key: the lesson that this run has opened."""
_LINKS = "_links"
_COMPLAINTS = "_complaints"


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How a value is written in an address and read back.

    Attributes:
        write: value to text.
        read: text to value; raises ValueError where the text means nothing here.
        expected: what would have been understood, as a marked English template, and its fields.
        draw: a random value, for the next question.
    """

    write: Callable[[T], str]
    read: Callable[[str], T]
    expected: str
    fields: Mapping[str, object]
    draw: Callable[[random.Random], T] | None = None


def whole(low: int, high: int) -> Codec[int]:
    """A whole number from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    expected = N_("a whole number from {low} to {high}")
    return Codec(str, read, expected, {"low": low, "high": high}, lambda rng: rng.randint(low, high))


def number(low: float, high: float) -> Codec[float]:
    """A finite number from `low` to `high`."""

    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(text)
        return value

    expected = N_("a number from {low} to {high}")
    return Codec(lambda value: f"{value:g}", read, expected, {"low": low, "high": high})


def choice(options: Sequence[str]) -> Codec[str]:
    """One of `options`."""

    def read(text: str) -> str:
        if text not in options:
            raise ValueError(text)
        return text

    expected = N_("one of {options}")
    return Codec(str, read, expected, {"options": ", ".join(options)}, lambda rng: rng.choice(options))


def samples_only(samples: Sequence[str]) -> Codec[str]:
    """A photo: the link names a sample; an own photo never leaves the session, so it writes nothing."""
    codec = choice(samples)
    return Codec(lambda value: value if value in samples else "", codec.read, codec.expected, codec.fields)


def flag() -> Codec[bool]:
    """On or off, written 1 or 0."""

    def read(text: str) -> bool:
        if text not in ("0", "1"):
            raise ValueError(text)
        return text == "1"

    return Codec(lambda on: str(int(on)), read, N_("0 or 1"), {}, lambda rng: rng.random() < 0.5)


def cells(most: int) -> Codec[tuple[int, ...]]:
    """A few whole numbers, such as a cell's channel, row and column: ``0_2_3``."""

    def read(text: str) -> tuple[int, ...]:
        values = tuple(int(part) for part in text.split("_"))
        if len(values) > most:
            raise ValueError(text)
        return values

    expected = N_("at most {most} whole numbers joined by _")
    return Codec(lambda values: "_".join(map(str, values)), read, expected, {"most": most})


Grid = tuple[tuple[tuple[float, ...], ...], ...]


def grids(most: int) -> Codec[Grid]:
    """Channels of rows of numbers, at most `most` numbers in all: ``1_2~3_4`` is one 2×2 grid.

    Channels are joined by ``.-.``, rows by ``~``, numbers by ``_``: characters that an address
    leaves as they are.
    """

    def write(value: Grid) -> str:
        return ".-.".join("~".join("_".join(f"{x:g}" for x in row) for row in channel) for channel in value)

    def read(text: str) -> Grid:
        value = tuple(
            tuple(tuple(float(x) for x in row.split("_")) for row in channel.split("~"))
            for channel in text.split(".-.")
        )
        flat = [x for channel in value for row in channel for x in row]
        even = len({(len(channel), len(row)) for channel in value for row in channel}) == 1
        if not even or len(flat) > most or not all(math.isfinite(x) for x in flat):
            raise ValueError(text)
        return value

    return Codec(write, read, N_("rows of at most {most} numbers in all, like 1_2~3_4"), {"most": most})


@dataclass(frozen=True)
class _Link:
    name: str
    default: Any
    codec: Codec[Any]


def begin() -> None:
    """Start a run of the script: nothing is linked yet."""
    st.session_state[_LINKS] = {}
    st.session_state[_COMPLAINTS] = []
    st.session_state[PAGE] = None


def link(key: str, name: str, default: T, codec: Codec[T]) -> T:
    """Tie session key `key` to `name` in the address, and return its present value.

    The first time in a session the value comes from the address. One that means nothing here is
    replaced by `default`, and the page says so.
    """
    if key not in st.session_state:
        st.session_state[key] = default
        if name in st.query_params:
            text = st.query_params[name]
            try:
                st.session_state[key] = codec.read(text)
            except (ValueError, OverflowError):
                sentence = _("The link says {name}={text}; expected {expected}. The usual value is shown.")
                expected = _(codec.expected).format(**codec.fields)
                st.session_state[_COMPLAINTS].append(
                    sentence.format(name=name, text=text[:40], expected=expected)
                )
    st.session_state[_LINKS][key] = _Link(name, default, codec)
    return st.session_state[key]


def complaints() -> list[str]:
    """What in the address could not be understood, in the reader's language."""
    return st.session_state[_COMPLAINTS]


def parameters() -> dict[str, str]:
    """The address's parameters for the present state, defaults left out."""
    written = {
        linked.name: linked.codec.write(st.session_state[key])
        for key, linked in st.session_state[_LINKS].items()
        if st.session_state[key] != linked.default
    }
    return {name: text for name, text in written.items() if text}


def publish() -> None:
    """Write the state to the address, if it is not what the address says."""
    wanted = parameters()
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def address() -> str:
    """The full address that shows this state in another browser."""
    base, query = st.context.url or "", urlencode(parameters())
    return f"{base}?{query}" if query else base


def defaults(scope: str) -> dict[str, Any]:
    """The default of every linked value whose key is in `scope`."""
    links: Mapping[str, _Link] = st.session_state[_LINKS]
    return {key: linked.default for key, linked in links.items() if key.startswith(f"{scope}.")}


def signature(scope: str) -> tuple[tuple[str, str], ...]:
    """What the linked values of `scope` are now, to compare with another moment."""
    links: Mapping[str, _Link] = st.session_state[_LINKS]
    return tuple(
        (linked.name, linked.codec.write(st.session_state[key]))
        for key, linked in links.items()
        if key.startswith(f"{scope}.")
    )


def redraw(keys: Sequence[str], accept: Callable[[Mapping[str, Any]], bool], seed: int | None = None) -> None:
    """Give the linked `keys` new random values for which `accept` says yes (a widget callback).

    Values stay as they are if none of 200 draws is accepted.
    """
    rng = random.Random(seed)
    links: Mapping[str, _Link] = st.session_state[_LINKS]
    for _attempt in range(200):
        drawn = {key: links[key].codec.draw(rng) for key in keys if links[key].codec.draw}  # type: ignore[misc]
        changed = any(drawn[key] != st.session_state[key] for key in drawn)
        if changed and accept({key.rpartition(".")[2]: value for key, value in drawn.items()}):
            st.session_state.update(drawn)
            return
