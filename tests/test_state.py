"""What goes into a link comes out of it again, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.ui import state

numbers = st.integers(-999, 999).map(float) | st.sampled_from([0.5, -0.25, 1.125])


@st.composite
def grid_values(draw: st.DrawFn) -> state.Grid:
    channels, rows, columns = (draw(st.integers(1, 3)) for _side in range(3))
    row = st.tuples(*[numbers] * columns)
    return draw(st.tuples(*[st.tuples(*[row] * rows)] * channels))


@given(grid_values())
def test_grids_survive_the_link(value: state.Grid) -> None:
    codec = state.grids(27)
    assert codec.read(codec.write(value)) == value


@given(grid_values())
def test_grids_need_no_escaping(value: state.Grid) -> None:
    assert set(state.grids(27).write(value)) <= set("0123456789-._~e+")


@given(st.integers(-5, 50))
def test_whole_numbers_keep_their_bounds(value: int) -> None:
    codec = state.whole(1, 4)
    if 1 <= value <= 4:
        assert codec.read(codec.write(value)) == value
    else:
        with pytest.raises(ValueError, match=str(value)):
            codec.read(str(value))


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        (state.whole(0, 9), "3.5"),
        (state.whole(0, 9), "x"),
        (state.number(0, 1), "nan"),
        (state.number(0, 1), "inf"),
        (state.choice(["a", "b"]), "c"),
        (state.flag(), "yes"),
        (state.cells(2), "1_2_3"),
        (state.grids(4), "1_2~3"),
        (state.grids(4), "1_2_3_4_5"),
        (state.grids(4), "nan"),
        (state.grids(4), ""),
    ],
)
def test_nonsense_is_refused(codec: state.Codec, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each codec says it in its own words
        codec.read(text)


def test_own_photo_writes_nothing() -> None:
    assert state.samples_only(["cat"]).write("own") == ""
    assert state.samples_only(["cat"]).write("cat") == "cat"
